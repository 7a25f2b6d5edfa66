// This file checks webhooks.

package oaic

import (
	"net/http"
	"time"
	"unsafe"
)

// VerifyWebhook tells whether a webhook was signed with the client's webhook secret, and not long ago: only then
// believe its body, which is given byte for byte as it came. tolerance is how far its time may be from this machine's;
// 0 is five minutes. The error's status is BadWebhook if it must not be believed.
func (c *Client) VerifyWebhook(body []byte, header http.Header, tolerance time.Duration) error {
	signed := signedOf(body, header)
	return c.use(func(handle uintptr) error {
		var broken uintptr
		status := call(lib.webhook_verify, handle, uintptr(unsafe.Pointer(&signed.body[0])), uintptr(len(body)),
			uintptr(unsafe.Pointer(signed.id)), uintptr(unsafe.Pointer(signed.timestamp)),
			uintptr(unsafe.Pointer(signed.signature)), uintptr(tolerance.Milliseconds()), uintptr(unsafe.Pointer(&broken)))
		return takeError(status, broken)
	})
}

// VerifyWebhook does the same without a client: with a secret that is given, at a time that is given.
func VerifyWebhook(secret string, body []byte, header http.Header, tolerance time.Duration, now time.Time) error {
	if err := load(); err != nil {
		return err
	}
	signed := signedOf(body, header)
	var broken uintptr
	status := call(lib.webhook_verify_secret, uintptr(unsafe.Pointer(cText(secret))),
		uintptr(unsafe.Pointer(&signed.body[0])), uintptr(len(body)), uintptr(unsafe.Pointer(signed.id)),
		uintptr(unsafe.Pointer(signed.timestamp)), uintptr(unsafe.Pointer(signed.signature)),
		uintptr(tolerance.Milliseconds()), uintptr(now.UnixMilli()), uintptr(unsafe.Pointer(&broken)))
	return takeError(status, broken)
}

// signed is a webhook as C takes it; what did not come is nil.
type signed struct {
	body                     []byte
	id, timestamp, signature *byte
}

func signedOf(body []byte, header http.Header) signed {
	return signed{
		// Never an empty slice, which has no address.
		body:      append(append([]byte{}, body...), 0),
		id:        cString(header.Get("webhook-id")),
		timestamp: cString(header.Get("webhook-timestamp")),
		signature: cString(header.Get("webhook-signature")),
	}
}
