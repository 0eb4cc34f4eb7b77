package handlers_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
)

// stalling forwards connections to an address, and keeps what it is told to
// keep.
type stalling struct {
	net.Listener
	stalled atomic.Bool
}

func newStalling(t *testing.T, to string) *stalling {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stalling{Listener: l}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.forward(in, to) })
		}
	})
	return s
}

func (s *stalling) forward(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	go func() {
		defer out.Close()
		buf := make([]byte, 4096)
		for {
			n, err := in.Read(buf)
			if err != nil {
				return
			}
			for s.stalled.Load() {
				time.Sleep(5 * time.Millisecond)
			}
			if _, err := out.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	io.Copy(in, out)
}

// FLT-45: a Redis that does not answer costs a guarded page a 503 within the
// client's timeouts and a public page nothing more, and it recovers; a stale
// replica that still knows an ended session brings nobody back.
func TestRedisStalls(t *testing.T) {
	direct, _ := redisStore(t)
	proxy := newStalling(t, direct.Options().Addr)
	slow := redis.NewClient(&redis.Options{
		Addr: proxy.Addr().String(), DB: direct.Options().DB, ContextTimeoutEnabled: true, MaxRetries: -1,
		DialTimeout: 250 * time.Millisecond, ReadTimeout: 250 * time.Millisecond, WriteTimeout: 250 * time.Millisecond,
	})
	defer slow.Close()
	p, prefix := newIDP(t), "oidckit-test:"+secret.ID()+":"
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) {
		c.SCSStore = goredisstore.NewWithPrefix(slow, prefix)
	}})
	b := a.browser()
	if b.open(a.URL+"/me").StatusCode != http.StatusOK {
		t.Fatal("no login")
	}

	proxy.stalled.Store(true)
	begun := time.Now()
	if res := b.step(a.URL + "/me"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("guarded: %d", res.StatusCode)
	}
	if res := b.step(a.URL + "/"); res.StatusCode != http.StatusOK {
		t.Errorf("public: %d", res.StatusCode)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("two requests took %v", took)
	}
	proxy.stalled.Store(false)
	soon(t, func() bool { return b.loggedIn(a) == "alice" })

	// What Redis knew before the logout comes back after it.
	keys, err := direct.Keys(t.Context(), prefix+"*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v %v", keys, err)
	}
	stale, err := direct.Get(t.Context(), keys[0]).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	kept := a.browser()
	address, _ := url.Parse(a.URL)
	kept.Jar.SetCookies(address, b.Jar.Cookies(address))
	b.post(a.URL+"/auth/logout", nil, a.URL)
	if err := direct.Set(t.Context(), keys[0], stale, time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	defer direct.Del(t.Context(), keys[0])
	if who := kept.loggedIn(a); who != "" {
		t.Errorf("a stale replica has logged %s in again", who)
	}
}

// FLT-44: what Redis has evicted is a person who logs in again, and no more:
// what must be remembered is not kept there.
func TestRedisEvicts(t *testing.T) {
	direct, _ := redisStore(t)
	p, prefix := newIDP(t), "oidckit-test:"+secret.ID()+":"
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) { c.SCSStore = goredisstore.NewWithPrefix(direct, prefix) }})
	b := a.browser()
	callback := b.begin(a, "/me")
	if res := b.step(callback); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("login: %d", res.StatusCode)
	}
	keys, err := direct.Keys(t.Context(), prefix+"*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v %v", keys, err)
	}
	if err := direct.Del(t.Context(), keys...).Err(); err != nil {
		t.Fatal(err)
	}
	if res := b.step(a.URL + "/me"); res.StatusCode != http.StatusFound {
		t.Errorf("evicted: %d", res.StatusCode)
	}
	if res := b.step(callback); res.StatusCode != http.StatusBadRequest {
		t.Errorf("the callback once more: %d", res.StatusCode)
	}
	if res := b.open(a.URL + "/me"); res.StatusCode != http.StatusOK {
		t.Errorf("the next login: %d", res.StatusCode)
	}
}

// FLT-48: a live session costs at most 4 KiB here, with claims of the usual
// size.
func TestMemoryOfSessions(t *testing.T) {
	count := 100_000
	if raceEnabled {
		count = 10_000
	}
	set := rpstore.NewMemory().Open("app")
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	now := time.Now()
	for i := range count {
		handle := oidckit.HashToken(strings.Repeat("h", 40) + strconv.Itoa(i))
		err := set.Sessions.CreateSession(t.Context(), &rpstore.Session{
			Handle: handle, Issuer: "https://id.example", ClientID: "app", Subject: handle.String(), SessionID: handle.String(),
			Identity: make([]byte, 600), SealedTokens: make([]byte, 1500), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour),
		})
		if err == nil {
			err = set.BrowserSessions.PutBrowserSession(t.Context(), handle.String(), make([]byte, 100), now.Add(time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if each := (heap() - before) / uint64(count); each > 4<<10 {
		t.Errorf("%d sessions cost %d bytes each", count, each)
	} else {
		t.Logf("%d sessions cost %d bytes each", count, each)
	}
	runtime.KeepAlive(set)
}
