// This file is bearer tokens that rotate: the library asks for one in the client's queue, and a goroutine answers.

package oaic

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// TokenProvider brings a bearer token, and when it ends; the zero time if that is not known. Its context ends with the
// client, and when another provider takes its place.
type TokenProvider func(ctx context.Context) (token string, expires time.Time, err error)

// WithTokenProvider lets a bearer token stand for the API key. The provider is asked before the first request, again
// shortly before the token's end, and when the server answers 401; requests wait for it, each within its deadline, and
// there is never more than one question at a time. Its error is the end of those who wait, with the status NoAPIKey.
// With nil, requests go with the API key again. A provider that refers to the client keeps it from being collected.
func WithTokenProvider(provider TokenProvider) Option { return Option{value: provider} }

// tokens is a provider in use.
type tokens struct {
	provider TokenProvider
	ctx      context.Context
	end      context.CancelFunc
}

// setProvider puts the last provider among the options into use, if there is one.
func (k *core) setProvider(options []Option) error {
	for i := len(options) - 1; i >= 0; i-- {
		if provider, ok := options[i].value.(TokenProvider); ok {
			return k.use(func(handle uintptr) error { return k.changeProvider(handle, provider) })
		}
	}
	return nil
}

func (k *core) changeProvider(handle uintptr, provider TokenProvider) error {
	var queueHandle uintptr
	var next *tokens
	k.mutex.Lock()
	before := k.tokens
	if provider != nil {
		queue, err := k.mainQueue()
		if err != nil {
			k.mutex.Unlock()
			return err
		}
		queueHandle = queue.handle
		ctx, end := context.WithCancel(context.Background())
		next = &tokens{provider, ctx, end}
	}
	// Before the library may ask.
	k.tokens = next
	k.mutex.Unlock()
	var broken uintptr
	err := takeError(call(lib.set_token_queue, handle, queueHandle, 0, uintptr(unsafe.Pointer(&broken))), broken)
	over := before
	if err != nil {
		k.mutex.Lock()
		k.tokens, over = before, next
		k.mutex.Unlock()
	}
	if over != nil {
		over.end()
	}
	return err
}

// answer asks the provider, and hands its answer to the library. A question that is no longer open is nobody's concern.
func (k *core) answer(tokens *tokens, wanted uint64) {
	token, expires, err := tokens.provider(tokens.ctx)
	if err == nil && !expires.IsZero() && !expires.After(time.Now()) {
		err = fmt.Errorf("the provider's token ended at %s already", expires.Format(time.RFC3339))
	}
	if err == nil {
		err = k.provide(wanted, token, expires)
	}
	if err != nil && !errors.Is(err, UnknownID) {
		k.refuse(wanted, err.Error())
	}
}

func (k *core) provide(wanted uint64, token string, expires time.Time) error {
	var life time.Duration
	if !expires.IsZero() {
		life = max(time.Until(expires), time.Millisecond)
	}
	return k.use(func(handle uintptr) error {
		var broken uintptr
		status := call(lib.provide_token, handle, uintptr(wanted), uintptr(unsafe.Pointer(cText(token))),
			uintptr(len(token)), uintptr(life.Milliseconds()), uintptr(unsafe.Pointer(&broken)))
		return takeError(status, broken)
	})
}

func (k *core) refuse(wanted uint64, why string) {
	k.use(func(handle uintptr) error {
		call(lib.refuse_token, handle, uintptr(wanted), uintptr(unsafe.Pointer(cText(why))), uintptr(len(why)), 0)
		return nil
	})
}
