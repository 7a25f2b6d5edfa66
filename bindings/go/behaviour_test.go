// This file replays the behaviour suite, tests/behaviour, through this package. Its README says what a runner does;
// behaviour_calls_test.go makes the calls, behaviour_pattern_test.go compares.

package oaic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

const suite = "../../tests/behaviour"

// A case that sets variables runs in a process of its own, which is told so by this variable: without cgo, what Go puts
// into its environment later does not reach C.
const childVariable = "OAIC_BEHAVIOUR_CHILD"

type behaviourCase struct {
	Name, Why string
	Server    *struct {
		Script any
		Limits any
	}
	Client      map[string]any
	Environment map[string]string
	Files       map[string]string
	Log         string
	Created     any
	Steps       []step
}

type step struct {
	Do, As, Path, Body               string
	Call                             map[string]any
	Expect                           any
	JSON                             any
	Count                            int
	AtLeastMS                        []float64 `json:"at_least_ms"`
	TimeoutMS                        int       `json:"timeout_ms"`
	Contains, Never                  []string
	Secret, ID, Timestamp, Signature *string
	NowMS                            *int64 `json:"now_ms"`
}

// place is what a case has for itself.
type place struct{ Server, Key, Dir string }

func TestBehaviour(t *testing.T) {
	if told := os.Getenv(childVariable); told != "" {
		runChild(t, told)
		return
	}
	server := startServer(t)
	files, err := filepath.Glob(suite + "/*.json")
	must(t, err)
	passed, all := 0, 0
	for _, file := range files {
		cases, err := readCases(file)
		must(t, err)
		for i := range cases {
			all++
			here := place{server.url, fmt.Sprintf("sk-test-go-%d-%d", os.Getpid(), all), t.TempDir()}
			server.post("/_reset", nil)
			var failure string
			if cases[i].Environment == nil {
				failure = runCase(&cases[i], here)
			} else {
				failure = inChild(file, &cases[i], here)
			}
			if failure == "" {
				passed++
				continue
			}
			t.Errorf("%s: %s: %s", filepath.Base(file), cases[i].Name, failure)
		}
	}
	fmt.Printf("behaviour go: %d of %d cases passed\n", passed, all)
}

func readCases(file string) ([]behaviourCase, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var cases []behaviourCase
	if err := decoder.Decode(&cases); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cases, nil
}

// filled is a case with its place written into all of its texts.
func (c *behaviourCase) filled(here place) (*behaviourCase, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	replaced := strings.NewReplacer("${server}", here.Server, "${key}", here.Key, "${dir}", here.Dir).Replace(string(text))
	made := &behaviourCase{}
	return made, json.Unmarshal([]byte(replaced), made)
}

// ===== cases that set variables =====

type childCase struct {
	File, Name string
	Place      place
}

func inChild(file string, c *behaviourCase, here place) string {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return err.Error()
	}
	told, err := json.Marshal(childCase{absolute, c.Name, here})
	if err != nil {
		return err.Error()
	}
	made, err := c.filled(here)
	if err != nil {
		return err.Error()
	}
	child := exec.Command(os.Args[0], "-test.run=^TestBehaviour$")
	child.Env = append(os.Environ(), childVariable+"="+string(told))
	for name, value := range made.Environment {
		child.Env = append(child.Env, name+"="+value)
	}
	if output, err := child.CombinedOutput(); err != nil {
		return string(output)
	}
	return ""
}

func runChild(t *testing.T, told string) {
	var asked childCase
	must(t, json.Unmarshal([]byte(told), &asked))
	cases, err := readCases(asked.File)
	must(t, err)
	i := slices.IndexFunc(cases, func(c behaviourCase) bool { return c.Name == asked.Name })
	if failure := runCase(&cases[i], asked.Place); failure != "" {
		t.Fatal(failure)
	}
}

// ===== one case =====

// run is a case under way.
type run struct {
	place
	client  *oaic.Client
	started map[string]*startedCall
	lines   *lines
}

