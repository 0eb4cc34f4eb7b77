//go:build soak

package provider_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const (
	soakFlows = 200_000
	megabyte  = 1 << 20
	// soakMemory is how long what a flow has left is remembered: longer than all
	// of them take, so that the peak is that of an hour's flows.
	soakMemory = 2 * time.Minute
	// A code that was spent is remembered for its own minute beside.
	soakEnd = soakMemory + time.Minute + 5*time.Second
)

// TestSoak runs 200 000 code flows in the memory store, and tells and checks the
// process's peak and what stays when they have expired. It takes minutes and
// wants a process of its own for each row: make soak.
func TestSoak(t *testing.T) {
	for _, row := range []struct {
		name string
		peak int
		flow func(*bench)
	}{
		{"session", 60, (*bench).sessionFlow},
		{"login", 120, (*bench).loginFlow},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := newBenchWith(t, func(c *provider.Config) {
				c.Users = knownPeople{}
				c.Lifetimes.AccessToken, c.Lifetimes.Session = soakMemory, soakMemory
			})
			// The session of the first row outlives its flows.
			row.flow(op)
			idle, start := heap(), time.Now()
			for range soakFlows {
				row.flow(op)
			}
			took, loaded, peak := time.Since(start), heap(), peakRSS(t)
			if took > soakMemory {
				t.Fatalf("%d flows took %v: some have expired on the way", soakFlows, took)
			}
			time.Sleep(soakEnd)
			quiet := signInToBench(t, op.p)
			for range 2000 {
				quiet.sessionFlow()
			}
			left := heap()
			t.Logf("%d flows in %v: peak RSS %d MB; heap %d MB idle, %d MB loaded, %d MB when they have expired",
				soakFlows, took.Round(time.Second), peak/megabyte, idle/megabyte, loaded/megabyte, left/megabyte)
			if peak > row.peak*megabyte {
				t.Errorf("peak RSS %d MB, must be up to %d MB", peak/megabyte, row.peak)
			}
			if left > idle+15*megabyte {
				t.Errorf("%d MB of heap are left, %d MB were there before", left/megabyte, idle/megabyte)
			}
		})
	}
}

// loginFlow is the same with a session of its own.
func (b *bench) loginFlow() {
	cookie := b.cookie
	b.cookie = ""
	location := b.get(benchQuery).header.Get("Location")
	b.cookie = cookie
	_, sealed, ok := strings.Cut(location, "?request=")
	if !ok {
		panic(location)
	}
	form := "request=" + sealed + "&username=" + oidctest.Username + "&password=" + url.QueryEscape(oidctest.Password)
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/login"}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(form))}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.p.ServeHTTP(b.w.reset(), r)
	b.redeem(b.w.header.Get("Location"))
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// peakRSS is what the kernel says of the process.
func peakRSS(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc: the peak cannot be read")
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	kilobytes, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
