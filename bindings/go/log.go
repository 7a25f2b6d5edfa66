// This file takes the library's log lines, which belong to the process and not to a client.

package oaic

import (
	"context"
	"log/slog"
	"sync"
	"unsafe"
)

// The levels of OAI_LOG_* in the header.
var slogLevels = map[uint64]slog.Level{1: slog.LevelError, 2: slog.LevelWarn, 3: slog.LevelInfo, 4: slog.LevelDebug, 5: levelTrace}

// levelTrace is below debug: each step of each attempt.
const levelTrace = slog.LevelDebug - 4

var logging struct {
	sync.Mutex
	queue *queue
}

// SetLogger hands the library's log lines of at least that level to a logger, for the whole process. With nil they go
// to stderr again. Without this call they go to stderr at the level of OAI_LOG, else warn. No line ever holds an API
// key.
func SetLogger(logger *slog.Logger, level slog.Level) error {
	if err := load(); err != nil {
		return err
	}
	logging.Lock()
	defer logging.Unlock()
	var broken uintptr
	if logger == nil {
		status := call(lib.set_log, uintptr(nativeLevel(level)), 0, 0, 0, uintptr(unsafe.Pointer(&broken)))
		if int32(status) == 0 && logging.queue != nil {
			logging.queue.bell.Close()
			logging.queue = nil
		}
		return takeError(status, broken)
	}
	queue, err := newQueue()
	if err != nil {
		return err
	}
	status := call(lib.set_log_to, uintptr(nativeLevel(level)), queue.handle, uintptr(unsafe.Pointer(&broken)))
	if int32(status) != 0 {
		queue.free()
		return takeError(status, broken)
	}
	if logging.queue != nil {
		logging.queue.bell.Close()
	}
	logging.queue = queue
	go forward(queue, logger)
	return nil
}

// forward ends when its queue's doorbell is closed, and frees the queue.
func forward(queue *queue, logger *slog.Logger) {
	defer call(lib.queue_free, queue.handle)
	for {
		queue.drain(func(line *record) {
			if line.kind == eventLog {
				logger.Log(context.Background(), slogLevels[line.tag], string(line.bytes()))
			}
		})
		if queue.wait() != nil {
			return
		}
	}
}

// nativeLevel is the number of the header that lets through what a level of slog lets through.
func nativeLevel(level slog.Level) int {
	switch {
	case level > slog.LevelError:
		return 0
	case level > slog.LevelWarn:
		return 1
	case level > slog.LevelInfo:
		return 2
	case level > slog.LevelDebug:
		return 3
	case level > levelTrace:
		return 4
	}
	return 5
}
