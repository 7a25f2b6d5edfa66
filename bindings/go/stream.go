// This file is streams. Each has a completion queue of its own, read by whoever ranges over it: a slow reader leaves
// events in the library, which then no longer reads the socket.

package oaic

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"unsafe"
)

// Event is one event of a stream.
type Event struct {
	// Data is the event's JSON.
	Data json.RawMessage
}

// Decode parses the event's JSON into v.
func (e Event) Decode(v any) error { return json.Unmarshal(e.Data, v) }

// Text is the piece of text that the event adds to the answer, in streams of chat, completions and responses; empty
// for other events.
func (e Event) Text() string {
	var event struct {
		Type    string
		Delta   json.RawMessage
		Choices []struct {
			Text  string
			Delta struct{ Content string }
		}
	}
	if e.Decode(&event) != nil {
		return ""
	}
	var text string
	if event.Type == "response.output_text.delta" && json.Unmarshal(event.Delta, &text) == nil {
		return text
	}
	for _, choice := range event.Choices {
		text += choice.Text + choice.Delta.Content
	}
	return text
}

// Stream is an answer that comes event by event. It belongs to one goroutine at a time, and must be read to its end or
// closed.
type Stream struct {
	core   *core
	ctx    context.Context
	queue  *queue
	id     uint64
	unbind func() bool

	batch   uintptr
	records []record

	received []json.RawMessage
	answer   *Response
	err      error
	over     bool
}

// ChatStream asks for a chat completion as a stream.
func (c *Client) ChatStream(ctx context.Context, body any, options ...RequestOption) (*Stream, error) {
	return c.Stream(ctx, postOf("/chat/completions", body).with(options))
}

// ResponsesStream asks for a response as a stream.
func (c *Client) ResponsesStream(ctx context.Context, body any, options ...RequestOption) (*Stream, error) {
	return c.Stream(ctx, postOf("/responses", body).with(options))
}

// CompletionsStream asks for a text completion as a stream.
func (c *Client) CompletionsStream(ctx context.Context, body any, options ...RequestOption) (*Stream, error) {
	return c.Stream(ctx, postOf("/completions", body).with(options))
}

// Stream sends any request whose answer is a stream of events. Ending ctx ends the stream.
func (c *Client) Stream(ctx context.Context, request *Request) (*Stream, error) {
	asked := *request
	asked.stream = true
	native, err := asked.build(ctx)
	if err != nil {
		return nil, err
	}
	defer call(lib.request_free, native)
	queue, err := c.streamQueue()
	if err != nil {
		return nil, err
	}
	stream := &Stream{core: c.core, ctx: ctx, queue: queue}
	err = c.use(func(handle uintptr) error {
		var broken uintptr
		status := call(lib.submit_to, handle, native, queue.handle, 0, uintptr(unsafe.Pointer(&stream.id)),
			uintptr(unsafe.Pointer(&broken)))
		return takeError(status, broken)
	})
	if err != nil {
		c.returnQueue(queue)
		return nil, err
	}
	id, core := stream.id, c.core
	stream.unbind = context.AfterFunc(ctx, func() { core.cancel(id) })
	return stream, nil
}

// Events ranges over the events. The last pair has an error if the stream did not end as it should. Leaving the loop
// early closes the stream.
func (s *Stream) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			event, err := s.Next()
			if err == io.EOF {
				return
			}
			if !yield(event, err) {
				s.Close()
				return
			}
			if err != nil {
				return
			}
		}
	}
}

// Next waits for the next event. Behind the last it gives io.EOF, or the error that ended the stream.
func (s *Stream) Next() (Event, error) {
	for !s.over {
		if event := s.take(); event != nil && event.kind == eventChunk {
			return Event{s.keep(event)}, nil
		}
	}
	if s.err != nil {
		return Event{}, s.err
	}
	return Event{}, io.EOF
}

// Close ends the stream if it has not ended: the connection is dropped at once.
func (s *Stream) Close() error {
	if !s.over {
		s.core.cancel(s.id)
	}
	// What came and nobody wanted belongs to the whole, if the server had told it to its end.
	for !s.over {
		if event := s.take(); event != nil && event.kind == eventChunk {
			s.keep(event)
		}
	}
	return nil
}

// keep copies an event's JSON, for the whole too.
func (s *Stream) keep(event *record) json.RawMessage {
	data := append(json.RawMessage{}, event.bytes()...)
	s.received = append(s.received, data)
	return data
}

// take gives the next event, which lives until the next call, or nil after a wait for more and at the end.
func (s *Stream) take() *record {
	if len(s.records) == 0 {
		s.release()
		if s.batch = s.queue.next(); s.batch == 0 {
			s.queue.wait()
			return nil
		}
		s.records = recordsOf(s.batch)
	}
	event := &s.records[0]
	s.records = s.records[1:]
	if event.kind == eventDone {
		s.end(event.response)
		return nil
	}
	return event
}

func (s *Stream) release() {
	if s.batch != 0 {
		call(lib.batch_free, s.batch)
		s.batch, s.records = 0, nil
	}
}

// end is the terminal event.
func (s *Stream) end(response uintptr) {
	s.over = true
	if s.err = ended(s.ctx, response); s.err == nil {
		s.answer = copyResponse(response)
	}
	s.unbind()
	s.release()
	// Empty it, which arms its doorbell, before another stream has it.
	s.queue.drain(func(*record) {})
	s.core.returnQueue(s.queue)
}

// Final reads what is left of the stream and gives the whole as the call would have given it without streaming: the
// message with its text, its tool calls, its refusal, and its usage. Of a stream that was closed that is the whole too
// if the server had told it to its end by then; else it gives the error Cancelled.
func (s *Stream) Final() (*Response, error) {
	for !s.over {
		s.Next()
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.whole()
}

// Partial is what Final would give of a stream that broke off: as much as came.
func (s *Stream) Partial() (*Response, error) {
	for !s.over {
		s.Next()
	}
	return s.whole()
}

func (s *Stream) whole() (*Response, error) {
	var handle, broken uintptr
	status := call(lib.fold_new, uintptr(unsafe.Pointer(&handle)), uintptr(unsafe.Pointer(&broken)))
	if int32(status) != 0 {
		return nil, takeError(status, broken)
	}
	defer call(lib.fold_free, handle)
	for _, data := range s.received {
		// A chunk that is not of the stream's kind is left out; what is wrong with a stream its end has said.
		call(lib.fold_push, handle, uintptr(unsafe.Pointer(start(data))), uintptr(len(data)), 0)
	}
	var text, length uintptr
	status = call(lib.fold_finish, handle, uintptr(unsafe.Pointer(&text)), uintptr(unsafe.Pointer(&length)),
		uintptr(unsafe.Pointer(&broken)))
	if int32(status) != 0 {
		return nil, takeError(status, broken)
	}
	whole := Response{}
	if s.answer != nil {
		whole = *s.answer
	}
	whole.Body = takeText(text, length)
	return &whole, nil
}
