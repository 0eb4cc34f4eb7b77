package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// maxIntrospections bounds the calls under way, maxIntrospectionQueue those
	// that wait for their turn.
	maxIntrospections     = 64
	maxIntrospectionQueue = 256
	// circuitFailures is how many calls in a row must fail for the circuit to
	// open.
	circuitFailures   = 5
	minCircuitBackoff = time.Second
	maxCircuitBackoff = 10 * time.Second
)

var errQueueFull = errors.New("too many tokens wait to be introspected")

// oddAnswerError is a failed check that says more about the token than about
// the endpoint. Strangers choose their tokens, so it does not count against
// the endpoint.
type oddAnswerError struct{ error }

// Unwrap returns the cause.
func (e *oddAnswerError) Unwrap() error { return e.error }

// introspectionGate lets calls through: few at a time, and next to none while
// the endpoint fails. It is safe for concurrent use.
type introspectionGate struct {
	slots chan struct{}

	mu      sync.Mutex
	waiting int
	// failures counts those since the last answer.
	failures int
	lastErr  error
	// retryAt is when an open circuit lets one call through.
	retryAt time.Time
	backoff time.Duration
}

func newIntrospectionGate() *introspectionGate {
	return &introspectionGate{slots: make(chan struct{}, maxIntrospections)}
}

// ready says why a call would not be let through now.
func (g *introspectionGate) ready() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting >= maxIntrospectionQueue {
		return errQueueFull
	}
	return g.open(time.Now())
}

// open returns an error while the circuit is open. Its caller holds mu.
func (g *introspectionGate) open(now time.Time) error {
	if g.failures < circuitFailures || !now.Before(g.retryAt) {
		return nil
	}
	return fmt.Errorf("introspection has failed %d times in a row and rests for a moment: %w", g.failures, g.lastErr)
}

// enter waits for a turn. Every call that it lets through must leave. A probe
// is the one call that an open circuit lets through, for all the others.
func (g *introspectionGate) enter(ctx context.Context) (probe bool, err error) {
	if err := g.wait(ctx); err != nil {
		return false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if err := g.open(now); err != nil {
		<-g.slots
		return false, err
	}
	probe = g.failures >= circuitFailures
	if probe {
		g.retryAt = now.Add(g.backoff)
	}
	return probe, nil
}

func (g *introspectionGate) wait(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	g.mu.Lock()
	if g.waiting >= maxIntrospectionQueue {
		g.mu.Unlock()
		return errQueueFull
	}
	g.waiting++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.waiting--
		g.mu.Unlock()
	}()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for a turn: %w", ctx.Err())
	}
}

// leave ends a call with what came of it.
func (g *introspectionGate) leave(probe bool, err error) {
	<-g.slots
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if _, odd := errors.AsType[*oddAnswerError](err); err == nil || odd {
		g.failures, g.lastErr = 0, nil
		return
	}
	g.failures++
	g.lastErr = err
	switch {
	case probe:
		g.backoff = min(2*g.backoff, maxCircuitBackoff)
	case g.failures == circuitFailures:
		g.backoff = minCircuitBackoff
	default:
		return
	}
	g.retryAt = now.Add(g.backoff)
}

// failing reports whether the last call has failed.
func (g *introspectionGate) failing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures > 0
}
