package oidctest

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// gate is the listener of an issuer that can be down. The port stays the
// issuer's meanwhile, so that it can come back.
type gate struct {
	net.Listener
	down atomic.Bool
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || !g.down.Load() {
			return conn, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			// Reset, not closed: nothing was said.
			_ = tcp.SetLinger(0)
		}
		conn.Close()
	}
}

// Down cuts every connection to the issuer and resets each new one before
// anything is read, until up is called or tb ends. Requests that were lost so
// are not among Requests.
func (s *Server) Down(tb testing.TB) (up func()) {
	tb.Helper()
	if !s.gate.down.CompareAndSwap(false, true) {
		tb.Fatal("oidctest: the issuer is down already")
	}
	s.http.CloseClientConnections()
	up = sync.OnceFunc(func() { s.gate.down.Store(false) })
	tb.Cleanup(up)
	return up
}

// Held is an endpoint whose requests wait.
type Held struct {
	// Arrived is closed when the first request waits.
	Arrived <-chan struct{}

	release func()
}

// Release lets the requests that wait, and all that come later, go on to the
// issuer.
func (h *Held) Release() { h.release() }

// Hold makes the requests to an endpoint wait until Release is called, tb
// ends, or who sent them goes away: an issuer as slow as a test needs it,
// without a clock.
func (s *Server) Hold(tb testing.TB, e Endpoint) *Held {
	tb.Helper()
	arrived, released := make(chan struct{}), make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	s.Break(tb, e, func(issuer http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrive()
			select {
			case <-released:
				issuer.ServeHTTP(w, r)
			case <-s.closed:
			case <-r.Context().Done():
			}
		})
	})
	h := &Held{Arrived: arrived, release: sync.OnceFunc(func() { close(released) })}
	tb.Cleanup(h.release)
	return h
}
