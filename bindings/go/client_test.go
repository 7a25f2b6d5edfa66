// This file tests calls and their outcomes, settings, cancelling and closing.

package oaic_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

const model = "text-embedding-3-small"

func TestEmbedGivesARowForEachText(t *testing.T) {
	client := startServer(t).client()
	vectors, err := client.Embed(t.Context(), model, []string{"Old boats", "Fresh bread", ""}[:2], oaic.WithDimensions(256))
	must(t, err)
	equal(t, vectors.Rows, 2)
	equal(t, vectors.Dims, 256)
	equal(t, len(vectors.Data), 512)
	equal(t, len(vectors.Row(1)), 256)
	var length float32
	for _, number := range vectors.Row(1) {
		length += number * number
	}
	if length < 0.99 || length > 1.01 {
		t.Errorf("the vector's length is %v, not 1", length)
	}
	if vectors.Usage.TotalTokens == 0 || vectors.RequestID == "" || vectors.Attempts != 1 {
		t.Errorf("usage, request id and attempts are missing: %+v", vectors.Usage)
	}
}

func TestManyCallsAtOnceEachGetTheirOwnOutcome(t *testing.T) {
	server := startServer(t)
	client := server.client(oaic.WithMaxConcurrentRequests(7), oaic.WithQueueSize(1000), oaic.WithLearnLimits(false))
	texts := []string{"one", "two", "three", "four"}
	wanted := map[string]float32{}
	for _, text := range texts {
		vectors, err := client.Embed(t.Context(), model, []string{text})
		must(t, err)
		wanted[text] = vectors.Data[0]
	}
	server.script(`{"pass": true, "delay_ms": 5, "times": null}`)
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			text := texts[i%len(texts)]
			vectors, err := client.Embed(t.Context(), model, []string{text})
			if err != nil || vectors.Data[0] != wanted[text] {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	all.Wait()
	equal(t, server.stats("").MaxInFlight, 7)
}

func TestChatTakesAnyBodyThatIsJSON(t *testing.T) {
	server := startServer(t)
	client := server.client()
	text := `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}`
	var asMap map[string]any
	must(t, json.Unmarshal([]byte(text), &asMap))
	for _, body := range []any{text, []byte(text), json.RawMessage(text), asMap} {
		answer, err := client.Chat(t.Context(), body)
		must(t, err)
		var chat struct {
			Choices []struct{ Message struct{ Content string } }
		}
		must(t, answer.Decode(&chat))
		equal(t, chat.Choices[0].Message.Content, "You said: Hello")
		equal(t, answer.HTTPStatus, 200)
		equal(t, answer.Header.Get("Content-Type"), "application/json")
	}
	_, err := client.Chat(t.Context(), "{broken")
	if !errors.Is(err, oaic.InvalidArgument) {
		t.Errorf("broken JSON gave %v", err)
	}
}

func TestShortFormsReachTheirPaths(t *testing.T) {
	server := startServer(t)
	server.script(`{"match": {"path": "/v1/*"}, "times": null, "status": 200, "body": {"object": "anything"}}`)
	client := server.client()
	ctx, body, sound := t.Context(), map[string]string{"model": "m"}, oaic.File{Name: "a.wav", Content: []byte("RIFF")}
	calls := map[string]func() (*oaic.Response, error){
		"POST /v1/responses":            func() (*oaic.Response, error) { return client.Responses(ctx, body) },
		"POST /v1/completions":          func() (*oaic.Response, error) { return client.Completions(ctx, body) },
		"POST /v1/moderations":          func() (*oaic.Response, error) { return client.Moderate(ctx, body) },
		"GET /v1/models":                func() (*oaic.Response, error) { return client.Models(ctx) },
		"POST /v1/images/generations":   func() (*oaic.Response, error) { return client.Image(ctx, body) },
		"POST /v1/images/edits":         func() (*oaic.Response, error) { return client.ImageEdit(ctx, sound, body) },
		"POST /v1/audio/speech":         func() (*oaic.Response, error) { return client.Speech(ctx, body) },
		"POST /v1/audio/transcriptions": func() (*oaic.Response, error) { return client.Transcribe(ctx, sound, body) },
		"POST /v1/audio/translations":   func() (*oaic.Response, error) { return client.Translate(ctx, sound, body) },
		"POST /v1/files":                func() (*oaic.Response, error) { return client.Upload(ctx, sound, "batch") },
		"GET /v1/files/f-1/content":     func() (*oaic.Response, error) { return client.Download(ctx, "f-1") },
	}
	for wanted, send := range calls {
		_, err := send()
		must(t, err)
		log := server.log()
		last := log[len(log)-1]
		equal(t, last.Method+" "+last.Path, wanted)
	}
}

func TestDoSendsAllThatARequestHolds(t *testing.T) {
	server := startServer(t)
	server.script(`{"match": {"path": "/v1/things"}, "times": null, "status": 200, "body": "{}"}`)
	client := server.client()
	request := &oaic.Request{Method: "POST", Path: "/things", JSON: `{"a":1}`, IdempotencyKey: "k-1"}
	for _, option := range []oaic.RequestOption{
		oaic.WithQuery("include[]", "x"), oaic.WithQuery("include[]", "y"), oaic.WithHeader("X-Mine", "yes"),
		oaic.WithPriority(oaic.PriorityLow), oaic.WithRequestTimeout(time.Minute),
	} {
		option(request)
	}
	_, err := client.Do(t.Context(), request)
	must(t, err)
	came := server.log()[0]
	equal(t, came.Path, "/v1/things?include%5B%5D=x&include%5B%5D=y")
	equal(t, came.Headers["x-mine"].(string), "yes")
	equal(t, came.Headers["idempotency-key"].(string), "k-1")
	equal(t, came.Body.(map[string]any)["a"].(float64), 1)

	for name, bad := range map[string]*oaic.Request{
		"header":   {Method: "GET", Path: "/things", Header: map[string][]string{"Content-Length": {"1"}}},
		"priority": {Method: "GET", Path: "/things", Priority: 9},
		"path":     {Method: "GET", Path: "things/../secret"},
	} {
		if _, err := client.Do(t.Context(), bad); !errors.Is(err, oaic.InvalidArgument) || !strings.Contains(err.Error(), name) {
			t.Errorf("a bad %s gave %v", name, err)
		}
	}
}

func TestErrorsTellAllThatIsKnown(t *testing.T) {
	server := startServer(t)
	server.script(`{"status": 429, "headers": {"retry-after": "7"}, "times": null,
		"body": {"error": {"message": "Slow down, please", "type": "requests", "code": "rate_limit_exceeded", "param": "model"}}}`)
	client := server.client(oaic.WithMaxRetries(0))
	_, err := client.Chat(t.Context(), `{"model":"m"}`)
	var failed *oaic.Error
	if !errors.As(err, &failed) {
		t.Fatalf("no *oaic.Error: %v", err)
	}
	equal(t, failed.Status, oaic.RateLimited)
	equal(t, failed.Status.String(), "OAI_ERR_RATE_LIMITED")
	equal(t, failed.HTTPStatus, 429)
	equal(t, failed.Type, "requests")
	equal(t, failed.Code, "rate_limit_exceeded")
	equal(t, failed.Param, "model")
	equal(t, failed.RetryAfter, 7*time.Second)
	equal(t, failed.Attempts, 1)
	equal(t, failed.MayHaveExecuted, false)
	if failed.RequestID == "" || !strings.Contains(failed.Error(), "Slow down, please") {
		t.Errorf("the error does not tell enough: %+v", failed)
	}
}

func TestCancellingReachesTheServer(t *testing.T) {
	server := startServer(t)
	server.script(`{"drop": "hang", "times": null}`)
	client := server.client()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		server.stats("in_flight=1")
		cancel()
	}()
	_, err := client.Chat(ctx, `{"model":"m"}`)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, oaic.Cancelled) {
		t.Errorf("found %v", err)
	}
	equal(t, server.stats("in_flight=0").InFlight, 0)
	if _, err = client.Chat(ctx, `{"model":"m"}`); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gave %v", err)
	}
	equal(t, len(server.log()), 1)
}

