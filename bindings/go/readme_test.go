// This file builds and runs the Go code of README.md and the examples, against the test server.

package oaic_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wrapped makes a program of a snippet, which has ctx and client and may return an error.
const wrapped = `package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

func snippet(ctx context.Context, client *oaic.Client) error {
%s
	return nil
}

func main() {
	client, err := oaic.New()
	if err != nil {
		log.Fatal(err)
	}
	if err := snippet(context.Background(), client); err != nil {
		log.Fatal(err)
	}
	_ = errors.Is
	_ = fmt.Sprint
	_ = time.Now
}
`

// The README is followed in a module of its own, which is where a newcomer is.
func TestTheREADMEIsTrue(t *testing.T) {
	server := startServer(t)
	text, err := os.ReadFile("README.md")
	must(t, err)
	here, err := filepath.Abs(".")
	must(t, err)
	folder := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(folder, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
	blocks := strings.Split(string(text), "```go\n")[1:]
	equal(t, len(blocks), 6)
	for i, block := range blocks {
		blocks[i] = strings.Split(block, "```")[0]
	}
	write("main.go", blocks[0])
	commands := 0
	for line := range strings.Lines(string(text)) {
		if command := strings.TrimSpace(line); strings.HasPrefix(line, "    ") && strings.Contains(command, "go ") && !strings.HasPrefix(command, "(cd") {
			command = strings.ReplaceAll(command, "../oaic/bindings/go", here)
			output := server.output(t, folder, "", "sh", "-ec", command)
			equal(t, strings.Contains(command, "go run"), strings.Contains(output, "2 vectors of 1536 numbers"))
			commands++
		}
	}
	equal(t, commands, 4)

	// What the other blocks read.
	write("large.jsonl", "{}\n")
	write("requests.jsonl", "{}\n")
	for i, block := range blocks[1:] {
		name := fmt.Sprintf("block%d", i+1)
		write(filepath.Join(name, "main.go"), fmt.Sprintf(wrapped, block))
		if server.output(t, folder, "", "go", "run", "./"+name) == "" {
			t.Errorf("%s printed nothing", name)
		}
	}
}

func TestTheExamplesRun(t *testing.T) {
	server := startServer(t)
	lines := "Old wooden boats are mended at the wharf.\nThe bakery opens at five.\n"
	output := server.output(t, ".", lines, "go", "run", "./examples/search", "Who mends wooden boats?")
	if !strings.Contains(output, "Old wooden boats") {
		t.Errorf("search printed %s", output)
	}
	equal(t, server.output(t, ".", "", "go", "run", "./examples/chat", "Hello"), "You said: Hello\n")
	results := filepath.Join(t.TempDir(), "results.jsonl")
	input := filepath.Join(t.TempDir(), "requests.jsonl")
	must(t, os.WriteFile(input, []byte("{}\n"), 0o600))
	output = server.output(t, ".", "", "go", "run", "./examples/batch", "/v1/embeddings", input, results)
	if !strings.Contains(output, "completed") {
		t.Errorf("batch printed %s", output)
	}
	_, err := os.Stat(results)
	must(t, err)
}

// output is what a program prints that uses the server as the reader of the README would use the API.
func (s *server) output(t *testing.T, folder, input string, program string, arguments ...string) string {
	t.Helper()
	command := exec.Command(program, arguments...)
	command.Dir = folder
	command.Stdin = strings.NewReader(input)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), "OPENAI_BASE_URL="+s.url+"/v1", "OPENAI_API_KEY=sk-readme", "OAI_DOTENV=false",
		// What the package needs was fetched and verified when this test was built.
		"GOPROXY=off", "GONOSUMDB=*")
	output, err := command.Output()
	must(t, err)
	return string(output)
}
