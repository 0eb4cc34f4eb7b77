package middleware_test

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// smallest is a program that validates tokens and does nothing else.
const smallest = `package main

import (
	"net/http"

	"github.com/oidckit/oidckit/middleware"
)

func main() {
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: "https://issuer.example", Audience: "https://api.example"})
	if err != nil {
		panic(err)
	}
	panic(http.ListenAndServe("127.0.0.1:8080", middleware.RequireBearer(v)(http.NotFoundHandler())))
}
`

// bare is what the other is measured by: a server, a client, and the checks of
// signatures that the standard library has.
const bare = `package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"net/http"
)

func main() {
	fmt.Println(http.Get("https://issuer.example"))
	fmt.Println(ecdsa.VerifyASN1(nil, nil, nil), ed25519.Verify(nil, nil, nil), rsa.VerifyPSS(nil, 0, nil, nil, nil))
	panic(http.ListenAndServe("127.0.0.1:8080", http.NotFoundHandler()))
}
`

// build returns a stripped program and its size.
func build(t *testing.T, source string) (binary string, size int64) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	binary = filepath.Join(dir, "api")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, file)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	return binary, info.Size()
}

// What a program carries that only validates tokens: eight modules beside the
// kit, 1.2 MB more than net/http and crypto alone, and 7 MiB in all.
func TestWeight(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	_, least := build(t, bare)
	binary, size := build(t, smallest)
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var linked []string
	for _, m := range info.Deps {
		if m.Path != "github.com/oidckit/oidckit" {
			linked = append(linked, m.Path)
		}
	}
	slices.Sort(linked)
	want := []string{
		"github.com/MicahParks/jwkset", "github.com/MicahParks/keyfunc/v3", "github.com/golang-jwt/jwt/v5",
		"github.com/mattn/go-colorable", "github.com/mattn/go-isatty", "github.com/rs/zerolog",
		"golang.org/x/sys", "golang.org/x/time",
	}
	if !slices.Equal(linked, want) {
		t.Errorf("linked: %q\nwant: %q", linked, want)
	}
	t.Logf("%d bytes, %d more than net/http and crypto alone", size, size-least)
	if size-least > 1_200_000 {
		t.Errorf("%d bytes more than net/http and crypto alone, which take %d", size-least, least)
	}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" && size > 7<<20 {
		t.Errorf("%d bytes, more than 7 MiB", size)
	}
}
