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

// What a program carries that only validates tokens: eight modules beside the
// kit, and 7 MiB where net/http and crypto alone take 6.
func TestWeight(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "api")
	if err := os.WriteFile(source, []byte(smallest), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
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
	file, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", file.Size())
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" && file.Size() > 7<<20 {
		t.Errorf("%d bytes, more than 7 MiB", file.Size())
	}
}