// runCase tells what was not as expected; empty if all was.
func runCase(given *behaviourCase, here place) (failure string) {
	c, err := given.filled(here)
	if err != nil {
		return err.Error()
	}
	r := &run{place: here, started: map[string]*startedCall{}}
	defer func() {
		// A case that asks for a member that is not there fails; it does not end the suite.
		if broken := recover(); broken != nil {
			failure = fmt.Sprint("the runner failed: ", broken)
		}
		r.end()
	}()
	if c.Server != nil {
		for path, body := range map[string]any{"/_script": c.Server.Script, "/_limits": c.Server.Limits} {
			if body == nil {
				continue
			}
			if _, err := r.ask(path, body); err != nil {
				return err.Error()
			}
		}
	}
	if c.Log != "" {
		r.lines = &lines{}
		if err := oaic.SetLogger(slog.New(r.lines), logLevels[c.Log]); err != nil {
			return err.Error()
		}
	}
	created := r.create(c)
	pattern := c.Created
	if difference := matches(withStatus(pattern), created, "created"); difference != "" {
		return difference
	}
	for i, step := range c.Steps {
		done := make(chan string, 1)
		go func() {
			defer func() {
				if broken := recover(); broken != nil {
					done <- fmt.Sprint("the runner failed: ", broken)
				}
			}()
			done <- r.do(&step)
		}()
		var failure string
		select {
		case failure = <-done:
		case <-time.After(20 * time.Second):
			failure = "took longer than 20 seconds"
		}
		if failure != "" {
			return fmt.Sprintf("step %d (%s): %s", i, step.Do, failure)
		}
	}
	return ""
}

// create makes the client in the case's folder.
func (r *run) create(c *behaviourCase) map[string]any {
	options := map[string]any{"base_url": r.Server + "/v1", "api_key": r.Key, "dotenv": false}
	for name, value := range c.Client {
		options[name] = value
		if value == nil {
			delete(options, name)
		}
	}
	for name, content := range c.Files {
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(content), 0o600); err != nil {
			panic(err)
		}
	}
	back, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	if err := os.Chdir(r.Dir); err != nil {
		panic(err)
	}
	defer os.Chdir(back)
	var given []oaic.Option
	for name, value := range options {
		given = append(given, oaic.WithOption(name, value))
	}
	r.client, err = oaic.New(given...)
	return outcomeOf(err)
}

func (r *run) end() {
	if r.client != nil {
		r.client.Close()
	}
	for _, call := range r.started {
		call.cancel()
		<-call.done
	}
	if r.lines != nil {
		oaic.SetLogger(nil, slog.LevelWarn)
	}
}

// withStatus adds to a pattern for an outcome what it means when it says nothing of the status.
func withStatus(pattern any) any {
	made := map[string]any{"status": "OAI_OK"}
	if given, ok := pattern.(map[string]any); ok {
		for key, value := range given {
			made[key] = value
		}
	}
	return made
}

