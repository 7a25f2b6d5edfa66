// This file is calls that nobody waits for yet: a goroutine a call costs kilobytes where a hundred thousand wait, a
// started call some hundred bytes.

package oaic

import (
	"context"
	"sync/atomic"
)

// Call is a call that was started. Once it comes out of its channel, its fields tell the outcome.
type Call struct {
	// Tag is whatever the call was started with, to know it by.
	Tag any
	// Response is the answer to a call of Start; nil if Err is not.
	Response *Response
	// Embeddings are the vectors of a call of StartEmbed; nil if Err is not.
	Embeddings *Embeddings
	// Err is what went wrong.
	Err error

	core *core
	ctx  context.Context
	done chan<- *Call
	id   atomic.Uint64
	// stop ends the watch over ctx; nil if ctx never ends.
	stop func() bool
	// take gets the outcome out of a response that went well.
	take func(call *Call, response uintptr)
}

// Start is Do that does not wait: once the outcome is there, the call is sent to done, also when ctx has ended it. An
// error says that the call was refused; nothing is sent then. Any number of calls may share a channel. Nothing is lost
// and nobody held up when it is full: what does not fit waits in a goroutine of its own.
func (c *Client) Start(ctx context.Context, request *Request, tag any, done chan<- *Call) error {
	take := func(call *Call, response uintptr) { call.Response = copyResponse(response) }
	return submit(request, &Call{Tag: tag, core: c.core, ctx: ctx, done: done, take: take})
}

// StartEmbed is Embed that does not wait, as Start is Do.
func (c *Client) StartEmbed(ctx context.Context, model string, texts []string, tag any, done chan<- *Call, options ...RequestOption) error {
	request, err := embedRequest(model, texts, options)
	if err != nil {
		return err
	}
	take := func(call *Call, response uintptr) { call.Embeddings, call.Err = copyEmbeddings(response) }
	return submit(request, &Call{Tag: tag, core: c.core, ctx: ctx, done: done, take: take})
}

// submit hands a started call over to the library.
func submit(request *Request, started *Call) error {
	core, ctx := started.core, started.ctx
	native, err := request.build(ctx)
	if err != nil {
		return err
	}
	defer call(lib.request_free, native)
	if ctx.Done() != nil {
		started.stop = context.AfterFunc(ctx, started.cancel)
	}
	id, err := core.hand(&pending{finish: started.end, progress: request.OnProgress}, submissionOf(native))
	if err != nil {
		if started.stop != nil {
			started.stop()
		}
		return err
	}
	started.id.Store(id)
	// ctx may have ended before the id was there to cancel by.
	if ctx.Err() != nil {
		started.cancel()
	}
	return nil
}

func (c *Call) cancel() {
	if id := c.id.Load(); id != 0 {
		c.core.cancel(id)
	}
}

// end takes the outcome. It runs on the goroutine that takes all outcomes of the client, so it must not block.
func (c *Call) end(response uintptr) {
	if c.stop != nil {
		c.stop()
	}
	if c.Err = ended(c.ctx, response); c.Err == nil {
		c.take(c, response)
	}
	select {
	case c.done <- c:
	default:
		go func() { c.done <- c }()
	}
}
