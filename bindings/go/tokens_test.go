// This file tests bearer tokens that rotate.

package oaic_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	oaic "github.com/oaic/oaic/bindings/go"
)

// numbered provides token-1, token-2, ... with that life; 0: not known.
func numbered(life time.Duration) (oaic.TokenProvider, *atomic.Int64) {
	var asked atomic.Int64
	return func(context.Context) (string, time.Time, error) {
		var expires time.Time
		if life != 0 {
			expires = time.Now().Add(life)
		}
		return fmt.Sprintf("token-%d", asked.Add(1)), expires, nil
	}, &asked
}

// authorization is that of the nth request.
func (s *server) authorization(n int) string {
	s.test.Helper()
	return fmt.Sprint(s.log()[n].Headers["authorization"])
}

func TestManyCallsWaitForOneToken(t *testing.T) {
	server := startServer(t)
	provider, asked := numbered(time.Hour)
	client := server.client(oaic.WithTokenProvider(provider))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := client.Models(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	stream, err := client.ChatStream(t.Context(), hello)
	must(t, err)
	_, err = stream.Final()
	must(t, err)
	equal(t, asked.Load(), 1)
	equal(t, server.authorization(20), "Bearer token-1")
}

func TestAStreamAloneGetsItsToken(t *testing.T) {
	server := startServer(t)
	provider, _ := numbered(0)
	stream, err := server.client(oaic.WithTokenProvider(provider)).ChatStream(t.Context(), hello)
	must(t, err)
	_, err = stream.Final()
	must(t, err)
	equal(t, server.authorization(0), "Bearer token-1")
}

func TestA401BringsANewToken(t *testing.T) {
	server := startServer(t)
	provider, asked := numbered(0)
	client := server.client(oaic.WithTokenProvider(provider))
	server.script(`{"status": 401}`)
	_, err := client.Models(t.Context())
	must(t, err)
	equal(t, asked.Load(), 2)
	equal(t, server.authorization(1), "Bearer token-2")
}

func TestATokenThatEndsIsReplaced(t *testing.T) {
	server := startServer(t)
	provider, asked := numbered(50 * time.Millisecond)
	client := server.client(oaic.WithTokenProvider(provider))
	for asked.Load() < 3 {
		_, err := client.Models(t.Context())
		must(t, err)
	}
}

func TestWhyThereIsNoTokenIsTold(t *testing.T) {
	client := startServer(t).client()
	for wanted, provider := range map[string]oaic.TokenProvider{
		"the vault is sealed": func(context.Context) (string, time.Time, error) {
			return "", time.Time{}, errors.New("the vault is sealed")
		},
		"ended at": func(context.Context) (string, time.Time, error) { return "t", time.Now().Add(-time.Hour), nil },
		"token":    func(context.Context) (string, time.Time, error) { return "two\nlines", time.Time{}, nil },
	} {
		must(t, client.Configure(oaic.WithTokenProvider(provider)))
		_, err := client.Models(t.Context())
		if !errors.Is(err, oaic.NoAPIKey) || !strings.Contains(err.Error(), wanted) || strings.Contains(err.Error(), "two") {
			t.Errorf("found %v, wanted %s", err, wanted)
		}
	}
}

func TestAProviderIsAnOptionThatChanges(t *testing.T) {
	server := startServer(t)
	asked, ended := make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context) (string, time.Time, error) {
		close(asked)
		<-ctx.Done()
		close(ended)
		return "", time.Time{}, ctx.Err()
	}
	client := server.client(oaic.WithAPIKey("sk-fixed"), oaic.WithTokenProvider(slow))
	done := make(chan error)
	go func() {
		_, err := client.Models(t.Context())
		done <- err
	}()
	<-asked
	provider, _ := numbered(0)
	must(t, client.Configure(oaic.WithMaxRetries(1), oaic.WithTokenProvider(provider)))
	<-ended
	must(t, <-done)
	equal(t, server.authorization(0), "Bearer token-1")
	must(t, client.Configure(oaic.WithTokenProvider(nil)))
	_, err := client.Models(t.Context())
	must(t, err)
	equal(t, server.authorization(1), "Bearer sk-fixed")
}

func TestClosingEndsTheProvider(t *testing.T) {
	server := startServer(t)
	asked, ended := make(chan struct{}), make(chan struct{})
	client := server.client(oaic.WithTokenProvider(func(ctx context.Context) (string, time.Time, error) {
		close(asked)
		<-ctx.Done()
		close(ended)
		return "late", time.Time{}, nil
	}))
	done := make(chan error)
	go func() {
		_, err := client.Models(t.Context())
		done <- err
	}()
	<-asked
	client.Close()
	<-ended
	if err := <-done; !errors.Is(err, oaic.Cancelled) {
		t.Errorf("found %v", err)
	}
}
