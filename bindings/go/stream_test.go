// This file tests streams and lists.

package oaic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

const hello = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello out there"}]}`

func TestAStreamGivesItsEventsAndTheWhole(t *testing.T) {
	client := startServer(t).client()
	stream, err := client.ChatStream(t.Context(), hello)
	must(t, err)
	var text strings.Builder
	events := 0
	for event, err := range stream.Events() {
		must(t, err)
		text.WriteString(event.Text())
		events++
	}
	equal(t, text.String(), "You said: Hello out there")
	if events < 4 {
		t.Errorf("only %d events", events)
	}
	whole, err := stream.Final()
	must(t, err)
	var chat struct {
		Object  string
		Choices []struct{ Message struct{ Content string } }
	}
	must(t, whole.Decode(&chat))
	equal(t, chat.Object, "chat.completion")
	equal(t, chat.Choices[0].Message.Content, "You said: Hello out there")
	if _, err := stream.Next(); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
}

func TestAResponsesStreamGivesItsText(t *testing.T) {
	client := startServer(t).client()
	stream, err := client.ResponsesStream(t.Context(), `{"model":"gpt-4o-mini","input":"Hello"}`)
	must(t, err)
	var text string
	for event, err := range stream.Events() {
		must(t, err)
		text += event.Text()
	}
	equal(t, text, "You said: Hello")
}

func TestManyStreamsAtOnce(t *testing.T) {
	client := startServer(t).client(oaic.WithMaxConcurrentRequests(8))
	for round := range 3 {
		done := make(chan error)
		for i := range 8 {
			go func() {
				said := fmt.Sprintf("round %d stream %d", round, i)
				stream, err := client.ChatStream(t.Context(), strings.Replace(hello, "Hello out there", said, 1))
				var text string
				if err == nil {
					for event, broken := range stream.Events() {
						text, err = text+event.Text(), broken
					}
				}
				if err == nil && text != "You said: "+said {
					err = errors.New(text)
				}
				done <- err
			}()
		}
		for range 8 {
			must(t, <-done)
		}
	}
}

func TestLeavingAStreamClosesItsConnection(t *testing.T) {
	server := startServer(t)
	server.script(`{"pass": true, "chunk_delay_ms": 20, "times": null}`)
	client := server.client()
	stream, err := client.ChatStream(t.Context(), hello)
	must(t, err)
	for _, err := range stream.Events() {
		must(t, err)
		break
	}
	equal(t, server.stats("in_flight=0").ClientGone, 1)
	if _, err := stream.Next(); !errors.Is(err, oaic.Cancelled) {
		t.Errorf("after leaving: %v", err)
	}
	partial, err := stream.Partial()
	must(t, err)
	if !strings.Contains(string(partial.Body), "chat.completion") {
		t.Errorf("what came is %s", partial.Body)
	}
}

