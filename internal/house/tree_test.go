package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/oidckit/oidckit"

// goFile is one Go file of the repository.
type goFile struct {
	path    string // from the root, with slashes
	lines   int
	text    string
	syntax  *ast.File
	imports []string
}

// dir is the file's folder from the root, "." for the root itself.
func (f goFile) dir() string { return path.Dir(f.path) }

func (f goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if b, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(b), "module "+module+"\n") {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod of " + module + " above the test")
		}
		dir = up
	}
}

// walk calls fn for every file of the repository that is written by hand.
func walk(t *testing.T, fn func(name string, read func() string)) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		fn(filepath.ToSlash(rel), func() string {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tree parses every Go file of the repository, modules of its own included.
func tree(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	fset := token.NewFileSet()
	walk(t, func(name string, read func() string) {
		if !strings.HasSuffix(name, ".go") {
			return
		}
		text := read()
		syntax, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		f := goFile{path: name, lines: strings.Count(text, "\n"), text: text, syntax: syntax}
		for _, spec := range syntax.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			f.imports = append(f.imports, p)
		}
		files = append(files, f)
	})
	if len(files) < 10 {
		t.Fatalf("found %d Go files: the walk is broken", len(files))
	}
	return files
}

// packages groups files by folder, sorted.
func packages(files []goFile) (dirs []string, byDir map[string][]goFile) {
	byDir = map[string][]goFile{}
	for _, f := range files {
		byDir[f.dir()] = append(byDir[f.dir()], f)
	}
	for d := range byDir {
		dirs = append(dirs, d)
	}
	slices.Sort(dirs)
	return dirs, byDir
}

// under reports whether dir is one of tops or below one.
func under(dir string, tops ...string) bool {
	for _, top := range tops {
		if dir == top || strings.HasPrefix(dir, top+"/") {
			return true
		}
	}
	return false
}
