// This file tests the calls that are several requests: waits, batches, and uploads in parts.

package oaic_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

// soon makes looks follow one another as fast as the test server answers.
var soon = oaic.WithPollInterval(time.Millisecond, time.Millisecond)

func job(id string) *oaic.Request {
	return &oaic.Request{Method: "GET", Path: "/fine_tuning/jobs/" + id}
}

// statuses lets the server tell these statuses of a job, one after the other, the last for ever.
func (s *server) statuses(statuses ...string) {
	for i, status := range statuses {
		times := "1"
		if i == len(statuses)-1 {
			times = "null"
		}
		s.script(`{"match": {"path": "/v1/fine_tuning/*"}, "times": ` + times + `, "status": 200, "body": {"status": "` + status + `"}}`)
	}
}

func TestAWaitEndsWithItsObject(t *testing.T) {
	server := startServer(t)
	server.statuses("queued", "running", "failed")
	answer, err := server.client().WaitUntil(t.Context(), job("job-1"), soon)
	must(t, err)
	equal(t, string(answer.Body), `{"status":"failed"}`)
	equal(t, server.stats("").Arrived, 3)
	equal(t, server.log()[2].Path, "/v1/fine_tuning/jobs/job-1")
}

func TestAWaitLooksWhereItIsTold(t *testing.T) {
	server := startServer(t)
	for _, state := range []string{"a", "b", "c"} {
		server.script(`{"match": {"path": "/v1/things"}, "status": 200, "body": {"state": "` + state + `"}}`)
	}
	answer, err := server.client().WaitUntil(t.Context(), &oaic.Request{Method: "GET", Path: "/things"}, soon,
		oaic.WithPollField("state"), oaic.WithPollStatuses("b", "d"))
	must(t, err)
	equal(t, string(answer.Body), `{"state":"b"}`)
}

func TestAContextEndsAWait(t *testing.T) {
	server := startServer(t)
	server.statuses("running")
	client := server.client()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		server.stats("arrived=3")
		cancel()
	}()
	_, err := client.WaitUntil(ctx, job("job-1"), soon)
	if !errors.Is(err, oaic.Cancelled) || !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
	if _, err = client.WaitUntil(ctx, job("job-1")); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = client.WaitUntil(late, job("job-1"), soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("found %v", err)
	}
	server.script(`{"match": {"path": "/v1/things"}, "status": 404}`)
	if _, err = client.WaitUntil(t.Context(), &oaic.Request{Method: "GET", Path: "/things"}); !errors.Is(err, oaic.NotFound) {
		t.Errorf("found %v", err)
	}
	var failed *oaic.Error
	if !errors.As(err, &failed) || !strings.Contains(string(failed.Body), `"error"`) {
		t.Errorf("the body of %v is %s", err, failed.Body)
	}
}

func TestABatchRunsFromItsInputToItsResults(t *testing.T) {
	server := startServer(t)
	folder := t.TempDir()
	input, output := filepath.Join(folder, "in.jsonl"), filepath.Join(folder, "out.jsonl")
	must(t, os.WriteFile(input, []byte(`{"custom_id": "1"}`+"\n"), 0o600))
	answer, err := server.client().RunBatch(t.Context(), map[string]any{
		"endpoint": "/v1/chat/completions", "metadata": map[string]string{"for": "tests"},
	}, input, output, soon)
	must(t, err)
	var batch struct {
		Status       string
		OutputFileID string `json:"output_file_id"`
	}
	must(t, answer.Decode(&batch))
	equal(t, batch.Status, "completed")
	results, err := os.ReadFile(output)
	must(t, err)
	equal(t, string(results), batch.OutputFileID)
	log := server.log()
	equal(t, log[0].Path, "/v1/files")
	sent := log[1].Body.(map[string]any)
	equal(t, sent["endpoint"].(string), "/v1/chat/completions")
	equal(t, sent["metadata"].(map[string]any)["for"].(string), "tests")
	equal(t, sent["completion_window"].(string), "24h")
}

