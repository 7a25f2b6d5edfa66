// Command search finds the line of a text that is nearest in meaning to a question.
//
//	go run ./examples/search "Who mends boats?" < text.txt
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	oaic "github.com/oaic/oaic/bindings/go"
)

const model = "text-embedding-3-small"

func main() {
	client, err := oaic.New(oaic.WithMaxConcurrentRequests(8))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	var lines []string
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		if line := strings.TrimSpace(input.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	question := strings.Join(os.Args[1:], " ")
	vectors, err := client.Embed(context.Background(), model, append(lines, question))
	if err != nil {
		log.Fatal(err)
	}
	asked := vectors.Row(len(lines))
	best, nearest := 0, float32(-1)
	for i := range lines {
		var likeness float32
		for d, number := range vectors.Row(i) {
			likeness += number * asked[d]
		}
		if likeness > nearest {
			best, nearest = i, likeness
		}
	}
	fmt.Printf("%.3f  %s\n", nearest, lines[best])
}
