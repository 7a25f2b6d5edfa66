// Command oaic is the Go package's side of `make bench-bindings`: one kind of work, so many units of it. run.py says what
// the kinds are; openai/main.go is its twin with the official module.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"

	oaic "github.com/oaic/oaic/bindings/go"
)

const model = "text-embedding-3-small"

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
	client, err := oaic.New(oaic.WithMaxConcurrentRequests(64), oaic.WithQueueSize(1_000_000), oaic.WithLearnLimits(false))
	check(err)
	switch kind {
	case "embed":
		atOnce(64, count, func(i int) {
			vectors, err := client.Embed(ctx, model, []string{"a text to embed"})
			check(err)
			if vectors.Dims != 1536 {
				log.Fatal("no vector")
			}
		})
	case "bulk":
		texts := make([]string, 256)
		for i := range texts {
			texts[i] = "a text to embed"
		}
		atOnce(4, count/256, func(i int) {
			vectors, err := client.Embed(ctx, model, texts)
			check(err)
			if vectors.Rows != 256 {
				log.Fatal("not all vectors")
			}
		})
	case "stream":
		chunks := 0
		var mutex sync.Mutex
		atOnce(8, count/1000, func(i int) {
			stream, err := client.ChatStream(ctx, os.Getenv("BENCH_CHAT"))
			check(err)
			length := 0
			for event, err := range stream.Events() {
				check(err)
				if len(event.Text()) >= 0 {
					length++
				}
			}
			mutex.Lock()
			chunks += length
			mutex.Unlock()
		})
		if chunks < count {
			log.Fatalf("%d chunks", chunks)
		}
	case "pending":
		for range count {
			go client.Embed(ctx, model, []string{"a text to embed"})
		}
		for {
			stats, err := client.Stats()
			check(err)
			if told := accepted(stats); told >= count {
				break
			}
		}
		fmt.Println("pending")
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
}

// accepted is how many requests the client has taken.
func accepted(stats []byte) int {
	var told struct{ Requests struct{ Accepted int } }
	check(json.Unmarshal(stats, &told))
	return told.Requests.Accepted
}
