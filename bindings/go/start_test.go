// This file tests calls that are started and not waited for.

package oaic_test

import (
	"context"
	"errors"
	"testing"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

func TestStartedCallsComeThroughTheirChannelEachOnce(t *testing.T) {
	client := startServer(t).client(oaic.WithMaxConcurrentRequests(7), oaic.WithQueueSize(1000), oaic.WithLearnLimits(false))
	// Nobody reads before all are started, and nothing fits into the channel.
	done := make(chan *oaic.Call)
	texts := []string{"one", "two", "three", "four"}
	for i := range 400 {
		must(t, client.StartEmbed(t.Context(), model, texts[i%4:i%4+1], i, done, oaic.WithDimensions(8)))
	}
	seen := map[int]bool{}
	first := map[int]float32{}
	for range 400 {
		call := <-done
		must(t, call.Err)
		tag := call.Tag.(int)
		if seen[tag] {
			t.Errorf("call %d came twice", tag)
		}
		seen[tag] = true
		number := call.Embeddings.Row(0)[0]
		if known, ok := first[tag%4]; ok && known != number {
			t.Errorf("call %d has the vector of another text", tag)
		}
		first[tag%4] = number
	}
	equal(t, len(seen), 400)
	must(t, client.Start(t.Context(), &oaic.Request{Method: "GET", Path: "/models"}, "models", done))
	call := <-done
	must(t, call.Err)
	equal(t, call.Tag, any("models"))
	equal(t, call.Response.HTTPStatus, 200)
}

func TestAStartedCallEndsWithItsContext(t *testing.T) {
	server := startServer(t)
	server.script(`{"hold": "gate", "pass": true, "times": null}`)
	client := server.client(oaic.WithMaxConcurrentRequests(1))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *oaic.Call, 2)
	for i := range 2 {
		must(t, client.StartEmbed(ctx, model, []string{"held"}, i, done))
	}
	cancel()
	for range 2 {
		if call := <-done; !errors.Is(call.Err, context.Canceled) || call.Embeddings != nil {
			t.Errorf("call %v: %v", call.Tag, call.Err)
		}
	}
	err := client.StartEmbed(ctx, model, []string{"late"}, 2, done)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose context had ended was started: %v", err)
	}
}

func TestARefusedCallIsNotSentToItsChannel(t *testing.T) {
	server := startServer(t)
	server.script(`{"hold": "gate", "pass": true, "times": null}`)
	client := server.client(oaic.WithMaxConcurrentRequests(1), oaic.WithQueueSize(1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan *oaic.Call, 10)
	refused := 0
	for i := range 5 {
		if err := client.StartEmbed(ctx, model, []string{"held"}, i, done); err != nil {
			equal(t, errors.Is(err, oaic.QueueFull), true)
			refused++
		}
	}
	if err := client.StartEmbed(ctx, model, nil, 5, done); !errors.Is(err, oaic.InvalidArgument) {
		t.Errorf("no text was taken: %v", err)
	}
	client.Close()
	for range 5 - refused {
		if call := <-done; !errors.Is(call.Err, oaic.Cancelled) {
			t.Errorf("call %v: %v", call.Tag, call.Err)
		}
	}
	equal(t, len(done), 0)
	if refused == 0 {
		t.Error("the queue of one took five")
	}
}