func TestADeadlineIsTheRequests(t *testing.T) {
	server := startServer(t)
	server.script(`{"drop": "hang", "times": null}`)
	client := server.client()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Chat(ctx, `{"model":"m"}`); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the context's deadline gave %v", err)
	}
	_, err := client.Chat(t.Context(), `{"model":"m"}`, oaic.WithRequestTimeout(50*time.Millisecond))
	if !errors.Is(err, oaic.DeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the request's timeout gave %v", err)
	}
}

func TestClosingCancelsWhatIsLeft(t *testing.T) {
	server := startServer(t)
	server.script(`{"drop": "hang", "times": null}`)
	client := server.client()
	outcome := make(chan error)
	go func() {
		_, err := client.Chat(context.Background(), `{"model":"m"}`)
		outcome <- err
	}()
	server.stats("in_flight=1")
	client.Close()
	if err := <-outcome; !errors.Is(err, oaic.Cancelled) {
		t.Errorf("found %v", err)
	}
	if _, err := client.Chat(t.Context(), `{"model":"m"}`); !errors.Is(err, oaic.Closed) {
		t.Errorf("after Close: %v", err)
	}
	must(t, client.Close())
}

func TestShutdownWaitsForWhatIsUnderWay(t *testing.T) {
	server := startServer(t)
	server.script(`{"hold": "gate"}`)
	client := server.client()
	outcome := make(chan error)
	go func() {
		_, err := client.Chat(context.Background(), hello)
		outcome <- err
	}()
	server.stats("in_flight=1")
	go server.post("/_release", map[string]any{"hold": "gate"})
	must(t, client.Shutdown(t.Context()))
	must(t, <-outcome)

	server.script(`{"drop": "hang"}`)
	client = server.client()
	go client.Chat(context.Background(), `{"model":"m"}`)
	server.stats("in_flight=1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gave %v", err)
	}
}

