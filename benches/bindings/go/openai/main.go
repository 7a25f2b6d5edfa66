// Command openai is the official module's side of `make bench-bindings`; oaic/main.go is its twin.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"
)

const model = openai.EmbeddingModelTextEmbedding3Small

// atOnce does work for 0 to count-1, so many at once.
func atOnce(workers, count int, work func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range workers {
		all.Go(func() {
			for i := range next {
				work(i)
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	all.Wait()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	kind := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	check(err)
	ctx := context.Background()
	client := openai.NewClient()
	embed := func(texts ...string) *openai.CreateEmbeddingResponse {
		answer, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
			Model: model,
			Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
		})
		check(err)
		return answer
	}
	switch kind {
	case "embed":
		atOnce(64, count, func(i int) {
			if len(embed("a text to embed").Data[0].Embedding) != 1536 {
				log.Fatal("no vector")
			}
		})
	case "bulk":
		texts := make([]string, 256)
		for i := range texts {
			texts[i] = "a text to embed"
		}
		atOnce(4, count/256, func(i int) {
			if len(embed(texts...).Data) != 256 {
				log.Fatal("not all vectors")
			}
		})
	case "stream":
		var chunks atomic.Int64
		atOnce(8, count/1000, func(i int) {
			stream := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
				Model:    "gpt-4o-mini",
				Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(os.Getenv("BENCH_TEXT"))},
			})
			for stream.Next() {
				if event := stream.Current(); len(event.Choices) > 0 && len(event.Choices[0].Delta.Content) >= 0 {
					chunks.Add(1)
				}
			}
			check(stream.Err())
		})
		if chunks.Load() < int64(count) {
			log.Fatalf("%d chunks", chunks.Load())
		}
	case "pending":
		// As one must without a queue: a semaphore in front.
		slots := make(chan struct{}, 64)
		var started atomic.Int64
		for range count {
			go func() {
				started.Add(1)
				slots <- struct{}{}
				embed("a text to embed")
			}()
		}
		for started.Load() < int64(count) {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("pending")
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
}