func TestAStreamThatWasThereWhenItWasLeftIsWhole(t *testing.T) {
	server := startServer(t)
	chunk := `"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"`
	server.script(`{"status": 200, "headers": {"content-type": "text/event-stream"}, "chunks": [` +
		strings.Repeat(chunk+",", 600) + `"data: [DONE]\n\n"]}`)
	client := server.client(oaic.WithStreamBufferEvents(1000))
	stream, err := client.ChatStream(t.Context(), hello)
	must(t, err)
	for {
		stats, err := client.Stats()
		must(t, err)
		if strings.Contains(string(stats), `"ended":{"ok":1}`) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for _, err := range stream.Events() {
		must(t, err)
		break
	}
	whole, err := stream.Final()
	must(t, err)
	if !strings.Contains(string(whole.Body), `"`+strings.Repeat("x", 600)+`"`) {
		t.Errorf("the whole is %s", whole.Body)
	}
	if _, err := stream.Next(); err != io.EOF {
		t.Errorf("after leaving: %v", err)
	}
}

func TestAContextEndsAStream(t *testing.T) {
	server := startServer(t)
	server.script(`{"pass": true, "chunk_delay_ms": 20, "times": null}`)
	client := server.client()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := client.ChatStream(ctx, hello)
	must(t, err)
	var last error
	for _, err := range stream.Events() {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("found %v", last)
	}
}

func TestAStreamThatBreaksSaysSo(t *testing.T) {
	server := startServer(t)
	server.script(`{"status": 200, "headers": {"content-type": "text/event-stream"},
		"chunks": ["data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Half\"}}]}\n\n"]}`)
	client := server.client()
	stream, err := client.ChatStream(t.Context(), hello)
	must(t, err)
	if _, err = stream.Final(); !errors.Is(err, oaic.Incomplete) {
		t.Errorf("found %v", err)
	}
	partial, err := stream.Partial()
	must(t, err)
	if !strings.Contains(string(partial.Body), "Half") {
		t.Errorf("what came is %s", partial.Body)
	}
}

func TestASlowReaderStopsTheServer(t *testing.T) {
	server := startServer(t)
	chunk := `"data: {\"choices\":[{\"delta\":{\"content\":\"` + strings.Repeat("x", 60000) + `\"}}]}\n\n"`
	server.script(`{"status": 200, "headers": {"content-type": "text/event-stream"}, "chunks": [` +
		strings.Repeat(chunk+",", 400) + `"data: [DONE]\n\n"]}`)
	client := server.client(oaic.WithStreamBufferEvents(2))
	stream, err := client.ChatStream(t.Context(), hello)
	must(t, err)
	_, err = stream.Next()
	must(t, err)
	// Were events taken without a reader, all 24 MB would leave the server.
	equal(t, server.stats("in_flight=0&timeout_ms=300").InFlight, 1)
	events := 1
	for _, err := range stream.Events() {
		must(t, err)
		events++
	}
	equal(t, events, 400)
}

func TestPagesAreFollowedToTheEnd(t *testing.T) {
	server := startServer(t)
	for _, page := range []string{
		`{"object":"list","data":[{"id":"a"},{"id":"b"}],"has_more":true,"last_id":"b"}`,
		`{"object":"list","data":[{"id":"c"}],"has_more":false}`,
	} {
		server.script(`{"match": {"path": "/v1/files"}, "status": 200, "body": ` + page + `}`)
	}
	client := server.client()
	type file struct{ ID string }
	var ids []string
	for item, err := range oaic.Items[file](t.Context(), client, &oaic.Request{Method: "GET", Path: "/files"}) {
		must(t, err)
		ids = append(ids, item.ID)
	}
	if !slices.Equal(ids, []string{"a", "b", "c"}) {
		t.Errorf("found %v", ids)
	}
	equal(t, server.log()[1].Path, "/v1/files?after=b")
}

func TestAFailedPageEndsTheList(t *testing.T) {
	server := startServer(t)
	server.script(`{"match": {"path": "/v1/files"}, "status": 200, "body": {"data":[{"id":"a"}],"has_more":true,"last_id":"a"}}`)
	server.script(`{"match": {"path": "/v1/files"}, "status": 404}`)
	client := server.client()
	pages := 0
	var last error
	for _, last = range client.Pages(t.Context(), &oaic.Request{Method: "GET", Path: "/files"}) {
		pages++
	}
	equal(t, pages, 2)
	if !errors.Is(last, oaic.NotFound) {
		t.Errorf("found %v", last)
	}
}

func TestLeavingAListCancelsThePageAhead(t *testing.T) {
	server := startServer(t)
	server.script(`{"match": {"path": "/v1/files"}, "status": 200, "body": {"data":[{"id":"a"}],"has_more":true,"last_id":"a"}}`)
	server.script(`{"match": {"path": "/v1/files"}, "drop": "hang"}`)
	client := server.client()
	for _, err := range client.Pages(t.Context(), &oaic.Request{Method: "GET", Path: "/files"}) {
		must(t, err)
		server.stats("in_flight=1")
		break
	}
	equal(t, server.stats("in_flight=0").InFlight, 0)
}
