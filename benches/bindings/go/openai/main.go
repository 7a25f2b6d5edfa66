// Command openai is the official module's side of `make bench-bindings`; oaic/main.go is its twin.
package main

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"

	"benches/work"
)

const model = openai.EmbeddingModelTextEmbedding3Small

func main() {
	kind, count := work.Asked()
	ctx := context.Background()
	client := openai.NewClient()
	embed := func(texts ...string) []openai.Embedding {
		answer, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
			Model: model,
			Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
		})
		work.Check(err)
		return answer.Data
	}
	switch kind {
	case "embed":
		work.AtOnce(64, count, func() { work.Expect(len(embed(work.Text)[0].Embedding) == 1536, "no vector") })
	case "bulk":
		texts := work.Texts()
		work.AtOnce(4, count/256, func() { work.Expect(len(embed(texts...)) == 256, "not all vectors") })
	case "stream":
		var chunks atomic.Int64
		work.AtOnce(8, count/1000, func() {
			stream := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
				Model:    "gpt-4o-mini",
				Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(os.Getenv("BENCH_TEXT"))},
			})
			for stream.Next() {
				if event := stream.Current(); len(event.Choices) > 0 && len(event.Choices[0].Delta.Content) >= 0 {
					chunks.Add(1)
				}
			}
			work.Check(stream.Err())
		})
		work.Expect(chunks.Load() >= int64(count), "not all chunks")
	case "pending":
		// As one must without a queue: a semaphore in front.
		slots := make(chan struct{}, 64)
		var started atomic.Int64
		for range count {
			go func() {
				started.Add(1)
				slots <- struct{}{}
				embed(work.Text)
			}()
		}
		for started.Load() < int64(count) {
			time.Sleep(time.Millisecond)
		}
		work.Pending()
	}
}
