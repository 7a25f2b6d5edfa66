// This file makes the calls of the behaviour suite and tells their outcomes in its words.

package oaic_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

// startedCall is a call that a case has started.
type startedCall struct {
	cancel  context.CancelFunc
	done    chan struct{}
	outcome map[string]any

	mutex  sync.Mutex
	chunk  *sync.Cond
	chunks int
	over   bool
}

func (s *startedCall) gotChunk() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.chunks++
	s.chunk.Broadcast()
}

func (s *startedCall) waitFor(count int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for s.chunks < count && !s.over {
		s.chunk.Wait()
	}
}

// start makes a call on a goroutine, and returns when the library has taken or refused it.
func (r *run) start(name string, call map[string]any) string {
	before := r.submitted()
	ctx, cancel := context.WithCancel(context.Background())
	made := &startedCall{cancel: cancel, done: make(chan struct{})}
	made.chunk = sync.NewCond(&made.mutex)
	r.started[name] = made
	go func() {
		defer close(made.done)
		made.outcome = r.call(ctx, call, made)
		made.mutex.Lock()
		defer made.mutex.Unlock()
		made.over = true
		made.chunk.Broadcast()
	}()
	for r.submitted() == before {
		select {
		case <-made.done:
			return ""
		default:
			time.Sleep(100 * time.Microsecond)
		}
	}
	return ""
}

// submitted is how many requests the client has taken or refused.
func (r *run) submitted() float64 {
	stats, err := r.client.Stats()
	if err != nil {
		return -1
	}
	requests := asJSON(stats).(map[string]any)["requests"].(map[string]any)
	count := requests["accepted"].(float64)
	for _, refused := range requests["refused"].(map[string]any) {
		count += refused.(float64)
	}
	return count
}

// call makes a call and waits for its outcome.
func (r *run) call(ctx context.Context, call map[string]any, started *startedCall) map[string]any {
	rest := map[string]any{}
	for key, value := range call {
		rest[key] = value
	}
	take := func(key string) any {
		value := rest[key]
		delete(rest, key)
		return value
	}
	text := func(key string) string {
		value, _ := take(key).(string)
		return value
	}
	operation := text("op")
	options := commonOptions(take)
	cancelAfter, _ := take("cancel_after").(float64)
	streamed := func(request *oaic.Request) map[string]any {
		for _, option := range options {
			option(request)
		}
		return r.stream(ctx, request, int(cancelAfter), started)
	}
	var outcome map[string]any
	switch operation {
	case "embed":
		var inputs []string
		for _, input := range take("inputs").([]any) {
			inputs = append(inputs, input.(string))
		}
		if dimensions, ok := take("dimensions").(float64); ok {
			options = append(options, oaic.WithDimensions(int(dimensions)))
		}
		options = append(options, oaic.WithUser(text("user")))
		outcome = ofVectors(r.client.Embed(ctx, text("model"), inputs, options...))
	case "chat":
		outcome = ofResponse(r.client.Chat(ctx, take("json")))
	case "responses":
		outcome = ofResponse(r.client.Responses(ctx, take("json")))
	case "completions":
		outcome = ofResponse(r.client.Completions(ctx, take("json")))
	case "chat_stream":
		outcome = streamed(&oaic.Request{Method: http.MethodPost, Path: "/chat/completions", JSON: take("json")})
	case "responses_stream":
		outcome = streamed(&oaic.Request{Method: http.MethodPost, Path: "/responses", JSON: take("json")})
	case "moderate":
		body := map[string]any{"input": take("input")}
		if model := take("model"); model != nil {
			body["model"] = model
		}
		outcome = ofResponse(r.client.Moderate(ctx, body))
	case "models":
		outcome = ofResponse(r.client.Models(ctx))
	case "upload":
		file := oaic.File{Name: text("filename"), Content: []byte(text("content"))}
		fields := take("json").(map[string]any)
		purpose, _ := fields["purpose"].(string)
		outcome = ofResponse(r.client.Upload(ctx, file, purpose, func(request *oaic.Request) { request.JSON = fields }))
	case "download":
		outcome = r.download(ctx, text("file_id"), text("to"))
	case "pages":
		request := &oaic.Request{Method: http.MethodGet, Path: text("path")}
		addQuery(request, take("query"))
		outcome = r.pages(ctx, request)
	case "request":
		request := &oaic.Request{Method: text("method"), Path: text("path"), JSON: take("json")}
		addQuery(request, take("query"))
		if headers, ok := take("headers").(map[string]any); ok {
			for name, value := range headers {
				oaic.WithHeader(name, value.(string))(request)
			}
		}
		if take("stream") == true {
			outcome = streamed(request)
			break
		}
		for _, option := range options {
			option(request)
		}
		outcome = ofResponse(r.client.Do(ctx, request))
	default:
		panic("there is no call " + operation)
	}
	if len(rest) > 0 {
		panic(fmt.Sprintf("the call %s has keys that are not known: %v", operation, rest))
	}
	return outcome
}

func commonOptions(take func(string) any) (options []oaic.RequestOption) {
	if priority, ok := take("priority").(string); ok {
		number := map[string]oaic.Priority{"high": oaic.PriorityHigh, "normal": oaic.PriorityNormal, "low": oaic.PriorityLow}
		options = append(options, oaic.WithPriority(number[priority]))
	}
	if limit, ok := take("timeout_ms").(float64); ok {
		options = append(options, oaic.WithRequestTimeout(time.Duration(limit)*time.Millisecond))
	}
	if key, ok := take("idempotency_key").(string); ok {
		options = append(options, oaic.WithIdempotencyKey(key))
	}
	return options
}

