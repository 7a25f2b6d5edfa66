// This file turns the library's errors into Go's. It decides nothing.

package oaic

import (
	"context"
	"fmt"
	"time"
	"unsafe"
)

// Status says what became of a call. Its numbers are those of the C library and never change.
type Status int32

// The statuses that programs look for most often; Status.String names all of them.
const (
	OK               Status = 0
	InvalidArgument  Status = -1
	BadState         Status = -2
	BadConfig        Status = -4
	NoAPIKey         Status = -5
	UnknownID        Status = -6
	BadWebhook       Status = -9
	FileFailed       Status = -10
	ConnectFailed    Status = -100
	TLSFailed        Status = -101
	TimedOut         Status = -102
	ConnectionLost   Status = -103
	AnswerTooLarge   Status = -105
	DecodeFailed     Status = -107
	Incomplete       Status = -108
	StreamFailed     Status = -109
	IdleTimeout      Status = -110
	HTTPFailed       Status = -200
	BadRequest       Status = -201
	Unauthenticated  Status = -202
	Forbidden        Status = -203
	NotFound         Status = -204
	Conflict         Status = -205
	Unprocessable    Status = -206
	RateLimited      Status = -207
	QuotaExceeded    Status = -208
	ServerFailed     Status = -209
	QueueFull        Status = -300
	DeadlineExceeded Status = -301
	Cancelled        Status = -302
	Closed           Status = -303
	LimitExceeded    Status = -304
	Forked           Status = -400
	ShutDown         Status = -401
	Panicked         Status = -402
)

// String gives the status's name in the C library, such as "OAI_ERR_RATE_LIMITED".
func (s Status) String() string {
	if load() != nil {
		return fmt.Sprintf("status %d", int32(s))
	}
	return goString(call(lib.status_name, uintptr(s)))
}

// Error makes a status a target for errors.Is: errors.Is(err, oaic.RateLimited).
func (s Status) Error() string { return s.String() }

// Error is what went wrong with a call. errors.As finds it; errors.Is compares its Status, and finds context.Canceled
// and context.DeadlineExceeded where they are the reason.
type Error struct {
	// Status says what happened.
	Status Status
	// HTTPStatus is that of the last answer, 0 if none came.
	HTTPStatus int
	// Type, Code and Param are the server's own words, empty where it gave none.
	Type, Code, Param string
	// Message is a sentence for a person: what failed, after how many attempts, what the server said, what to do.
	Message string
	// RequestID is the server's id of the request, which its support asks for.
	RequestID string
	// RetryAfter is how long the server asked to wait, 0 if it did not.
	RetryAfter time.Duration
	// Attempts is how often the request was sent, 0 if it was refused.
	Attempts int
	// MayHaveExecuted tells that the server may have carried the request out all the same, and billed it.
	MayHaveExecuted bool

	// Body is that of the last answer. Of a RunBatch or UploadInParts that can go on, it is the JSON to go on with; of a
	// WaitUntil whose time is over, the object as it was last seen.
	Body []byte

	cause error
}

// Error gives the message.
func (e *Error) Error() string { return "oaic: " + e.Message }

// Is compares with a Status or with the errors of package context.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled:
		return e.Status == Cancelled && e.cause == target
	case context.DeadlineExceeded:
		return e.Status == DeadlineExceeded || e.cause == target
	}
	return target == e.Status
}

// Unwrap gives the context's error if that ended the call, and context.Cause's if it was given one.
func (e *Error) Unwrap() error { return e.cause }

// errorView is oai_error_view of the header.
type errorView struct {
	status, httpStatus                    int32
	retryAfter                            uint64
	mayHaveExecuted, _                    int32
	message, kind, code, param, requestID uintptr
	_                                     [4]uint64
}

// copyError copies an error that C owns.
func copyError(handle uintptr) *Error {
	var view errorView
	call(lib.error_get_view, handle, uintptr(unsafe.Pointer(&view)))
	return &Error{
		Status:          Status(view.status),
		HTTPStatus:      int(view.httpStatus),
		Type:            goString(view.kind),
		Code:            goString(view.code),
		Param:           goString(view.param),
		Message:         goString(view.message),
		RequestID:       goString(view.requestID),
		RetryAfter:      time.Duration(view.retryAfter) * time.Millisecond,
		MayHaveExecuted: view.mayHaveExecuted != 0,
	}
}

// takeError copies an error that the caller owns, and frees it.
func takeError(status, handle uintptr) error {
	if int32(status) == 0 {
		return nil
	}
	if handle == 0 {
		return &Error{Status: Status(status), Message: Status(status).String()}
	}
	err := copyError(handle)
	call(lib.error_free, handle)
	return err
}
