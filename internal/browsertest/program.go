package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program is a running program.
type Program struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr lockedBuffer
	// ended is closed when the program has, and err is set.
	ended chan struct{}
	err   error

	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

// Start starts a binary with arguments in dir, without any OIDCKIT_… variable
// of the test's own. A program still running at the test's end is stopped.
func Start(t *testing.T, dir, binary string, args ...string) *Program {
	t.Helper()
	return StartWith(t, dir, nil, binary, args...)
}

// StartWith is Start with further variables in the environment, each
// "NAME=value".
func StartWith(t *testing.T, dir string, env []string, binary string, args ...string) *Program {
	t.Helper()
	p := &Program{t: t, cmd: exec.Command(binary, args...), ended: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OIDCKIT_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", filepath.Base(binary), err)
	}
	go p.read(bufio.NewScanner(out))
	t.Cleanup(func() { p.Stop() })
	return p
}

func (p *Program) read(out *bufio.Scanner) {
	for out.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, out.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.err = p.cmd.Wait()
	close(p.ended)
}

// Line waits for a line "name: value" on standard output and returns value.
func (p *Program) Line(name string) string {
	p.t.Helper()
	deadline := time.After(stepTimeout)
	for {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for _, line := range lines {
			if value, ok := strings.CutPrefix(line, name+": "); ok {
				return value
			}
		}
		select {
		case <-more:
		case <-p.ended:
			p.t.Fatalf("%s ended without a line %q: %v\n%s", filepath.Base(p.cmd.Path), name, p.err, p.stderr.String())
		case <-deadline:
			p.t.Fatalf("%s printed no line %q\n%s", filepath.Base(p.cmd.Path), name, p.stderr.String())
		}
	}
}

// Listens waits until the program, which prints nothing about it, answers on
// an address.
func (p *Program) Listens(addr string) {
	p.t.Helper()
	deadline := time.Now().Add(stepTimeout)
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended and listens nowhere: %v\n%s", filepath.Base(p.cmd.Path), p.err, p.stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s does not listen on %s\n%s", filepath.Base(p.cmd.Path), addr, p.stderr.String())
		}
	}
}

// Stop asks the program to end, as a service manager does, and fails the test
// when it does not end well or had a data race. It may be called again.
func (p *Program) Stop() {
	p.t.Helper()
	select {
	case <-p.ended:
	default:
		p.signal(syscall.SIGTERM)
	}
	select {
	case <-p.ended:
	case <-time.After(stepTimeout):
		p.cmd.Process.Kill()
		<-p.ended
		p.t.Errorf("%s did not end on SIGTERM\n%s", filepath.Base(p.cmd.Path), p.stderr.String())
		return
	}
	if p.err != nil {
		p.t.Errorf("%s ended with %v\n%s", filepath.Base(p.cmd.Path), p.err, p.stderr.String())
		p.err = nil
	}
}

func (p *Program) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && err != os.ErrProcessDone {
		p.t.Errorf("signal %s: %v", filepath.Base(p.cmd.Path), err)
	}
}

// Kill ends the program as a power failure does.
func (p *Program) Kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
	p.err = nil
}

// Stdout returns what the program has written to standard output so far.
func (p *Program) Stdout() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// Stderr returns what the program has written to standard error so far.
func (p *Program) Stderr() string { return p.stderr.String() }

// Refused runs a program that is expected not to start, and returns its exit
// status and what it wrote to standard output and standard error.
func Refused(t *testing.T, dir, binary string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Errorf("%s %v did not end by itself", filepath.Base(binary), args)
	}
	if err == nil {
		return 0, out.String(), errs.String()
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// lockedBuffer is a buffer that a process writes while a test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what has been written so far.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
