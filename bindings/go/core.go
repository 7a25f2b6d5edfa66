// This file is how calls reach the library and how their outcomes come back: one goroutine a client takes them from
// its completion queue.

package oaic

import (
	"context"
	"encoding/json"
	"sync"
	"time"
	"unsafe"
)

// core is what the goroutine that takes outcomes shares with the client. It does not know the Client, so that a
// client that is dropped without Close can be collected.
type core struct {
	// life is held for reading by whoever uses handle, and for writing by who frees it.
	life   sync.RWMutex
	handle uintptr // 0 once it is freed

	// mutex guards what follows; it is held for moments only, and never while C is called.
	mutex   sync.Mutex
	queue   *queue // made with the first call
	calls   map[uint64]*pending
	lastTag uint64
	closed  bool
	idle    []*queue // of streams that have ended
	tokens  *tokens  // nil if the client has no token provider
}

// pending is a call whose outcome has not come.
type pending struct {
	// finish takes what it needs out of the response, which is freed behind it.
	finish   func(response uintptr)
	progress func(Progress)
	done     chan struct{} // closed behind finish; nil if nobody waits for that
}

// Progress tells how much of a form was sent, or of an answer written to its file, or how far a batch is.
type Progress struct {
	// Way is "upload" or "download", or "batch" while RunBatch waits for the batch.
	Way string `json:"way"`
	// Bytes is how many have passed in this attempt. Total is how many there are, or, of a batch, how many requests it
	// has; 0 if that is not known.
	Bytes, Total uint64
	// File says which of a batch's results is downloaded: "output" or "errors".
	File string
	// BatchID and Status are a batch's, Completed and Failed how many of its requests are that, as far as it tells.
	BatchID           string `json:"batch_id"`
	Status            string
	Completed, Failed uint64
}

// use runs body with the client's handle, which lives until it returns.
func (k *core) use(body func(handle uintptr) error) error {
	k.life.RLock()
	defer k.life.RUnlock()
	if k.handle == 0 {
		return &Error{Status: Closed, Message: "the client was closed"}
	}
	return body(k.handle)
}

func (k *core) close() {
	k.life.Lock()
	defer k.life.Unlock()
	if k.handle == 0 {
		return
	}
	call(lib.client_free, k.handle)
	k.handle = 0
	k.mutex.Lock()
	idle := k.idle
	k.idle, k.closed = nil, true
	if k.tokens != nil {
		k.tokens.end()
	}
	if k.queue != nil {
		// Ends the wait of receive, which frees the queue once all outcomes are delivered.
		k.queue.bell.SetReadDeadline(time.Now())
	}
	k.mutex.Unlock()
	for _, queue := range idle {
		queue.free()
	}
}

// run sends a request and waits for its outcome. finish takes what it needs out of the response, also of a failed one.
func (k *core) run(ctx context.Context, request *Request, finish func(response uintptr)) error {
	native, err := request.build(ctx)
	if err != nil {
		return err
	}
	defer call(lib.request_free, native)
	return k.send(ctx, native, request.OnProgress, finish)
}

// send is run for a request that is built already.
func (k *core) send(ctx context.Context, native uintptr, progress func(Progress), finish func(response uintptr)) error {
	return k.carryOut(ctx, progress, finish, submissionOf(native))
}

// carryOut is send for anything that a queue is told the outcome of.
func (k *core) carryOut(ctx context.Context, progress func(Progress), finish func(response uintptr), submit submission) error {
	started, err := k.start(progress, finish, submit)
	if err != nil {
		return err
	}
	return k.await(ctx, started)
}

// submission hands a call over to the library, which writes its id, or else an error.
type submission func(handle, queue uintptr, tag uint64, id *uint64, broken *uintptr) (status uintptr)

func submissionOf(native uintptr) submission {
	return func(handle, queue uintptr, tag uint64, id *uint64, broken *uintptr) uintptr {
		return call(lib.submit_to, handle, native, queue, uintptr(tag), uintptr(unsafe.Pointer(id)),
			uintptr(unsafe.Pointer(broken)))
	}
}

// started is a call that was accepted.
type started struct {
	id   uint64
	call *pending
}

