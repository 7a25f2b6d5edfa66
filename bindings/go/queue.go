// This file is the completion queue of the library as Go sees it: a goroutine parks on its doorbell, an ordinary
// descriptor in Go's own poller, and takes events in batches.

package oaic

import (
	"errors"
	"os"
	"unsafe"
)

// The kinds of events, OAI_EVENT_* of the header.
const (
	eventChunk       = 1
	eventDone        = 2
	eventProgress    = 4
	eventLog         = 8
	eventTokenWanted = 16
)

// How many events one call takes: enough that the call costs little beside them.
const batchSize = 256

// record is oai_event_record of the header.
type record struct {
	id, tag                uint64
	kind, status           int32
	data, length, response uintptr
	_                      [2]uint64
}

// bytes are the record's data, valid until the batch is freed.
func (r *record) bytes() []byte { return view(r.data, r.length) }

type queue struct {
	handle uintptr
	bell   *os.File
}

func newQueue() (*queue, error) {
	var handle, broken uintptr
	status := call(lib.queue_new, uintptr(unsafe.Pointer(&handle)), uintptr(unsafe.Pointer(&broken)))
	if int32(status) != 0 {
		return nil, takeError(status, broken)
	}
	descriptor := int64(call(lib.queue_dup_fd, handle))
	if descriptor < 0 {
		call(lib.queue_free, handle)
		return nil, &Error{
			Status:  Status(descriptor),
			Message: "the completion queue has no descriptor; raise the limit of open files (ulimit -n)",
		}
	}
	return &queue{handle, os.NewFile(uintptr(descriptor), "oaic doorbell")}, nil
}

// drain hands over all events that are there, and arms the doorbell. The records live as long as the call to take.
func (q *queue) drain(take func(*record)) {
	for {
		batch := q.next()
		if batch == 0 {
			return
		}
		for i, records := 0, recordsOf(batch); i < len(records); i++ {
			take(&records[i])
		}
		call(lib.batch_free, batch)
	}
}

// next takes a batch of events; 0 if there are none, and then the doorbell is armed.
func (q *queue) next() (batch uintptr) {
	call(lib.queue_next, q.handle, batchSize, uintptr(unsafe.Pointer(&batch)))
	return batch
}

func recordsOf(batch uintptr) []record {
	var records, count uintptr
	call(lib.batch_records, batch, uintptr(unsafe.Pointer(&records)), uintptr(unsafe.Pointer(&count)))
	return unsafe.Slice((*record)(pointer(records)), count)
}

// wait parks the goroutine until the doorbell rings or its deadline passes.
func (q *queue) wait() error {
	var rings [64]byte
	_, err := q.bell.Read(rings[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

func (q *queue) free() {
	q.bell.Close()
	call(lib.queue_free, q.handle)
}
