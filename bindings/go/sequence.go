// This file is the calls that are several requests, one after the other: waiting until something is done, batches,
// and uploads in parts. The library makes the requests.

package oaic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unsafe"
)

// PollOption says how the library looks at an object until it is done.
type PollOption func(*polling)

// polling is what PollOptions set: members of the library's JSON, and who is told meanwhile.
type polling struct {
	members  map[string]any
	progress func(Progress)
}

// WithPollInterval sets the time before the second look, and the most that it grows to. 1 and 10 seconds unless given.
func WithPollInterval(first, most time.Duration) PollOption {
	return func(p *polling) {
		p.members["interval_ms"], p.members["max_interval_ms"] = first.Milliseconds(), most.Milliseconds()
	}
}

// WithPollField names the field that tells what has become of the object; "status" unless given. For WaitUntil only.
func WithPollField(name string) PollOption {
	return func(p *polling) { p.members["field"] = name }
}

// WithPollStatuses names the statuses that end the wait, in place of those in which the API's objects stay, or wait for
// their owner, such as completed, failed and requires_action. For WaitUntil only.
func WithPollStatuses(statuses ...string) PollOption {
	return func(p *polling) { p.members["statuses"] = statuses }
}

// WithBatchProgress tells how much of the input has gone up, what is new of the batch, and how much of the results has
// come, as Request.OnProgress is told. For RunBatch only.
func WithBatchProgress(tell func(Progress)) PollOption {
	return func(p *polling) { p.members["progress"], p.progress = tell != nil, tell }
}

// WaitUntil asks for an object until it is done: a run, batch, fine-tuning job, vector-store file, video or background
// response. The request is the GET that gives the object; its Timeout is that of each look, a deadline of ctx that of
// the whole wait. The answer is the object as it ended, also one that failed: look at its status.
func (c *Client) WaitUntil(ctx context.Context, request *Request, options ...PollOption) (*Response, error) {
	native, err := request.build(ctx)
	if err != nil {
		return nil, err
	}
	defer call(lib.request_free, native)
	text, _, err := sequenceJSON(nil, until(ctx), options...)
	if err != nil {
		return nil, err
	}
	return c.sequence(ctx, nil, func(handle, queue uintptr, tag uint64, id *uint64, broken *uintptr) uintptr {
		return call(lib.wait_until_to, handle, native, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)), queue,
			uintptr(tag), uintptr(unsafe.Pointer(id)), uintptr(unsafe.Pointer(broken)))
	})
}

// RunBatch runs a batch from its input file to its results: it uploads the file input (JSONL, one request a line),
// creates the batch, waits until it has ended, and writes its results to output, and the lines that failed to the same
// path with .errors added. Without an output, "", no results are fetched. The body holds the members of POST /batches:
// the endpoint, such as "/v1/chat/completions", and whatever else.
//
// The answer is the batch as it ended, also one that failed: look at its status and request_counts. When ctx ends, the
// batch goes on at the server, and the Body of the *Error holds the member that another RunBatch goes on with, such as
// {"batch_id": "batch_1"}, with an input of "".
func (c *Client) RunBatch(ctx context.Context, body any, input, output string, options ...PollOption) (*Response, error) {
	text, progress, err := sequenceJSON(body, until(ctx), options...)
	if err != nil {
		return nil, err
	}
	return c.sequence(ctx, progress, func(handle, queue uintptr, tag uint64, id *uint64, broken *uintptr) uintptr {
		return call(lib.batch_run_to, handle, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)),
			uintptr(unsafe.Pointer(cString(input))), uintptr(unsafe.Pointer(cString(output))), queue, uintptr(tag),
			uintptr(unsafe.Pointer(id)), uintptr(unsafe.Pointer(broken)))
	})
}

// UploadInParts uploads a file that is too large for Upload: in parts of 64 MiB, four at a time, read from disk while
// they are sent. The body holds the members of POST /uploads, such as purpose, and part_bytes for smaller parts.
// progress is nil, or told how many bytes of whole parts have arrived, as Request.OnProgress is. The answer is the
// completed upload, with the file in it.
//
// When ctx ends, or the network fails for good, the Body of the *Error is what another UploadInParts of the same file
// goes on with, as its body.
func (c *Client) UploadInParts(ctx context.Context, path string, body any, progress func(Progress)) (*Response, error) {
	text, progress, err := sequenceJSON(body, WithBatchProgress(progress))
	if err != nil {
		return nil, err
	}
	return c.sequence(ctx, progress, func(handle, queue uintptr, tag uint64, id *uint64, broken *uintptr) uintptr {
		return call(lib.upload_to, handle, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)),
			uintptr(unsafe.Pointer(cText(path))), queue, uintptr(tag), uintptr(unsafe.Pointer(id)),
			uintptr(unsafe.Pointer(broken)))
	})
}

// sequence waits for the outcome of what submit begins.
func (c *Client) sequence(ctx context.Context, progress func(Progress), submit submission) (*Response, error) {
	if err := begun(ctx); err != nil {
		return nil, err
	}
	var answer *Response
	var failed error
	err := c.carryOut(ctx, progress, func(response uintptr) {
		if failed = ended(ctx, response); failed == nil {
			answer = copyResponse(response)
		}
	}, submit)
	if err != nil {
		return nil, err
	}
	return answer, failed
}

// until lets the call end with ctx's deadline, if it has one.
func until(ctx context.Context) PollOption {
	return func(p *polling) {
		if limit := (&Request{}).limit(ctx); limit != 0 {
			p.members["timeout_ms"] = limit
		}
	}
}

// sequenceJSON is a body with the members that options add, and who is told how far it has come.
func sequenceJSON(body any, first PollOption, options ...PollOption) ([]byte, func(Progress), error) {
	given := map[string]json.RawMessage{}
	if body != nil {
		text, err := jsonOf(body)
		if err == nil {
			err = json.Unmarshal(text, &given)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("oaic: the body is no JSON object: %w", err)
		}
	}
	how := polling{members: make(map[string]any, len(given)+len(options))}
	for name, value := range given {
		how.members[name] = value
	}
	first(&how)
	for _, option := range options {
		option(&how)
	}
	text, err := json.Marshal(how.members)
	return text, how.progress, err
}