func (r *run) do(s *step) string {
	expect := func(outcome map[string]any) string { return matches(withStatus(s.Expect), outcome, "outcome") }
	switch s.Do {
	case "call":
		return expect(r.call(context.Background(), s.Call, nil))
	case "start":
		return r.start(s.As, s.Call)
	case "finish":
		call := r.started[s.As]
		<-call.done
		return expect(call.outcome)
	case "cancel":
		r.started[s.As].cancel()
		return ""
	case "chunks":
		r.started[s.As].waitFor(s.Count)
		return ""
	case "server":
		answer, err := r.ask(s.Path, s.JSON)
		if err != nil {
			return err.Error()
		}
		if s.Expect == nil {
			return ""
		}
		return matches(s.Expect, answer, "answer")
	case "gaps":
		return r.gaps(s.AtLeastMS)
	case "configure":
		var options []oaic.Option
		for name, value := range s.JSON.(map[string]any) {
			options = append(options, oaic.WithOption(name, value))
		}
		return expect(outcomeOf(r.client.Configure(options...)))
	case "config":
		config, err := r.client.Config()
		if err != nil {
			return err.Error()
		}
		return matches(s.Expect, asJSON(config), "config")
	case "stats":
		stats, err := r.client.Stats()
		if err != nil {
			return err.Error()
		}
		return matches(s.Expect, asJSON(stats), "stats")
	case "prometheus":
		text, err := r.client.Prometheus()
		if err != nil {
			return err.Error()
		}
		return matches(map[string]any{"$contains": asJSON(s.Contains)}, text, "prometheus")
	case "log":
		return r.lines.check(s.Expect, s.Never)
	case "webhook":
		return expect(outcomeOf(r.webhook(s)))
	case "close":
		return expect(outcomeOf(r.client.Drain(time.Duration(s.TimeoutMS) * time.Millisecond)))
	case "free":
		r.client.Close()
		return ""
	}
	return "there is no such step"
}

// ask asks the server at a control path.
func (r *run) ask(path string, body any) (answer any, err error) {
	var response *http.Response
	if body == nil {
		response, err = http.Get(r.Server + path)
	} else {
		text, broken := json.Marshal(body)
		if broken != nil {
			return nil, broken
		}
		response, err = http.Post(r.Server+path, "application/json", bytes.NewReader(text))
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	err = json.NewDecoder(response.Body).Decode(&answer)
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP %d: %v", path, response.StatusCode, answer)
	}
	return answer, err
}

func (r *run) gaps(atLeast []float64) string {
	answer, err := r.ask("/_log", nil)
	if err != nil {
		return err.Error()
	}
	log := answer.([]any)
	if len(log) != len(atLeast)+1 {
		return fmt.Sprintf("%d requests arrived, not %d", len(log), len(atLeast)+1)
	}
	at := func(i int) float64 { return log[i].(map[string]any)["t_ms"].(float64) }
	for i, least := range atLeast {
		if gap := at(i+1) - at(i); gap < least {
			return fmt.Sprintf("gap %d is %v ms, not %v", i, gap, least)
		}
	}
	return ""
}

func (r *run) webhook(s *step) error {
	header := http.Header{}
	for name, value := range map[string]*string{"webhook-id": s.ID, "webhook-timestamp": s.Timestamp, "webhook-signature": s.Signature} {
		if value != nil {
			header.Set(name, *value)
		}
	}
	if s.Secret != nil {
		return oaic.VerifyWebhook(*s.Secret, []byte(s.Body), header, 0, time.UnixMilli(*s.NowMS))
	}
	return r.client.VerifyWebhook([]byte(s.Body), header, 0)
}

// ===== the log =====

var logLevels = map[string]slog.Level{
	"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": slog.LevelDebug - 4,
}

// lines is a slog.Handler that keeps what it is told.
type lines struct {
	sync.Mutex
	told []slog.Record
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }
func (l *lines) Handle(_ context.Context, line slog.Record) error {
	l.Lock()
	defer l.Unlock()
	l.told = append(l.told, line)
	return nil
}

// check waits for the lines that are expected, and then looks for those that must not be.
func (l *lines) check(expect any, never []string) string {
	wanted, _ := expect.([]any)
	for _, one := range wanted {
		line := one.(map[string]any)
		for !l.has(func(r slog.Record) bool {
			return r.Level == logLevels[line["level"].(string)] && strings.Contains(r.Message, line["contains"].(string))
		}) {
			time.Sleep(time.Millisecond)
		}
	}
	for _, text := range never {
		if l.has(func(r slog.Record) bool { return strings.Contains(r.Message, text) }) {
			return fmt.Sprintf("a line of the log holds %q", text)
		}
	}
	return ""
}

func (l *lines) has(is func(slog.Record) bool) bool {
	l.Lock()
	defer l.Unlock()
	return slices.ContainsFunc(l.told, is)
}