func TestABatchTellsHowFarItIs(t *testing.T) {
	server := startServer(t)
	server.script(`{"match": {"path": "/v1/batches"}, "status": 200, "body": {"id": "batch-test", "status": "validating"}}`)
	server.script(`{"match": {"path": "/v1/batches/*"}, "status": 200, "body": {"id": "batch-test", "status": "in_progress",
		"request_counts": {"completed": 40, "failed": 1, "total": 100}}}`)
	folder := t.TempDir()
	input, output := filepath.Join(folder, "in.jsonl"), filepath.Join(folder, "out.jsonl")
	must(t, os.WriteFile(input, []byte("{}\n"), 0o600))
	var told []oaic.Progress // of a body that goes up or down its last alone
	tell := func(progress oaic.Progress) {
		if last := len(told) - 1; last >= 0 && told[last].Way == progress.Way && progress.Way != "batch" {
			told = told[:last]
		}
		told = append(told, progress)
	}
	client := server.client()
	_, err := client.RunBatch(t.Context(), map[string]any{"endpoint": "/v1/embeddings"}, input, output, soon,
		oaic.WithBatchProgress(tell))
	must(t, err)
	equal(t, len(told), 5)
	equal(t, told[0], oaic.Progress{Way: "upload", Bytes: told[0].Total, Total: told[0].Total})
	equal(t, told[0].Total > 3, true)
	equal(t, told[1], oaic.Progress{Way: "batch", BatchID: "batch-test", Status: "validating"})
	equal(t, told[2], oaic.Progress{Way: "batch", BatchID: "batch-test", Status: "in_progress", Completed: 40, Failed: 1,
		Total: 100})
	equal(t, told[3].Status, "completed")
	equal(t, told[4], oaic.Progress{Way: "download", Bytes: 11, Total: 11, File: "output"})

	_, err = client.RunBatch(t.Context(), `{"batch_id": "batch-test"}`, "", "", oaic.WithBatchProgress(nil))
	must(t, err)
	_, err = client.WaitUntil(t.Context(), job("job-1"), oaic.WithBatchProgress(tell))
	equal(t, errors.Is(err, oaic.InvalidArgument), true)
}

func TestAnInterruptedBatchGoesOn(t *testing.T) {
	server := startServer(t)
	server.script(`{"match": {"path": "/v1/batches/*"}, "times": null, "status": 200, "body": {"status": "in_progress"}}`)
	client := server.client()
	input := filepath.Join(t.TempDir(), "in.jsonl")
	must(t, os.WriteFile(input, []byte("{}\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		server.stats("arrived=4")
		cancel()
	}()
	_, err := client.RunBatch(ctx, `{"endpoint": "/v1/embeddings"}`, input, "", soon)
	var failed *oaic.Error
	if !errors.As(err, &failed) || !errors.Is(err, context.Canceled) {
		t.Fatalf("found %v", err)
	}
	equal(t, string(failed.Body), `{"batch_id":"batch-test"}`)
	server.post("/_reset", struct{}{})
	_, err = client.RunBatch(t.Context(), failed.Body, "", "", soon)
	must(t, err)
	equal(t, server.log()[0].Path, "/v1/batches/batch-test")

	if _, err = client.RunBatch(t.Context(), "{", input, ""); err == nil || !strings.Contains(err.Error(), "no JSON object") {
		t.Errorf("found %v", err)
	}
	if _, err = client.RunBatch(t.Context(), nil, input, ""); !errors.Is(err, oaic.InvalidArgument) {
		t.Errorf("found %v", err)
	}
}

func TestAFileGoesUpInPartsAndAnInterruptedOneGoesOn(t *testing.T) {
	server := startServer(t)
	client := server.client(oaic.WithMaxRetries(0))
	path := filepath.Join(t.TempDir(), "large.jsonl")
	must(t, os.WriteFile(path, []byte(strings.Repeat("x", 1000)), 0o600))
	body := map[string]any{"purpose": "batch", "part_bytes": 300}
	var told []oaic.Progress
	answer, err := client.UploadInParts(t.Context(), path, body, func(progress oaic.Progress) { told = append(told, progress) })
	must(t, err)
	var upload struct{ Status string }
	must(t, answer.Decode(&upload))
	equal(t, upload.Status, "completed")
	equal(t, told[len(told)-1], oaic.Progress{Way: "upload", Bytes: 1000, Total: 1000})
	equal(t, server.stats("").Arrived, 6)

	server.post("/_reset", struct{}{})
	server.script(`{"match": {"path": "/v1/uploads/upload-test/complete"}, "status": 500}`)
	_, err = client.UploadInParts(t.Context(), path, body, nil)
	var failed *oaic.Error
	if !errors.As(err, &failed) {
		t.Fatalf("found %v", err)
	}
	var resume struct {
		PartIDs []string `json:"part_ids"`
	}
	must(t, json.Unmarshal(failed.Body, &resume))
	equal(t, len(resume.PartIDs), 4)
	_, err = client.UploadInParts(t.Context(), path, failed.Body, nil)
	must(t, err)
	equal(t, server.stats("").Arrived, 7)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = client.UploadInParts(ended, path, body, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
	if _, err = client.UploadInParts(t.Context(), path+".none", body, nil); !errors.Is(err, oaic.FileFailed) {
		t.Errorf("found %v", err)
	}
}
