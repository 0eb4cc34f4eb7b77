package middleware

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
)

const (
	// maxPeekWait is how long a guard that takes no token from forms waits for
	// one to arrive.
	maxPeekWait = 2 * time.Second
	// peekSize is how much is read ahead at a time, in bytes.
	peekSize = 4 << 10
)

// peekForm refuses a second token, in the form of a request whose first one was
// found good, for a guard that takes none from there. It looks at what is small
// and there in time, and leaves the rest to the handler: a body that could not
// be searched is no reason to refuse a request that is good otherwise.
func peekForm(r *http.Request) *oidckit.Error {
	if !carriesForm(r) {
		return nil
	}
	found := false
	switch {
	case r.PostForm != nil:
		found = r.PostForm.Has(tokenParam)
	case r.Body != nil && r.Body != http.NoBody && r.ContentLength > 0 && r.ContentLength <= maxTokenForm:
		p := &peekedBody{body: r.Body, done: make(chan struct{})}
		r.Body = p
		go p.fill()
		p.wait(r)
		found = p.names(tokenParam)
	}
	// RFC 6750 §2: Clients MUST NOT use more than one method
	if found {
		return errSeveralWays
	}
	return nil
}

// peekedBody reads a body ahead of the handler, which gets all of it. A read of
// a body cannot be broken off without harm to the request: it takes a goroutine
// of its own, which ends with the form or, once stopped, with the read under
// way, as every read does when the server closes the body.
type peekedBody struct {
	body io.ReadCloser
	// done is closed when the goroutine has ended; err and panicked are its own
	// until then, and the handler's afterwards.
	done     chan struct{}
	err      error
	panicked any

	mu      sync.Mutex
	arrived []byte
	stopped bool
	// at is how much of arrived the handler has read.
	at int
}

// fill reads until the body ends, fails, is too large or is stopped.
func (p *peekedBody) fill() {
	defer close(p.done)
	defer func() { p.panicked = recover() }()
	buf := make([]byte, peekSize)
	for more := true; more && p.err == nil; {
		var n int
		n, p.err = p.body.Read(buf)
		more = p.add(buf[:n])
	}
}

func (p *peekedBody) add(part []byte) (more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived = append(p.arrived, part...)
	return !p.stopped && len(p.arrived) <= maxTokenForm
}

// wait waits for fill, and stops it when that takes too long.
func (p *peekedBody) wait(r *http.Request) {
	timer := time.NewTimer(maxPeekWait)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	case <-r.Context().Done():
	}
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
}

// names reports whether what has arrived names a parameter.
func (p *peekedBody) names(name string) bool {
	p.mu.Lock()
	form := string(p.arrived)
	p.mu.Unlock()
	if !p.whole() {
		// The last name may go on.
		last := strings.LastIndexByte(form, '&') + 1
		if strings.IndexByte(form[last:], '=') < 0 {
			form = form[:last]
		}
	}
	return hasParam(form, name)
}

// whole reports whether the body has ended.
func (p *peekedBody) whole() bool {
	select {
	case <-p.done:
		return errors.Is(p.err, io.EOF)
	default:
		return false
	}
}

// Read implements io.Reader: first what has arrived, then the body. A failure
// is told where it was, and the body asked again after it.
func (p *peekedBody) Read(b []byte) (int, error) {
	if n := p.take(b); n > 0 || len(b) == 0 {
		return n, nil
	}
	<-p.done
	if n := p.take(b); n > 0 {
		return n, nil
	}
	if p.panicked != nil {
		panic(p.panicked)
	}
	if err := p.err; err != nil {
		p.err = nil
		return 0, err
	}
	return p.body.Read(b)
}

func (p *peekedBody) take(b []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := copy(b, p.arrived[p.at:])
	p.at += n
	return n
}

// Close implements io.Closer.
func (p *peekedBody) Close() error { return p.body.Close() }
