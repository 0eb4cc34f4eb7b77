package oidckit_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	readmeProgram = regexp.MustCompile("(?s)```go\n(package main\n.*?)```")
	mainBody      = regexp.MustCompile(`(?s)\nfunc main\(\) \{\n(.*)\n\}\n$`)
	exampleBody   = regexp.MustCompile(`(?sm)^func (Example_\w+)\(\) \{\n(.*?)\n\t// Output:`)
	serves        = regexp.MustCompile(`(?m)^\tlistenAndServe\((.*)\)$`)
)

// The programs of the README are the Examples, word for word but for the last
// line, and they compile as they stand there.
func TestReadmePrograms(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{}
	for _, m := range exampleBody.FindAllStringSubmatch(string(source), -1) {
		examples[serves.ReplaceAllString(m[2], "\tlog.Fatal(http.ListenAndServe($1))")] = m[1]
	}
	programs := readmeProgram.FindAllStringSubmatch(string(readme), -1)
	if len(programs) != 3 || len(examples) != 3 {
		t.Fatalf("%d programs in README.md, %d Examples, want 3 and 3", len(programs), len(examples))
	}
	for i, program := range programs {
		body := mainBody.FindStringSubmatch(program[1])
		if body == nil {
			t.Errorf("program %d of README.md has no main function", i+1)
			continue
		}
		if _, ok := examples[body[1]]; !ok {
			t.Errorf("program %d of README.md is none of the Examples", i+1)
		}
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(program[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("program %d of README.md: %v\n%s", i+1, err, out)
		}
	}
}

// What the README sends people to must be there.
func TestReadmeNamesWhatExists(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`((?:examples|provider|handlers|middleware)(?:/[a-z]+)*)`|\\]\\(([A-Z]+(?:\\.md)?)\\)").FindAllStringSubmatch(string(readme), -1) {
		name := strings.TrimSpace(m[1] + m[2])
		if _, err := os.Stat(name); err != nil {
			t.Errorf("README.md names %s: %v", name, err)
		}
	}
}
