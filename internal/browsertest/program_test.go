package browsertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A shell script stands for the program.
func script(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestProgram(t *testing.T) {
	t.Setenv("OIDCKIT_ISSUER", "leaked")
	p := Start(t, t.TempDir(), script(t, `trap 'exit 0' TERM
echo complaint >&2
echo "app: http://localhost:1/ $OIDCKIT_ISSUER"
while :; do sleep 0.05; done`))
	if got := p.Line("app"); strings.TrimSpace(got) != "http://localhost:1/" {
		t.Errorf("app = %q", got)
	}
	p.Stop()
	p.Stop()
	if !strings.Contains(p.Stderr(), "complaint") || !strings.Contains(p.Stdout(), "app: ") {
		t.Errorf("lost output: %q %q", p.Stdout(), p.Stderr())
	}
}

func TestRefused(t *testing.T) {
	status, out, errs := Refused(t, t.TempDir(), script(t, "echo no >&2; exit 2"))
	if status != 2 || out != "" || errs != "no\n" {
		t.Errorf("got %d %q %q", status, out, errs)
	}
}
