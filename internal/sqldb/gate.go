package sqldb

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// gate opens once, when a call has succeeded. Callers who meet share one
// attempt and its outcome, so that a database that is down is not asked by
// each of them in turn.
type gate struct {
	open atomic.Bool

	mu      sync.Mutex
	current *passage
}

type passage struct {
	done chan struct{}
	err  error
}

func (g *gate) pass(ctx context.Context, fn func(context.Context) error) error {
	for !g.open.Load() {
		g.mu.Lock()
		p := g.current
		if p == nil {
			p = &passage{done: make(chan struct{})}
			g.current = p
			g.mu.Unlock()
			return g.lead(ctx, p, fn)
		}
		g.mu.Unlock()
		select {
		case <-p.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		// Where whoever led was called off, the next one leads.
		if p.err != nil && !errors.Is(p.err, context.Canceled) && !errors.Is(p.err, context.DeadlineExceeded) {
			return p.err
		}
	}
	return nil
}

func (g *gate) lead(ctx context.Context, p *passage, fn func(context.Context) error) error {
	p.err = context.Canceled
	defer func() {
		g.mu.Lock()
		g.current = nil
		g.mu.Unlock()
		close(p.done)
	}()
	p.err = fn(ctx)
	if p.err == nil {
		g.open.Store(true)
	}
	return p.err
}
