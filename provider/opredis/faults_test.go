package opredis_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opredis"
	"github.com/oidckit/oidckit/provider/opstore"
)

func newSession(subject string, lifetime time.Duration) *opstore.Session {
	return &opstore.Session{
		ID: subject + "-session", Handle: oidckit.HashToken(subject), Subject: subject, IdentityProvider: "corp", ExpiresAt: time.Now().Add(lifetime),
	}
}

// verbs calls each verb and returns the errors.
func verbs(ctx context.Context, s opstore.Sessions) map[string]error {
	all := map[string]error{"CreateSession": s.CreateSession(ctx, newSession("new", time.Hour))}
	_, all["Session"] = s.Session(ctx, oidckit.HashToken("ann"))
	old := newSession("ann", time.Hour)
	old.Version = 1
	all["UpdateSession"] = s.UpdateSession(ctx, old)
	_, all["ListSessions"] = s.ListSessions(ctx, opstore.SessionSelector{Subject: "ann"}, "", 10)
	_, all["EndSessions"] = s.EndSessions(ctx, opstore.SessionSelector{Subject: "ann"})
	return all
}

// contract reports whether an error is one that says something of a session.
func contract(err error) bool {
	return err == nil || errors.Is(err, oidckit.ErrNotFound) || errors.Is(err, oidckit.ErrConflict) || errors.Is(err, oidckit.ErrConsumed)
}

// FLT-45: a server that takes the question and never answers is an error, soon.
func TestFLT45ServerThatStalls(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	client := redis.NewClient(&redis.Options{Addr: ln.Addr().String(), ContextTimeoutEnabled: true})
	defer client.Close()
	store := newStore(t, opredis.Config{Client: client}).Open("https://op.example")
	done := make(chan map[string]error, 1)
	go func() { done <- verbs(context.Background(), store) }()
	select {
	case all := <-done:
		for verb, err := range all {
			if contract(err) || !strings.HasPrefix(err.Error(), "opredis: ") {
				t.Errorf("%s: %v", verb, err)
			}
		}
	case <-time.After(30 * time.Second):
		t.Fatal("five calls take longer than ten times what they may")
	}
}

// ownServer starts a Redis of the test's own.
func ownServer(t *testing.T) *redis.Client {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("no redis-server to start: failover not tested")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	cmd := exec.Command(binary, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + strconv.Itoa(port), ContextTimeoutEnabled: true})
	t.Cleanup(func() {
		client.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(time.Minute); client.Ping(t.Context()).Err() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not start")
		}
	}
	return client
}

// FLT-45: what became a replica in a failover answers nothing about sessions:
// it may not have heard of a logout. What is lost is an error, and works again
// afterwards.
func TestFLT45StaleReplica(t *testing.T) {
	client := ownServer(t)
	store := newStore(t, opredis.Config{Client: client, Timeout: 5 * time.Second}).Open("https://op.example")
	if err := store.CreateSession(t.Context(), newSession("ann", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := client.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for verb, err := range verbs(t.Context(), store) {
		if contract(err) {
			t.Errorf("%s on a replica: %v", verb, err)
		}
	}
	if err := client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Session(t.Context(), oidckit.HashToken("ann")); err != nil {
		t.Errorf("after the failover: %v", err)
	}
}

// FLT-44: without memory nobody signs in, and who is signed in stays so and can
// sign out.
func TestFLT44MemoryUsedUp(t *testing.T) {
	client := ownServer(t)
	store := newStore(t, opredis.Config{Client: client, Timeout: 5 * time.Second}).Open("https://op.example")
	if err := store.CreateSession(t.Context(), newSession("ann", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := store.CreateSession(t.Context(), newSession("bob", time.Hour)); contract(err) {
		t.Errorf("CreateSession: %v", err)
	}
	if _, err := store.Session(t.Context(), oidckit.HashToken("ann")); err != nil {
		t.Errorf("Session: %v", err)
	}
	if ended, err := store.EndSessions(t.Context(), opstore.SessionSelector{Subject: "ann"}); err != nil || len(ended) != 1 {
		t.Errorf("EndSessions: %d %v", len(ended), err)
	}
}

// Nothing grows for ever: what has expired leaves no key, nor does what has
// ended.
func TestExpiredSessionsLeave(t *testing.T) {
	client, prefix := server(t)
	store := newStore(t, opredis.Config{Client: client, Prefix: prefix, Timeout: 5 * time.Second}).Open("https://op.example")
	for i := range 50 {
		if err := store.CreateSession(t.Context(), newSession("short"+strconv.Itoa(i), 50*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	ann := newSession("ann", time.Hour)
	if err := store.CreateSession(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	ann.Handle = oidckit.HashToken("renewed")
	if err := store.UpdateSession(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		// The session, its handle, and the lists of its user and provider.
		if all := keys(t, client, prefix); len(all) == 4 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d keys: %q", len(all), all)
		}
	}
	if _, err := store.EndSessions(t.Context(), opstore.SessionSelector{ID: ann.ID}); err != nil {
		t.Fatal(err)
	}
	// The list of the provider still has names of sessions that are gone, until
	// the next login; the expiry of the last of them ends it.
	for _, key := range keys(t, client, prefix) {
		if !strings.Contains(key, ":i:") {
			t.Errorf("left: %s", key)
		}
	}
}

func TestConfigNamesEveryProblem(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	_, err := opredis.New(opredis.Config{Client: client, Timeout: time.Hour})
	for _, want := range []string{"ContextTimeoutEnabled", "Timeout is 1h0m0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q not in %v", want, err)
		}
	}
	if _, err := opredis.New(opredis.Config{}); err == nil || !strings.Contains(err.Error(), "Client is nil") {
		t.Errorf("%v", err)
	}
}
