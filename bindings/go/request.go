// This file is a request in Go, and how it is put together in C.

package oaic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Priority is the place of a request among those of its model. Waiting counts too, so that nothing waits for ever.
type Priority uint32

// The priorities. The zero value of a Request's Priority is PriorityNormal.
const (
	PriorityNormal Priority = iota
	PriorityHigh
	PriorityLow
)

// native is the number that the C library knows the priority by.
func (p Priority) native() uintptr {
	switch p {
	case PriorityHigh:
		return 0
	case PriorityNormal:
		return 1
	case PriorityLow:
		return 2
	}
	// Not one of its numbers either, so that it is refused.
	return uintptr(p)
}

// Request is any operation of the API.
type Request struct {
	// Method is the HTTP method, such as "POST".
	Method string
	// Path is what follows the base URL, such as "/chat/completions".
	Path string
	// Query holds query parameters; they are encoded as needed.
	Query url.Values
	// Header holds headers, which win over those that the client would send.
	Header http.Header
	// JSON is the body: a string, []byte or json.RawMessage is sent to the letter, anything else is marshalled. With
	// Fields or Files its members become fields of the form.
	JSON any
	// Fields and Files make the body a form (multipart/form-data).
	Fields []Field
	Files  []File
	// OutputPath is a file that the body of a good answer is written to as it comes; OutputFile an open one.
	OutputPath string
	OutputFile *os.File
	// Priority is the place among the requests of the same model.
	Priority Priority
	// Timeout limits the request as a whole, with queue and retries; 0 leaves it to the client's timeout_ms. A deadline
	// of the context that comes earlier holds instead.
	Timeout time.Duration
	// IdempotencyKey is sent as Idempotency-Key, the same in each attempt.
	IdempotencyKey string
	// OnProgress is told how far a form or an answer to a file has come, at most ten times a second. It is called on
	// the goroutine that takes the client's outcomes, so it must not block.
	OnProgress func(Progress)

	stream     bool
	inputs     []string
	model      string
	dimensions uint32
	user       string
}

// Field is a field of a form.
type Field struct {
	Name, Value string
}

// File is a file of a form: one on disk, which is read while it is sent, or one in memory.
type File struct {
	// Field is the name of the field, such as "file"; the short forms set it.
	Field string
	// Path is the file on disk. Without it Content is sent, and Name must be given.
	Path    string
	Content []byte
	// Name is the file's name as the server sees it; that of Path unless given.
	Name string
	// ContentType is what the name's ending says unless given.
	ContentType string
}

// RequestOption changes the request of a short form.
type RequestOption func(*Request)

// WithPriority sets the place among the requests of the same model.
func WithPriority(priority Priority) RequestOption {
	return func(r *Request) { r.Priority = priority }
}

// WithRequestTimeout limits the request as a whole, with queue and retries.
func WithRequestTimeout(limit time.Duration) RequestOption {
	return func(r *Request) { r.Timeout = limit }
}

// WithIdempotencyKey sends a key, the same in each attempt.
func WithIdempotencyKey(key string) RequestOption {
	return func(r *Request) { r.IdempotencyKey = key }
}

// WithHeader sends a header, which wins over one that the client would send.
func WithHeader(name, value string) RequestOption {
	return func(r *Request) {
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set(name, value)
	}
}

// WithQuery adds a query parameter.
func WithQuery(name, value string) RequestOption {
	return func(r *Request) {
		if r.Query == nil {
			r.Query = url.Values{}
		}
		r.Query.Add(name, value)
	}
}

// WithProgress tells how far a form or an answer to a file has come; see Request.OnProgress.
func WithProgress(tell func(Progress)) RequestOption {
	return func(r *Request) { r.OnProgress = tell }
}

// WithDimensions asks for vectors of that length, from models that can shorten them.
func WithDimensions(dimensions int) RequestOption {
	return func(r *Request) { r.dimensions = uint32(dimensions) }
}

// WithUser names your end user, for OpenAI's abuse monitoring.
func WithUser(user string) RequestOption {
	return func(r *Request) { r.user = user }
}

func (r *Request) with(options []RequestOption) *Request {
	for _, option := range options {
		option(r)
	}
	return r
}

// begun refuses a call whose context has ended.
func begun(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &Error{Status: Cancelled, Message: "the context had ended before the request was sent: " + err.Error(), cause: err}
	}
	return nil
}

// build makes the request of the C library, which the caller frees.
func (r *Request) build(ctx context.Context) (uintptr, error) {
	if err := begun(ctx); err != nil {
		return 0, err
	}
	var native, broken uintptr
	status := call(lib.request_new, uintptr(unsafe.Pointer(cText(r.Method))), uintptr(unsafe.Pointer(cText(r.Path))),
		uintptr(unsafe.Pointer(&native)), uintptr(unsafe.Pointer(&broken)))
	if int32(status) != 0 {
		return 0, takeError(status, broken)
	}
	if err := r.fill(ctx, native); err != nil {
		call(lib.request_free, native)
		return 0, err
	}
	return native, nil
}

