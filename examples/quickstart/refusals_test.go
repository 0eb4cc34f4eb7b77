package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
)

// names lists what a folder holds.
func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Wrong settings: one line that names every problem, status 2, nothing made.
func TestRefusals(t *testing.T) {
	binary := browsertest.Build(t, ".")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	text := strings.Repeat("this is no database\n", 100)
	rows := []struct {
		name string
		// files are there before, by name: the text.
		files map[string]string
		mode  os.FileMode
		args  []string
		want  []string
	}{
		{name: "unknown flags", args: []string{"-colour", "blue", "-size=9"}, want: []string{"-colour", "-size"}},
		{name: "several at once", args: []string{"-frob", "-addr", "nowhere", "-data", "missing/x.db", "-secret", "short", "more"},
			want: []string{"-frob", "-addr", "-data", "-secret", `"more"`}},
		{name: "a folder", args: []string{"-addr", "127.0.0.1:0", "-data", "."}, want: []string{"-data", "folder"}},
		{name: "port taken", args: []string{"-addr", taken.Addr().String()}, want: []string{"-addr", "in use"}},
		{name: "port taken, and more", args: []string{"-addr", taken.Addr().String(), "-data", "missing/x.db", "-frob"},
			want: []string{"-addr", "in use", "-data", "-frob"}},
		{name: "not a database", files: map[string]string{"text.db": text}, args: []string{"-addr", "127.0.0.1:0", "-data", "text.db"}, want: []string{"-data"}},
		{name: "a ring for all to read", files: map[string]string{"quickstart.db.secret": strings.Repeat("k", 43)}, mode: 0o644,
			args: []string{"-addr", "127.0.0.1:0"}, want: []string{"-secret", "chmod 600"}},
		{name: "a ring of junk, beside others", files: map[string]string{"quickstart.db.secret": "junk"},
			args: []string{"-addr", taken.Addr().String(), "-frob"}, want: []string{"-secret", "quickstart.db.secret", "-addr", "-frob"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range row.files {
				file := filepath.Join(dir, name)
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if row.mode != 0 {
					if err := os.Chmod(file, row.mode); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := names(t, dir)
			status, out, errs := browsertest.Refused(t, dir, binary, row.args...)
			if status != 2 || out != "" || strings.Count(errs, "\n") != 1 {
				t.Errorf("status %d, %q, %q", status, out, errs)
			}
			for _, want := range row.want {
				if !strings.Contains(errs, want) {
					t.Errorf("%q does not name %s", errs, want)
				}
			}
			if after := names(t, dir); !slices.Equal(before, after) {
				t.Errorf("left behind: %v, before: %v", after, before)
			}
		})
	}
}

// A database without its ring is refused, and gets no other one.
func TestLostRing(t *testing.T) {
	binary, dir := browsertest.Build(t, "."), t.TempDir()
	p := browsertest.Start(t, dir, binary, "-addr", "127.0.0.1:0")
	addr := strings.Replace(strings.TrimPrefix(p.Line("app"), "http://"), "localhost", "127.0.0.1", 1)
	p.Stop()
	if err := os.Remove(filepath.Join(dir, "quickstart.db.secret")); err != nil {
		t.Fatal(err)
	}
	status, _, errs := browsertest.Refused(t, dir, binary, "-addr", addr)
	if status != 2 || !strings.Contains(errs, "-secret") {
		t.Errorf("status %d: %s", status, errs)
	}
	if left := names(t, dir); !slices.Equal(left, []string{"quickstart.db"}) {
		t.Errorf("left: %v", left)
	}
}
