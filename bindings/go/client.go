// This file is the client: how it begins, what it is set to, and how it ends.

package oaic

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"time"
	"unsafe"
)

// Client sends requests. Any number of goroutines may use it at once. Close it when it is no longer needed.
type Client struct {
	*core
}

// New makes a client. Settings come from the options, then from the process environment, then from the .env file, then
// from the defaults. It opens no connection, and starts no thread unless there is a token provider.
//
// The library reads the environment that the process was started with: what os.Setenv adds later it sees only in
// programs built with cgo.
func New(options ...Option) (*Client, error) {
	if err := load(); err != nil {
		return nil, err
	}
	text, err := settingsJSON(options)
	if err != nil {
		return nil, err
	}
	var handle, broken uintptr
	status := call(lib.client_new, uintptr(unsafe.Pointer(start(text))), uintptr(len(text)),
		uintptr(unsafe.Pointer(&handle)), uintptr(unsafe.Pointer(&broken)))
	if int32(status) != 0 {
		return nil, takeError(status, broken)
	}
	client := &Client{&core{handle: handle, calls: map[uint64]*pending{}}}
	if err := client.setProvider(options); err != nil {
		client.Close()
		return nil, err
	}
	runtime.AddCleanup(client, (*core).close, client.core)
	return client, nil
}

// Close cancels what is left and frees the client. Calls that are under way return with the status Cancelled, later
// ones with Closed. It may be called more than once.
func (c *Client) Close() error {
	c.core.close()
	return nil
}

// Drain takes no more requests, and waits until those under way have ended; for so long at most, and then they go on.
// The error's status is DeadlineExceeded if they had not.
func (c *Client) Drain(limit time.Duration) error {
	return c.use(func(handle uintptr) error {
		var broken uintptr
		status := call(lib.client_close, handle, uintptr(limit.Milliseconds()), uintptr(unsafe.Pointer(&broken)))
		return takeError(status, broken)
	})
}

// How long one wait of Shutdown is: so long it may go on after its context ends.
const shutdownStep = 50 * time.Millisecond

// Shutdown takes no more requests, waits until those under way have ended, and closes the client. When ctx ends first,
// what is left is cancelled and ctx's error returned.
func (c *Client) Shutdown(ctx context.Context) error {
	defer c.Close()
	for {
		err := c.Drain(shutdownStep)
		if !errors.Is(err, DeadlineExceeded) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// Setting is a setting in force.
type Setting struct {
	// Value is masked if it is a secret.
	Value any `json:"value"`
	// Source is where it came from: explicit, a variable's name, that name with the .env file's path, or default.
	Source string `json:"source"`
}

// Configure changes settings: all of them, or none and an error that names the one that cannot be. Settings of the
// transport may change until the first request.
func (c *Client) Configure(options ...Option) error {
	text, err := settingsJSON(options)
	if err != nil {
		return err
	}
	err = c.use(func(handle uintptr) error {
		var broken uintptr
		status := call(lib.client_configure_json, handle, uintptr(unsafe.Pointer(start(text))), uintptr(len(text)),
			uintptr(unsafe.Pointer(&broken)))
		return takeError(status, broken)
	})
	if err != nil {
		return err
	}
	return c.setProvider(options)
}

// Config tells the settings in force and where each came from, by the names of the C library.
func (c *Client) Config() (map[string]Setting, error) {
	text, err := c.text(lib.client_config_json)
	if err != nil {
		return nil, err
	}
	settings := map[string]Setting{}
	return settings, json.Unmarshal(text, &settings)
}

// Stats tells as JSON what became of the client's requests, how long they took, what the limits are as learned, and
// what requests wait for. The fields are listed in the C library's src/scheduler/stats/fields.md.
func (c *Client) Stats() (json.RawMessage, error) {
	text, err := c.text(lib.client_stats_json)
	return json.RawMessage(text), err
}

// Prometheus tells the same in the text format of Prometheus.
func (c *Client) Prometheus() (string, error) {
	text, err := c.text(lib.client_stats_prometheus)
	return string(text), err
}

// text calls one of the functions that hand over a text about the client.
func (c *Client) text(function uintptr) (text []byte, err error) {
	err = c.use(func(handle uintptr) error {
		var data, length, broken uintptr
		status := call(function, handle, uintptr(unsafe.Pointer(&data)), uintptr(unsafe.Pointer(&length)),
			uintptr(unsafe.Pointer(&broken)))
		if int32(status) != 0 {
			return takeError(status, broken)
		}
		text = takeText(data, length)
		return nil
	})
	return text, err
}