func (r *Request) fill(ctx context.Context, native uintptr) error {
	var err error
	// set notes the first of the setters that refuses.
	set := func(what string, status uintptr) {
		if int32(status) != 0 && err == nil {
			err = &Error{
				Status:  Status(status),
				Message: fmt.Sprintf("%s of %s %s cannot be sent (%v); the log says why", what, r.Method, r.Path, Status(status)),
			}
		}
	}
	// In the order of their names, as url.Values.Encode has them.
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		for _, value := range r.Query[name] {
			set("the query parameter "+name, call(lib.request_add_query, native, uintptr(unsafe.Pointer(cText(name))),
				uintptr(unsafe.Pointer(cText(value)))))
		}
	}
	for name, values := range r.Header {
		set("the header "+name, call(lib.request_set_header, native, uintptr(unsafe.Pointer(cText(name))),
			uintptr(unsafe.Pointer(cText(strings.Join(values, ", "))))))
	}
	if r.JSON != nil {
		text, broken := jsonOf(r.JSON)
		if broken != nil {
			return fmt.Errorf("oaic: the body of %s %s cannot be marshalled: %w", r.Method, r.Path, broken)
		}
		text = append(text, 0)
		set("the JSON", call(lib.request_set_json, native, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)-1)))
	}
	if r.inputs != nil {
		packed, lengths := pack(r.inputs)
		set("the input", call(lib.request_set_inputs_packed, native, uintptr(unsafe.Pointer(start(packed))),
			uintptr(unsafe.Pointer(start(lengths))), uintptr(len(lengths))))
	}
	if r.model != "" {
		set("the model", call(lib.request_set_model, native, uintptr(unsafe.Pointer(cText(r.model)))))
	}
	if r.dimensions != 0 {
		set("the number of dimensions", call(lib.request_set_dimensions, native, uintptr(r.dimensions)))
	}
	if r.user != "" {
		set("the user", call(lib.request_set_user, native, uintptr(unsafe.Pointer(cText(r.user)))))
	}
	for _, field := range r.Fields {
		set("the field "+field.Name, call(lib.request_add_field, native, uintptr(unsafe.Pointer(cText(field.Name))),
			uintptr(unsafe.Pointer(cText(field.Value))), uintptr(len(field.Value))))
	}
	for _, file := range r.Files {
		set("the file "+file.Name+file.Path, file.add(native))
	}
	if r.OutputPath != "" {
		set("the output path", call(lib.request_set_output_path, native, uintptr(unsafe.Pointer(cText(r.OutputPath)))))
	}
	if r.OutputFile != nil {
		set("the output file", call(lib.request_set_output_fd, native, r.OutputFile.Fd()))
	}
	if r.Priority != PriorityNormal {
		set("the priority", call(lib.request_set_priority, native, r.Priority.native()))
	}
	if limit := r.limit(ctx); limit != 0 {
		set("the timeout", call(lib.request_set_timeout_ms, native, uintptr(limit)))
	}
	if r.IdempotencyKey != "" {
		set("the idempotency key", call(lib.request_set_idempotency_key, native, uintptr(unsafe.Pointer(cText(r.IdempotencyKey)))))
	}
	if r.OnProgress != nil {
		set("progress", call(lib.request_set_progress, native, 1))
	}
	if r.stream {
		set("the stream", call(lib.request_set_stream, native, 1))
	}
	return err
}

// limit is the request's time in milliseconds, 0 for none.
func (r *Request) limit(ctx context.Context) int64 {
	limit := r.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); limit == 0 || left < limit {
			limit = max(left, time.Millisecond)
		}
	}
	return int64(math.Ceil(float64(limit) / float64(time.Millisecond)))
}

func (f *File) add(native uintptr) uintptr {
	if f.Path != "" {
		return call(lib.request_add_file_path, native, uintptr(unsafe.Pointer(cText(f.Field))),
			uintptr(unsafe.Pointer(cText(f.Path))), uintptr(unsafe.Pointer(cString(f.Name))),
			uintptr(unsafe.Pointer(cString(f.ContentType))))
	}
	return call(lib.request_add_file, native, uintptr(unsafe.Pointer(cText(f.Field))),
		uintptr(unsafe.Pointer(cText(f.Name))), uintptr(unsafe.Pointer(cString(f.ContentType))),
		uintptr(unsafe.Pointer(start(f.Content))), uintptr(len(f.Content)))
}

// jsonOf is a body as JSON text.
func jsonOf(body any) ([]byte, error) {
	switch body := body.(type) {
	case string:
		return []byte(body), nil
	case []byte:
		return append([]byte{}, body...), nil
	case json.RawMessage:
		return append([]byte{}, body...), nil
	}
	return json.Marshal(body)
}

// pack puts texts one behind the other, as request_set_inputs_packed takes them.
func pack(texts []string) ([]byte, []uintptr) {
	total := 0
	for _, text := range texts {
		total += len(text)
	}
	packed := make([]byte, 0, total)
	lengths := make([]uintptr, 0, len(texts))
	for _, text := range texts {
		packed = append(packed, text...)
		lengths = append(lengths, uintptr(len(text)))
	}
	return packed, lengths
}
