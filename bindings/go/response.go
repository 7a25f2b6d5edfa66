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

// failure gives the error of a response, nil if it went well.
func failure(handle uintptr) *Error {
	broken := call(lib.response_error, handle)
	if broken == 0 {
		return nil
	}
	err := copyError(broken)
	err.Attempts = int(uint32(call(lib.response_attempts, handle)))
	return err
}

// copyResponse copies a response that C owns.
func copyResponse(handle uintptr) *Response {
	var data, length uintptr
	call(lib.response_body, handle, uintptr(unsafe.Pointer(&data)), uintptr(unsafe.Pointer(&length)))
	return &Response{
		HTTPStatus: int(int32(call(lib.response_http_status, handle))),
		Header:     copyHeader(handle),
		Body:       append([]byte{}, view(data, length)...),
		RequestID:  goString(call(lib.response_request_id, handle)),
		Attempts:   int(uint32(call(lib.response_attempts, handle))),
		Usage:      copyUsage(handle),
	}
}

func copyHeader(handle uintptr) http.Header {
	header := http.Header{}
	var name, value uintptr
	for i := uintptr(0); ; i++ {
		call(lib.response_header_at, handle, i, uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&value)))
		if name == 0 {
			return header
		}
		header.Add(goString(name), goString(value))
	}
}

func copyUsage(handle uintptr) Usage {
	var usage Usage
	call(lib.response_usage, handle, uintptr(unsafe.Pointer(&usage.PromptTokens)),
		uintptr(unsafe.Pointer(&usage.CompletionTokens)), uintptr(unsafe.Pointer(&usage.TotalTokens)))
	return usage
}

// copyEmbeddings copies the vectors of a response that C owns: one copy, from the matrix to Go's memory.
func copyEmbeddings(handle uintptr) (*Embeddings, error) {
	var data, rows, dims uintptr
	status := call(lib.response_embeddings, handle, uintptr(unsafe.Pointer(&data)), uintptr(unsafe.Pointer(&rows)),
		uintptr(unsafe.Pointer(&dims)))
	if int32(status) != 0 {
		return nil, &Error{Status: Status(status), Message: "the answer holds no vectors"}
	}
	made := &Embeddings{
		Rows:      int(rows),
		Dims:      int(dims),
		RequestID: goString(call(lib.response_request_id, handle)),
		Attempts:  int(uint32(call(lib.response_attempts, handle))),
		Usage:     copyUsage(handle),
	}
	if rows*dims > 0 {
		made.Data = append([]float32{}, unsafe.Slice((*float32)(pointer(data)), rows*dims)...)
	}
	return made, nil
}