func addQuery(request *oaic.Request, query any) {
	parameters, _ := query.(map[string]any)
	for name, value := range parameters {
		oaic.WithQuery(name, fmt.Sprint(value))(request)
	}
}

func (r *run) stream(ctx context.Context, request *oaic.Request, cancelAfter int, started *startedCall) map[string]any {
	stream, err := r.client.Stream(ctx, request)
	if err != nil {
		return outcomeOf(err)
	}
	chunks := 0
	for _, err := range stream.Events() {
		if err != nil {
			break
		}
		chunks++
		if started != nil {
			started.gotChunk()
		}
		if chunks == cancelAfter {
			break
		}
	}
	whole, err := stream.Final()
	outcome := ofResponse(whole, err)
	if err != nil {
		if partial, broken := stream.Partial(); broken == nil {
			outcome["text"] = textOf(partial.Body)
		}
	}
	outcome["chunks"] = float64(chunks)
	return outcome
}

func (r *run) download(ctx context.Context, id, to string) map[string]any {
	if to == "" {
		return ofResponse(r.client.Download(ctx, id))
	}
	path := filepath.Join(r.Dir, to)
	outcome := ofResponse(r.client.DownloadTo(ctx, id, path))
	if content, err := os.ReadFile(path); err == nil {
		outcome["file"] = string(content)
	}
	return outcome
}

func (r *run) pages(ctx context.Context, request *oaic.Request) map[string]any {
	count, ids := 0, []any{}
	var failed error
	for page, err := range r.client.Pages(ctx, request) {
		if failed = err; err != nil {
			break
		}
		count++
		var list struct{ Data []map[string]any }
		if err := page.Decode(&list); err != nil {
			panic(err)
		}
		for _, item := range list.Data {
			ids = append(ids, item["id"])
		}
	}
	outcome := outcomeOf(failed)
	outcome["pages"], outcome["ids"] = float64(count), ids
	return outcome
}

// ===== outcomes =====

func outcomeOf(err error) map[string]any {
	if err == nil {
		return map[string]any{"status": "OAI_OK"}
	}
	var failed *oaic.Error
	if !errors.As(err, &failed) {
		switch {
		case errors.Is(err, context.Canceled):
			failed = &oaic.Error{Status: oaic.Cancelled}
		case errors.Is(err, context.DeadlineExceeded):
			failed = &oaic.Error{Status: oaic.DeadlineExceeded}
		default:
			panic(err)
		}
	}
	text := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	return map[string]any{
		"status": failed.Status.String(), "http_status": float64(failed.HTTPStatus), "attempts": float64(failed.Attempts),
		"request_id": text(failed.RequestID),
		"error": map[string]any{
			"http_status": float64(failed.HTTPStatus), "code": text(failed.Code), "type": text(failed.Type),
			"param": text(failed.Param), "message": failed.Message, "request_id": text(failed.RequestID),
			"retry_after_ms": float64(failed.RetryAfter.Milliseconds()), "may_have_executed": failed.MayHaveExecuted,
		},
	}
}

func ofResponse(answer *oaic.Response, err error) map[string]any {
	outcome := outcomeOf(err)
	if err != nil {
		return outcome
	}
	headers := map[string]any{}
	for name, values := range answer.Header {
		headers[strings.ToLower(name)] = values[0]
	}
	outcome["http_status"], outcome["attempts"] = float64(answer.HTTPStatus), float64(answer.Attempts)
	outcome["headers"], outcome["request_id"] = headers, orNull(answer.RequestID)
	outcome["usage"] = usageOf(answer.Usage)
	outcome["text"] = textOf(answer.Body)
	var body any
	if json.Unmarshal(answer.Body, &body) != nil {
		body = orNull(string(answer.Body))
	}
	outcome["body"] = body
	return outcome
}

func ofVectors(vectors *oaic.Embeddings, err error) map[string]any {
	outcome := outcomeOf(err)
	if err != nil {
		return outcome
	}
	outcome["http_status"], outcome["attempts"] = float64(vectors.HTTPStatus), float64(vectors.Attempts)
	outcome["request_id"], outcome["usage"] = orNull(vectors.RequestID), usageOf(vectors.Usage)
	outcome["rows"], outcome["dims"] = float64(vectors.Rows), float64(vectors.Dims)
	if len(vectors.Data) <= 64 {
		rows := []any{}
		for i := range vectors.Rows {
			rows = append(rows, asJSON(vectors.Row(i)))
		}
		outcome["vectors"] = rows
	}
	return outcome
}

func usageOf(usage oaic.Usage) map[string]any {
	return map[string]any{
		"prompt_tokens": float64(usage.PromptTokens), "completion_tokens": float64(usage.CompletionTokens),
		"total_tokens": float64(usage.TotalTokens),
	}
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// textOf is the text of an answer of chat, completions or responses; nil if there is none.
func textOf(body []byte) any {
	var answer struct {
		Choices []struct {
			Text    *string
			Message struct{ Content *string }
		}
		Output []struct {
			Content []struct {
				Type string
				Text string
			}
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	if len(answer.Choices) > 0 {
		if text := answer.Choices[0].Message.Content; text != nil {
			return *text
		}
		if text := answer.Choices[0].Text; text != nil {
			return *text
		}
		return nil
	}
	var text any
	for _, output := range answer.Output {
		for _, content := range output.Content {
			if content.Type == "output_text" {
				before, _ := text.(string)
				text = before + content.Text
			}
		}
	}
	return text
}

// asJSON is a value as JSON has it.
func asJSON(value any) (made any) {
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	if err != nil {
		panic(err)
	}
	return made
}
