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
}
`

func TestTheCodeOfTheREADMERuns(t *testing.T) {
	server := startServer(t)
	text, err := os.ReadFile("README.md")
	must(t, err)
	blocks := strings.Split(string(text), "```go\n")[1:]
	equal(t, len(blocks), 4)
	for i, block := range blocks {
		code := strings.Split(block, "```")[0]
		if !strings.HasPrefix(code, "package main") {
			code = fmt.Sprintf(wrapped, code)
		}
		// Inside the module, or it would not find the package.
		folder, err := os.MkdirTemp(".", "readme-")
		must(t, err)
		t.Cleanup(func() { os.RemoveAll(folder) })
		must(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(code), 0o600))
		output := goRun(t, server, "", "./"+folder)
		if output == "" {
			t.Errorf("block %d printed nothing", i)
		}
	}
}

func TestTheExamplesRun(t *testing.T) {
	server := startServer(t)
	lines := "Old wooden boats are mended at the wharf.\nThe bakery opens at five.\n"
	output := goRun(t, server, lines, "./examples/search", "Who mends wooden boats?")
	if !strings.Contains(output, "Old wooden boats") {
		t.Errorf("search printed %s", output)
	}
	equal(t, goRun(t, server, "", "./examples/chat", "Hello"), "You said: Hello\n")
}

func goRun(t *testing.T, server *server, input string, arguments ...string) string {
	t.Helper()
	command := exec.Command("go", append([]string{"run"}, arguments...)...)
	command.Stdin = strings.NewReader(input)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), "OPENAI_BASE_URL="+server.url+"/v1", "OPENAI_API_KEY=sk-readme", "OAI_DOTENV=false")
	output, err := command.Output()
	must(t, err)
	return string(output)
}