func TestSettingsAreCheckedAndTold(t *testing.T) {
	client := startServer(t).client(oaic.WithMaxRetries(3), oaic.WithIdleTimeout(2*time.Second))
	config, err := client.Config()
	must(t, err)
	equal(t, config["max_retries"].Value.(float64), 3)
	equal(t, config["max_retries"].Source, "explicit")
	equal(t, config["idle_timeout_ms"].Value.(float64), 2000)
	equal(t, config["queue_size"].Source, "default")
	equal(t, config["api_key"].Value.(string), "***")
	must(t, client.Configure(oaic.WithQueueSize(7), oaic.WithQueueFull("wait")))
	config, err = client.Config()
	must(t, err)
	equal(t, config["queue_size"].Value.(float64), 7)
	for name, bad := range map[string]oaic.Option{
		"no_such_option":          oaic.WithOption("no_such_option", 1),
		"max_concurrent_requests": oaic.WithMaxConcurrentRequests(0),
		"queue_full":              oaic.WithQueueFull("perhaps"),
	} {
		if err := client.Configure(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := oaic.New(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachOptionHasAFunction(t *testing.T) {
	config, err := startServer(t).client().Config()
	must(t, err)
	source, err := os.ReadFile("options.go")
	must(t, err)
	for name := range config {
		if !strings.Contains(string(source), `"`+name+`"`) {
			t.Errorf("options.go has no function for the option %s", name)
		}
	}
}

func TestStatsAreJSONAndPrometheus(t *testing.T) {
	client := startServer(t).client()
	_, err := client.Embed(t.Context(), model, []string{"a"})
	must(t, err)
	stats, err := client.Stats()
	must(t, err)
	var told struct{ Requests struct{ Accepted int } }
	must(t, json.Unmarshal(stats, &told))
	equal(t, told.Requests.Accepted, 1)
	text, err := client.Prometheus()
	must(t, err)
	if !strings.Contains(text, "oai_requests") {
		t.Errorf("no metrics: %s", text)
	}
}

func TestFilesGoUpAndComeDown(t *testing.T) {
	server := startServer(t)
	client := server.client()
	path := filepath.Join(t.TempDir(), "input.jsonl")
	must(t, os.WriteFile(path, []byte("{}\n{}\n"), 0o600))
	var progress []oaic.Progress
	_, err := client.Upload(t.Context(), oaic.File{Path: path}, "batch", oaic.WithProgress(func(p oaic.Progress) {
		progress = append(progress, p)
	}))
	must(t, err)
	body := server.log()[0].Body.(string)
	if !strings.Contains(body, `filename="input.jsonl"`) || !strings.Contains(body, "{}\n{}\n") {
		t.Errorf("the form is %s", body)
	}
	if len(progress) == 0 || progress[len(progress)-1].Way != "upload" {
		t.Errorf("progress was %v", progress)
	}
	target := filepath.Join(t.TempDir(), "output")
	_, err = client.DownloadTo(t.Context(), "zeros-100000", target)
	must(t, err)
	written, err := os.ReadFile(target)
	must(t, err)
	equal(t, len(written), 100000)
	_, err = client.Upload(t.Context(), oaic.File{Path: path + ".missing"}, "batch")
	if !errors.Is(err, oaic.FileFailed) || !strings.Contains(err.Error(), "input.jsonl.missing") {
		t.Errorf("a missing file gave %v", err)
	}
}

func TestADroppedClientIsCollected(t *testing.T) {
	server := startServer(t)
	server.script(`{"drop": "hang", "times": null}`)
	func() {
		client, err := oaic.New(oaic.WithBaseURL(server.url+"/v1"), oaic.WithoutDotenv(), oaic.WithAPIKey("dropped"))
		must(t, err)
		stream, err := client.ChatStream(context.Background(), `{"model":"m"}`)
		must(t, err)
		_ = stream
		server.stats("in_flight=1")
	}()
	for range 100 {
		runtime.GC()
		if server.stats("in_flight=0&timeout_ms=20").InFlight == 0 {
			return
		}
	}
	t.Error("the client was not freed: its request is still in flight")
}

func TestTheLogGoesToALogger(t *testing.T) {
	kept := &lines{}
	must(t, oaic.SetLogger(slog.New(kept), slog.LevelInfo))
	server := startServer(t)
	server.client(oaic.WithAPIKey("sk-secret"))
	wanted := []any{map[string]any{"level": "info", "contains": "api key"}}
	equal(t, kept.check(wanted, []string{"sk-secret"}), "")
	must(t, oaic.SetLogger(nil, slog.LevelWarn))
}

func TestAFallbackServesWhatItsOwnPlaceCannot(t *testing.T) {
	server := startServer(t)
	client := server.client(oaic.WithBaseURL("http://127.0.0.1:1/v1"), oaic.WithMaxRetries(0),
		oaic.WithFallbacks(oaic.Fallback{BaseURL: server.url + "/v1"}))
	answer, err := client.Chat(t.Context(), hello)
	must(t, err)
	equal(t, answer.Fallback, 1)
}
