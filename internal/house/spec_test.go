package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// SPEC.md is a promise: a clause stands there with the test that shows it, so
// that test must exist.
func TestSpecNamesExistingTests(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root(t), "SPEC.md"))
	if err != nil {
		t.Fatal(err)
	}
	decl := regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?((?:Test|Fuzz|Example|Run)\w*)\(`)
	exists := map[string]bool{}
	for _, f := range tree(t) {
		for _, m := range decl.FindAllStringSubmatch(f.text, -1) {
			exists[m[1]] = true
			exists[f.dir()+"."+m[1]] = true
		}
	}
	named := regexp.MustCompile("`(?:([a-z][a-z0-9/]*)\\.)?((?:Test|Fuzz|Example)\\w*)(?:/[^`]*)?`")
	rows := 0
	for i, line := range strings.Split(string(b), "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| Clause") {
			continue
		}
		rows++
		names := named.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("SPEC.md:%d names no test: %s", i+1, line)
		}
		for _, m := range names {
			full := m[2]
			if m[1] != "" {
				full = m[1] + "." + m[2]
			}
			if !exists[full] {
				t.Errorf("SPEC.md:%d names %s, which does not exist", i+1, full)
			}
		}
	}
	if rows == 0 {
		t.Error("SPEC.md has no row")
	}
}
