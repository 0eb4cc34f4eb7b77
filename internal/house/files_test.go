package house

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxLines     = 400
	maxTestLines = 600
)

func TestFileCeiling(t *testing.T) {
	for _, f := range tree(t) {
		limit := maxLines
		if f.isTest() {
			limit = maxTestLines
		}
		if f.lines > limit {
			t.Errorf("%s has %d lines, the ceiling is %d", f.path, f.lines, limit)
		}
	}
}

func TestEachPackageIsDocumented(t *testing.T) {
	dirs, byDir := packages(tree(t))
	for _, dir := range dirs {
		if !slices.ContainsFunc(byDir[dir], func(f goFile) bool { return !f.isTest() }) {
			continue
		}
		doc := ""
		for _, f := range byDir[dir] {
			// A program's own comment stands with its main function.
			if name := path.Base(f.path); name == "doc.go" || f.syntax.Name.Name == "main" && name == "main.go" {
				doc = f.syntax.Doc.Text()
			}
		}
		if strings.Count(doc, "\n") < 3 {
			t.Errorf("%s: doc.go is missing or says next to nothing", dir)
		}
	}
}

func TestPackageNamesSaySomething(t *testing.T) {
	empty := []string{"util", "utils", "common", "types", "models", "helpers", "helper", "misc", "shared", "base", "pkg"}
	for _, f := range tree(t) {
		if name := strings.TrimSuffix(f.syntax.Name.Name, "_test"); slices.Contains(empty, name) {
			t.Errorf("%s: package %s", f.path, name)
		}
		for _, part := range strings.Split(f.dir(), "/") {
			if slices.Contains(empty, part) {
				t.Errorf("%s: folder %s", f.path, part)
			}
		}
	}
}

func TestEachFileIsWhole(t *testing.T) {
	undone := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	machine := regexp.MustCompile(`(^|[\s"'=(` + "`" + `])/(work|tmp|root|home)/[a-z]`)
	walk(t, func(name string, read func() string) {
		if path.Dir(name) == "internal/house" || name == "LICENSE" {
			return
		}
		if !slices.Contains([]string{".go", ".md", ".html", ".css", ".sql", ".json"}, path.Ext(name)) && path.Dir(name) != ".ci" {
			return
		}
		for i, line := range strings.Split(read(), "\n") {
			if undone.MatchString(line) {
				t.Errorf("%s:%d: left undone: %s", name, i+1, strings.TrimSpace(line))
			}
			if machine.MatchString(line) && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s:%d: a path of one machine: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	})
}

// What is built stays out of the tree: nobody can read it, every clone carries
// it, and it names the machine that built it.
func TestEachFileIsText(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root(t), ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(name string) bool {
		return slices.ContainsFunc(strings.Split(string(b), "\n"), func(pattern string) bool {
			anchored, ok := strings.CutPrefix(pattern, "/")
			subject := name
			if !ok {
				subject = path.Base(name)
			}
			match, err := path.Match(anchored, subject)
			return err == nil && match
		})
	}
	walk(t, func(name string, read func() string) {
		if !ignored(name) && strings.ContainsRune(read(), 0) {
			t.Errorf("%s is not text", name)
		}
	})
}