func (k *core) start(progress func(Progress), finish func(response uintptr), submit submission) (started, error) {
	waiting := &pending{finish: finish, progress: progress, done: make(chan struct{})}
	id, err := k.hand(waiting, submit)
	return started{id, waiting}, err
}

// hand hands a call over to the library: its id, or why it was refused.
func (k *core) hand(waiting *pending, submit submission) (id uint64, err error) {
	err = k.use(func(handle uintptr) error {
		tag, queue, err := k.enter(waiting)
		if err != nil {
			return err
		}
		var broken uintptr
		status := submit(handle, queue.handle, tag, &id, &broken)
		if int32(status) != 0 {
			k.leave(tag)
			return takeError(status, broken)
		}
		return nil
	})
	return id, err
}

// await waits for a call's outcome. When ctx ends the call is cancelled, and its outcome comes at once.
func (k *core) await(ctx context.Context, started started) error {
	select {
	case <-started.call.done:
	case <-ctx.Done():
		k.cancel(started.id)
		<-started.call.done
	}
	return nil
}

// cancel ends a request wherever it is; one that has ended by itself is left as it is.
func (k *core) cancel(id uint64) {
	k.use(func(handle uintptr) error {
		call(lib.cancel, handle, uintptr(id), 0)
		return nil
	})
}

// enter puts a call on the list of those that wait, under a tag of its own.
func (k *core) enter(waiting *pending) (uint64, *queue, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	queue, err := k.mainQueue()
	if err != nil {
		return 0, nil, err
	}
	k.lastTag++
	k.calls[k.lastTag] = waiting
	return k.lastTag, queue, nil
}

// mainQueue is the queue of all but streams, made with the first need of it. The mutex is held.
func (k *core) mainQueue() (*queue, error) {
	if k.queue == nil {
		queue, err := newQueue()
		if err != nil {
			return nil, err
		}
		k.queue = queue
		go k.receive(queue)
	}
	return k.queue, nil
}

func (k *core) leave(tag uint64) *pending {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	waiting := k.calls[tag]
	delete(k.calls, tag)
	return waiting
}

// receive takes outcomes until the client is closed and the last one was delivered.
func (k *core) receive(queue *queue) {
	defer queue.free()
	for {
		queue.drain(k.deliver)
		k.mutex.Lock()
		over := k.closed && len(k.calls) == 0
		k.mutex.Unlock()
		if over || queue.wait() != nil {
			return
		}
	}
}

func (k *core) deliver(event *record) {
	switch event.kind {
	case eventDone:
		waiting := k.leave(event.tag)
		waiting.finish(event.response)
		if waiting.done != nil {
			close(waiting.done)
		}
	case eventProgress:
		k.mutex.Lock()
		waiting := k.calls[event.tag]
		k.mutex.Unlock()
		var progress Progress
		if waiting.progress != nil && json.Unmarshal(event.bytes(), &progress) == nil {
			waiting.progress(progress)
		}
	case eventTokenWanted:
		k.mutex.Lock()
		tokens := k.tokens
		k.mutex.Unlock()
		if tokens != nil {
			go k.answer(tokens, event.id)
		}
	}
}

// ===== queues of streams =====

// How many queues are kept for streams to come; each holds two descriptors.
const idleQueues = 64

// streamQueue gives a queue that no one else uses.
func (k *core) streamQueue() (*queue, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if last := len(k.idle) - 1; last >= 0 {
		queue := k.idle[last]
		k.idle = k.idle[:last]
		return queue, nil
	}
	return newQueue()
}

// returnQueue takes back the queue of a stream that has ended.
func (k *core) returnQueue(queue *queue) {
	k.mutex.Lock()
	keep := !k.closed && len(k.idle) < idleQueues
	if keep {
		k.idle = append(k.idle, queue)
	}
	k.mutex.Unlock()
	if !keep {
		queue.free()
	}
}

// ended makes the error of a response that ctx may have ended.
func ended(ctx context.Context, response uintptr) error {
	seen := viewOf(response)
	err := seen.failure()
	if err == nil {
		return nil
	}
	err.Body = append([]byte{}, view(seen.body, seen.bodyLength)...)
	if err.Status == Cancelled || err.Status == DeadlineExceeded {
		err.cause = ctx.Err()
	}
	return err
}
