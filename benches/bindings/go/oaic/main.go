// Command oaic is the Go package's side of `make bench-bindings`: one kind of work, so many units of it. run.py says what
// the kinds are; openai/main.go is its twin with the official module.
package main

import (
	"context"
	"encoding/json"
	"os"
	"sync/atomic"

	oaic "github.com/oaic/oaic/bindings/go"

	"benches/work"
)

const model = "text-embedding-3-small"

func main() {
	kind, count := work.Asked()
	ctx := context.Background()
	client, err := oaic.New(oaic.WithMaxConcurrentRequests(64), oaic.WithQueueSize(1_000_000), oaic.WithLearnLimits(false))
	work.Check(err)
	embed := func(texts ...string) *oaic.Embeddings {
		vectors, err := client.Embed(ctx, model, texts)
		work.Check(err)
		return vectors
	}
	switch kind {
	case "embed":
		work.AtOnce(64, count, func() { work.Expect(embed(work.Text).Dims == 1536, "no vector") })
	case "bulk":
		texts := work.Texts()
		work.AtOnce(4, count/256, func() { work.Expect(embed(texts...).Rows == 256, "not all vectors") })
	case "stream":
		var chunks atomic.Int64
		work.AtOnce(8, count/1000, func() {
			stream, err := client.ChatStream(ctx, os.Getenv("BENCH_CHAT"))
			work.Check(err)
			for event, err := range stream.Events() {
				work.Check(err)
				if len(event.Text()) >= 0 {
					chunks.Add(1)
				}
			}
		})
		work.Expect(chunks.Load() >= int64(count), "not all chunks")
	case "pending":
		done := make(chan *oaic.Call)
		for range count {
			work.Check(client.StartEmbed(ctx, model, []string{work.Text}, nil, done))
		}
		for accepted(client) < count {
		}
		work.Pending()
	}
}

// accepted is how many requests the client has taken.
func accepted(client *oaic.Client) int {
	stats, err := client.Stats()
	work.Check(err)
	var told struct{ Requests struct{ Accepted int } }
	work.Check(json.Unmarshal(stats, &told))
	return told.Requests.Accepted
}
