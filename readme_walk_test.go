package oidckit_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
)

var listensOn = regexp.MustCompile(`ListenAndServe\("([^"]+)"`)

// freeAddress returns an address on localhost that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)
}

// The three programs of the README work together as they stand there, but for
// their ports.
func TestReadmeProgramsTogether(t *testing.T) {
	b := browsertest.New(t)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	issuer, app, api := freeAddress(t), freeAddress(t), freeAddress(t)
	moved := strings.NewReplacer("localhost:9000", issuer, "localhost:8081", app, "localhost:8082", api)
	env := []string{"OIDCKIT_SECRET=" + oidckit.GenerateSecret(), "ALICE_PASSWORD=correct horse"}
	for _, m := range readmeProgram.FindAllStringSubmatch(string(readme), -1) {
		text := moved.Replace(m[1])
		dir := t.TempDir()
		file := filepath.Join(dir, "main.go")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := browsertest.StartWith(t, dir, env, browsertest.Build(t, file))
		// Programs this short do not end on a signal by themselves.
		t.Cleanup(p.Kill)
		p.Listens(listensOn.FindStringSubmatch(text)[1])
	}

	b.Open("http://" + app + "/me")
	if !strings.HasPrefix(b.URL(), "http://"+issuer+"/") {
		t.Fatalf("the browser is at %s, not at the issuer", b.URL())
	}
	b.Fill("input[name=username]", "alice")
	b.Fill("input[name=password]", "correct horse")
	b.Click("button[type=submit]")
	b.Click("button[name=decision][value=allow]")
	if got := b.Text("body"); !strings.Contains(got, "Hello, Alice Example") {
		t.Errorf("the app says %q", got)
	}
	if status, _ := b.JSON("http://" + api + "/orders"); status != http.StatusUnauthorized {
		t.Errorf("the API answers a request without a token with %d", status)
	}
}
