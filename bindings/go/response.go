// This file copies responses out of C memory, so that nothing in Go has to be freed.

package oaic

import (
	"encoding/json"
	"net/http"
	"unsafe"
)

// Response is the answer to a call that went well.
type Response struct {
	// HTTPStatus is that of the answer.
	HTTPStatus int
	// Header holds the answer's headers.
	Header http.Header
	// Body is the answer as it was received, decompressed; of a stream, the whole message.
	Body []byte
	// RequestID is the server's id of the request.
	RequestID string
	// Attempts is how often the request was sent.
	Attempts int
	// Usage is what the server counted, 0 where it told nothing.
	Usage Usage
	// Fallback is 0 if the client's own place answered, n for the nth of its fallbacks.
	Fallback int
}

// Usage is the tokens that the server counted.
type Usage struct {
	PromptTokens, CompletionTokens, TotalTokens uint64
}

// Decode parses the body's JSON into v.
func (r *Response) Decode(v any) error { return json.Unmarshal(r.Body, v) }

// Embeddings are the vectors of an embed call: a row-major matrix with one row for each input, in their order.
type Embeddings struct {
	// Data holds Rows * Dims numbers.
	Data []float32
	// Rows is the number of inputs, Dims the length of each vector.
	Rows, Dims int
	// HTTPStatus is that of the answer.
	HTTPStatus int
	// RequestID is the server's id of the request.
	RequestID string
	// Attempts is how often the request was sent.
	Attempts int
	// Usage is what the server counted.
	Usage Usage
}

// Row gives the vector of input i, without a copy.
func (e *Embeddings) Row(i int) []float32 {
	return e.Data[i*e.Dims : (i+1)*e.Dims : (i+1)*e.Dims]
}

// responseView is oai_response_view of the header.
type responseView struct {
	id                     uint64
	status, httpStatus     int32
	attempts, headers      uint32
	body, bodyLength       uintptr
	embeddings, rows, dims uintptr
	requestID, failed      uintptr
	_                      [4]uint64
}

func viewOf(handle uintptr) (view responseView) {
	call(lib.response_get_view, handle, uintptr(unsafe.Pointer(&view)))
	return view
}

// failure gives the error of a response, nil if it went well.
func (v *responseView) failure() *Error {
	if v.failed == 0 {
		return nil
	}
	err := copyError(v.failed)
	err.Attempts = int(v.attempts)
	return err
}

// copyResponse copies a response that C owns.
func copyResponse(handle uintptr) *Response {
	seen := viewOf(handle)
	return &Response{
		HTTPStatus: int(seen.httpStatus),
		Header:     copyHeader(handle, uintptr(seen.headers)),
		Body:       append([]byte{}, view(seen.body, seen.bodyLength)...),
		RequestID:  goString(seen.requestID),
		Attempts:   int(seen.attempts),
		Usage:      copyUsage(handle),
		Fallback:   int(uint32(call(lib.response_fallback, handle))),
	}
}

func copyHeader(handle, count uintptr) http.Header {
	header := make(http.Header, count)
	var name, value uintptr
	for i := range count {
		call(lib.response_header_at, handle, i, uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&value)))
		header.Add(goString(name), goString(value))
	}
	return header
}

func copyUsage(handle uintptr) Usage {
	var usage Usage
	call(lib.response_usage, handle, uintptr(unsafe.Pointer(&usage.PromptTokens)),
		uintptr(unsafe.Pointer(&usage.CompletionTokens)), uintptr(unsafe.Pointer(&usage.TotalTokens)))
	return usage
}

// copyEmbeddings copies the vectors of a response that C owns: one copy, from the matrix to Go's memory.
func copyEmbeddings(handle uintptr) (*Embeddings, error) {
	seen := viewOf(handle)
	if seen.embeddings == 0 {
		return nil, &Error{Status: DecodeFailed, Message: "the answer holds no vectors"}
	}
	return &Embeddings{
		Data:       append([]float32{}, unsafe.Slice((*float32)(pointer(seen.embeddings)), seen.rows*seen.dims)...),
		Rows:       int(seen.rows),
		Dims:       int(seen.dims),
		HTTPStatus: int(seen.httpStatus),
		RequestID:  goString(seen.requestID),
		Attempts:   int(seen.attempts),
		Usage:      copyUsage(handle),
	}, nil
}
