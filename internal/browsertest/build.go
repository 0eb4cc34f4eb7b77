package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// buildTimeout bounds the build of a program on a slow machine.
const buildTimeout = 8 * time.Minute

// kept holds what Main keeps for the tests of one process.
var kept struct {
	mu    sync.Mutex
	dir   string
	built map[string]string
}

// Main is a TestMain for tests that build programs: each is built once for all
// tests of the process.
//
//	func TestMain(m *testing.M) { browsertest.Main(m) }
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "oidckit-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	kept.dir, kept.built = dir, map[string]string{}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// Build builds a program of this module, named as go build takes it, and
// returns the path of the binary. Under the race detector the binary has it
// too.
func Build(t *testing.T, pkg string) string {
	t.Helper()
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if binary, ok := kept.built[pkg]; ok {
		return binary
	}
	dir := t.TempDir()
	if kept.built != nil {
		var err error
		if dir, err = os.MkdirTemp(kept.dir, ""); err != nil {
			t.Fatal(err)
		}
	}
	binary := build(t, pkg, dir)
	if kept.built != nil {
		kept.built[pkg] = binary
	}
	return binary
}

func build(t *testing.T, pkg, dir string) string {
	t.Helper()
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if raceEnabled {
		args = append(args, "-race")
	}
	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", append(args, pkg)...).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	made, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(made) != 1 {
		t.Fatalf("go build %s made %v: not one program", pkg, made)
	}
	return made[0]
}
