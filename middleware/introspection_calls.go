package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oidckit/oidckit/internal/secret"
)

// closeWait is for how long Close waits for calls that it has told to end.
const closeWait = 5 * time.Second

var (
	errIntrospectionClosed = errors.New("middleware: the IntrospectionVerifier is closed")
	errCallPanicked        = errors.New("the check panicked")
)

// introspectionCall is one question to the issuer, with any number of requests
// that wait for its answer. It has a context of its own: a request that goes
// away must not take the answer from the others. answer and err are set before
// done is closed.
type introspectionCall struct {
	ctx    context.Context
	done   chan struct{}
	answer *introspected
	err    error
}

// introspectionCalls are the questions under way, one for each token. An answer
// is remembered while its question stands here, and not if the token was
// forgotten or asked about anew meanwhile.
type introspectionCalls struct {
	ctx    context.Context
	cancel context.CancelFunc
	gate   *introspectionGate
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	byToken map[string]*introspectionCall
}

func newIntrospectionCalls() *introspectionCalls {
	c := &introspectionCalls{gate: newIntrospectionGate(), byToken: map[string]*introspectionCall{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// lookup returns the answer to the question about a token, which it puts where
// none is under way. A question that is not merged is nobody else's.
func (v *IntrospectionVerifier) lookup(ctx context.Context, token string, merged bool) (*introspected, error) {
	call, answer, err := v.join(token, merged)
	if call == nil {
		return answer, err
	}
	return call.wait(ctx)
}

func (v *IntrospectionVerifier) join(token string, merged bool) (*introspectionCall, *introspected, error) {
	c := v.calls
	c.mu.Lock()
	defer c.mu.Unlock()
	if merged {
		// One that is late already has nothing to give.
		if call := c.byToken[token]; call != nil && call.ctx.Err() == nil {
			return call, nil, nil
		}
		// It may have come since the caller looked.
		if answer := v.cache.get(token, time.Since(v.started)); answer != nil {
			return nil, answer, nil
		}
	}
	if c.closed {
		return nil, nil, errIntrospectionClosed
	}
	if err := c.gate.ready(); err != nil {
		return nil, nil, err
	}
	call := &introspectionCall{done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(c.ctx, v.cfg.Timeout)
	call.ctx = ctx
	if merged {
		c.byToken[token] = call
	}
	c.wg.Go(func() {
		defer cancel()
		v.run(call, token)
	})
	return call, nil, nil
}

// run puts the question and remembers the answer.
func (v *IntrospectionVerifier) run(call *introspectionCall, token string) {
	asked := time.Since(v.started)
	call.err = errCallPanicked
	defer func() {
		// What panics here would end the program, not the request.
		if recover() != nil {
			call.answer, call.err = nil, errCallPanicked
		}
		v.finish(call, token, asked)
	}()
	call.answer, call.err = v.askInTurn(call.ctx, token)
}

func (v *IntrospectionVerifier) askInTurn(ctx context.Context, token string) (answer *introspected, err error) {
	probe, err := v.calls.gate.enter(ctx)
	if err != nil {
		return nil, err
	}
	err = errCallPanicked
	defer func() { v.calls.gate.leave(probe, err) }()
	answer, err = v.ask(ctx, token)
	if err != nil && v.cfg.Endpoint == "" {
		// The issuer may have moved its endpoint, and its metadata say where.
		v.metadata.Expire()
	}
	return answer, err
}

// finish remembers the answer before it lets anybody put the question again.
func (v *IntrospectionVerifier) finish(call *introspectionCall, token string, asked time.Duration) {
	c := v.calls
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byToken[token] == call {
		delete(c.byToken, token)
		if call.err == nil {
			v.cache.put(token, call.answer, asked)
		}
	}
	close(call.done)
}

// wait waits for the answer as long as ctx, and the call's own limit, allow. A
// transport that does not heed its context holds up the call, not its callers.
func (call *introspectionCall) wait(ctx context.Context) (*introspected, error) {
	select {
	case <-call.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-call.ctx.Done():
		select {
		case <-call.done:
		default:
			return nil, fmt.Errorf("no answer in time: %w", call.ctx.Err())
		}
	}
	return call.answer, call.err
}

// forget keeps an answer that is under way from being remembered. Requests from
// now on put a question of their own.
func (c *introspectionCalls) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byToken, token)
}

// close ends the calls under way.
func (c *introspectionCalls) close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	ended := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(closeWait):
		return errors.New("middleware: a call to the introspection endpoint does not end")
	}
}

// probe asks about a token that nobody has issued, which must be answered, and
// with no.
func (v *IntrospectionVerifier) probe(ctx context.Context) error {
	token := secret.Token()
	answer, err := v.lookup(ctx, token, false)
	if err != nil {
		return err
	}
	if answer.refusal == nil || answer.refusal.Claim != "active" || answer.transient {
		return errors.New("the endpoint takes a made-up token for one of its own")
	}
	v.probed.Store(int64(time.Since(v.started)))
	return nil
}
