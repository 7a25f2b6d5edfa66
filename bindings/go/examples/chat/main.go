// Command chat asks a question and prints the answer as it comes.
//
//	go run ./examples/chat "Why is the sky blue?"
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"

	oaic "github.com/oaic/oaic/bindings/go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := oaic.New()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	stream, err := client.ChatStream(ctx, map[string]any{
		"model":    "gpt-4o-mini",
		"messages": []message{{"user", strings.Join(os.Args[1:], " ")}},
	})
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
}
