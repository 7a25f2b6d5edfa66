// This file is the examples of the package's documentation. They run against the test server.

package oaic_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

// exampleClient is what oaic.New() gives to a program whose environment has a key.
var exampleClient = func() (*oaic.Client, func()) {
	test := &exampleTest{}
	server := startServer(test)
	return server.client(), test.end
}

func ExampleClient_Embed() {
	client, end := exampleClient()
	defer end()
	vectors, err := client.Embed(context.Background(), "text-embedding-3-small", []string{"Old boats", "Fresh bread"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(vectors.Rows, "vectors of", vectors.Dims, "numbers")
	// Output: 2 vectors of 1536 numbers
}

func ExampleClient_StartEmbed() {
	client, end := exampleClient()
	defer end()
	texts := []string{"Old boats", "Fresh bread", "Fog on the sea"}
	done := make(chan *oaic.Call, len(texts))
	for _, text := range texts {
		if err := client.StartEmbed(context.Background(), "text-embedding-3-small", []string{text}, text, done); err != nil {
			log.Fatal(err)
		}
	}
	for range texts {
		call := <-done
		if call.Err != nil {
			log.Fatal(call.Tag, ": ", call.Err)
		}
		fmt.Println(call.Tag, "has", call.Embeddings.Dims, "numbers")
	}
	// Unordered output:
	// Old boats has 1536 numbers
	// Fresh bread has 1536 numbers
	// Fog on the sea has 1536 numbers
}

func ExampleClient_Chat() {
	client, end := exampleClient()
	defer end()
	answer, err := client.Chat(context.Background(), map[string]any{
		"model":    "gpt-4o-mini",
		"messages": []map[string]string{{"role": "user", "content": "Hello"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	var chat struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := answer.Decode(&chat); err != nil {
		log.Fatal(err)
	}
	fmt.Println(chat.Choices[0].Message.Content)
	// Output: You said: Hello
}

func ExampleClient_ChatStream() {
	client, end := exampleClient()
	defer end()
	stream, err := client.ChatStream(context.Background(),
		`{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}`)
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range stream.Events() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(event.Text())
	}
	fmt.Println()
	// Output: You said: Hello
}

func ExampleClient_WaitUntil() {
	client, end := exampleClient()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	answer, err := client.WaitUntil(ctx, &oaic.Request{Method: "GET", Path: "/batches/batch-test"})
	if err != nil {
		log.Fatal(err)
	}
	var batch struct{ Status string }
	if err := answer.Decode(&batch); err != nil {
		log.Fatal(err)
	}
	fmt.Println(batch.Status)
	// Output: completed
}

func ExampleWithTokenProvider() {
	client, end := exampleClient()
	defer end()
	err := client.Configure(oaic.WithTokenProvider(func(ctx context.Context) (string, time.Time, error) {
		// Your identity service is asked here.
		return "eyJ...", time.Now().Add(time.Hour), nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Models(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

func ExampleItems() {
	client, end := exampleClient()
	defer end()
	type model struct{ ID string }
	count := 0
	for model, err := range oaic.Items[model](context.Background(), client, &oaic.Request{Method: "GET", Path: "/models"}) {
		if err != nil {
			log.Fatal(err)
		}
		if model.ID != "" {
			count++
		}
	}
	fmt.Println(count > 0)
	// Output: true
}

func ExampleError() {
	client, end := exampleClient()
	defer end()
	_, err := client.Do(context.Background(), &oaic.Request{Method: "GET", Path: "/no/such/thing"})
	var failed *oaic.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Status, failed.HTTPStatus, failed.Attempts)
	}
	fmt.Println(errors.Is(err, oaic.NotFound))
	// Output:
	// OAI_ERR_HTTP_NOT_FOUND 404 1
	// true
}
