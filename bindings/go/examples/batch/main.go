// Command batch runs a batch from its input file to its results. Interrupted, it says how to go on.
//
//	go run ./examples/batch /v1/chat/completions requests.jsonl results.jsonl
//	go run ./examples/batch -resume '{"batch_id":"batch_1"}' /v1/chat/completions "" results.jsonl
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	oaic "github.com/oaic/oaic/bindings/go"
)

func main() {
	resume := flag.String("resume", "{}", "what an interrupted run said to go on with")
	flag.Parse()
	if flag.NArg() != 3 {
		log.Fatal("give the endpoint, the input file and the output file")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := oaic.New()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	body := map[string]any{"endpoint": flag.Arg(0)}
	if err := json.Unmarshal([]byte(*resume), &body); err != nil {
		log.Fatal(err)
	}
	answer, err := client.RunBatch(ctx, body, flag.Arg(1), flag.Arg(2))
	var failed *oaic.Error
	if errors.As(err, &failed) && errors.Is(err, context.Canceled) {
		log.Fatalf("interrupted; go on with -resume '%s'", failed.Body)
	}
	if err != nil {
		log.Fatal(err)
	}
	var batch struct {
		Status string
		Counts map[string]int `json:"request_counts"`
	}
	if err := answer.Decode(&batch); err != nil {
		log.Fatal(err)
	}
	fmt.Println(batch.Status, batch.Counts)
}
