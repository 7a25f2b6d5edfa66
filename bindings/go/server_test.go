// This file runs the project's test server for the tests of this package.

package oaic_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	oaic "github.com/oaic/oaic/bindings/go"
)

// server is a test server of one test.
type server struct {
	test testing.TB
	url  string
}

func startServer(t testing.TB) *server {
	program := os.Getenv("OAI_TEST_SERVER_BIN")
	if program == "" {
		t.Fatal("set OAI_TEST_SERVER_BIN to the test server's program; `make test-go` does")
	}
	command := exec.Command(program, "--port", "0", "--exit-on-stdin-close")
	stdin, err := command.StdinPipe()
	must(t, err)
	stdout, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	t.Cleanup(func() {
		stdin.Close()
		command.Wait()
	})
	return &server{t, strings.TrimSpace(line)}
}

// post calls a control path.
func (s *server) post(path string, body any) {
	s.test.Helper()
	text, err := json.Marshal(body)
	must(s.test, err)
	answer, err := http.Post(s.url+path, "application/json", bytes.NewReader(text))
	must(s.test, err)
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		s.test.Fatalf("%s: %s", path, said)
	}
}

// script adds a rule.
func (s *server) script(rule string) { s.post("/_script", json.RawMessage(rule)) }

// arrival is a request as the server saw it.
type arrival struct {
	Method, Path string
	Headers      map[string]any
	Body         any
	ClientGone   bool `json:"client_gone"`
}

func (s *server) log() (arrivals []arrival) {
	s.test.Helper()
	s.get("/_log", &arrivals)
	return arrivals
}

// stats waits until the condition of the query holds, such as "in_flight=1".
func (s *server) stats(query string) (stats struct {
	InFlight    int `json:"in_flight"`
	MaxInFlight int `json:"max_in_flight"`
	Arrived     int
	ClientGone  int `json:"client_gone"`
}) {
	s.test.Helper()
	s.get("/_stats?"+query, &stats)
	return stats
}

func (s *server) get(path string, into any) {
	s.test.Helper()
	answer, err := http.Get(s.url + path)
	must(s.test, err)
	defer answer.Body.Close()
	must(s.test, json.NewDecoder(answer.Body).Decode(into))
}

var clients atomic.Int64

// client makes a client of the server with a key, and so with limits, of its own.
func (s *server) client(options ...oaic.Option) *oaic.Client {
	s.test.Helper()
	given := []oaic.Option{
		oaic.WithBaseURL(s.url + "/v1"), oaic.WithoutDotenv(),
		oaic.WithAPIKey(fmt.Sprintf("test-key-%d", clients.Add(1))),
	}
	client, err := oaic.New(append(given, options...)...)
	must(s.test, err)
	s.test.Cleanup(func() { client.Close() })
	return client
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Fatalf("found %v, wanted %v", found, wanted)
	}
}

// exampleTest lets examples, which have no *testing.T, use the server.
type exampleTest struct {
	testing.TB
	cleanups []func()
}

func (e *exampleTest) Helper()                {}
func (e *exampleTest) Cleanup(cleanup func()) { e.cleanups = append(e.cleanups, cleanup) }
func (e *exampleTest) Fatal(arguments ...any) { panic(fmt.Sprint(arguments...)) }
func (e *exampleTest) end() {
	for _, cleanup := range slices.Backward(e.cleanups) {
		cleanup()
	}
}
