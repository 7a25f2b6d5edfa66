// This file follows lists from page to page.

package oaic

import (
	"context"
	"encoding/json"
	"iter"
	"unsafe"
)

// Pages ranges over the pages of a list, such as GET /files. The next page is fetched while the loop works on one. The
// request's query (limit, order, filters) goes with each page.
func (c *Client) Pages(ctx context.Context, request *Request) iter.Seq2[*Response, error] {
	return func(yield func(*Response, error) bool) {
		native, err := request.build(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer call(lib.request_free, native)
		next, err := c.startPage(ctx, native)
		for err == nil {
			page := next
			next = nil
			err = c.await(ctx, page.started)
			if err == nil {
				err = page.err
			}
			if err != nil {
				break
			}
			if page.more {
				next, err = c.startPage(ctx, native)
			}
			if !yield(page.answer, nil) {
				if next != nil {
					c.cancel(next.started.id)
					<-next.started.call.done
				}
				return
			}
			if next == nil && err == nil {
				return
			}
		}
		yield(nil, err)
	}
}

// page is a page that was asked for. What it brings is written before its call is done.
type page struct {
	started started
	answer  *Response
	more    bool
	err     error
}

// startPage asks for the page that native asks for. When it comes, native is led to the page behind it: until then
// nobody else touches it.
func (c *Client) startPage(ctx context.Context, native uintptr) (*page, error) {
	made := &page{}
	var err error
	made.started, err = c.start(nil, func(response uintptr) {
		if made.err = ended(ctx, response); made.err != nil {
			return
		}
		made.answer = copyResponse(response)
		var more int32
		var broken uintptr
		status := call(lib.request_next_page, native, response, uintptr(unsafe.Pointer(&more)), uintptr(unsafe.Pointer(&broken)))
		made.more, made.err = more != 0, takeError(status, broken)
	}, submissionOf(native))
	return made, err
}

// Items ranges over the items of a list, page by page, each decoded into a T.
func Items[T any](ctx context.Context, client *Client, request *Request) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for answer, err := range client.Pages(ctx, request) {
			var list struct{ Data []json.RawMessage }
			if err == nil {
				err = answer.Decode(&list)
			}
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, raw := range list.Data {
				var item T
				err := json.Unmarshal(raw, &item)
				if !yield(item, err) {
					return
				}
			}
		}
	}
}
