// This file checks webhooks.

package oaic

import (
	"net/http"
	"time"
	"unsafe"
)

// VerifyWebhook tells whether a webhook was signed with the client's webhook secret, and not long ago: only then
// believe its body, which is given byte for byte as it came. tolerance is how far its time may be from this machine's;
// 0 is five minutes. An error's status is BadWebhook if it must not be believed.
func (c *Client) VerifyWebhook(body []byte, header http.Header, tolerance time.Duration) error {
	// Never an empty slice, which has no address.
	text := append(append([]byte{}, body...), 0)
	return c.use(func(handle uintptr) error {
		var broken uintptr
		status := call(lib.webhook_verify, handle, uintptr(unsafe.Pointer(&text[0])), uintptr(len(body)),
			uintptr(unsafe.Pointer(cString(header.Get("webhook-id")))),
			uintptr(unsafe.Pointer(cString(header.Get("webhook-timestamp")))),
			uintptr(unsafe.Pointer(cString(header.Get("webhook-signature")))),
			uintptr(tolerance.Milliseconds()), uintptr(unsafe.Pointer(&broken)))
		return takeError(status, broken)
	})
}
