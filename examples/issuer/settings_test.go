package main

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
)

// -h tells every flag, and starts nothing.
func TestHelp(t *testing.T) {
	status, stdout, stderr := browsertest.Refused(t, t.TempDir(), browsertest.Build(t, "."), "-h")
	if status != 0 || stderr != "" {
		t.Errorf("status %d, %q", status, stderr)
	}
	var level string
	newFlags(&settings{}, &level).VisitAll(func(f *flag.Flag) {
		if !strings.Contains(stdout, "  -"+f.Name+" ") && !strings.Contains(stdout, "  -"+f.Name+"\n") {
			t.Errorf("-%s is not told", f.Name)
		}
	})
}

// The README beside the program knows every flag and every feature.
func TestReadmeIsComplete(t *testing.T) {
	text := mustRead(t, "README.md")
	var level string
	newFlags(&settings{}, &level).VisitAll(func(f *flag.Flag) {
		if !strings.Contains(text, "`-"+f.Name) {
			t.Errorf("-%s is not told", f.Name)
		}
	})
	for _, name := range known() {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("the feature %s is not told", name)
		}
	}
}

// The environment sets each flag that the command line has not.
func TestFlagsFromTheEnvironment(t *testing.T) {
	values := map[string]string{
		"addr": "127.0.0.1:9009", "issuer": "https://login.example", "db": "sqlite:x.db", "secret": oidckit.GenerateSecret(), "log-level": "warn",
		"preset": "signicat", "redis": "redis://127.0.0.1:1/2", "allow-loopback": "true", "config": write(t, "c.json", "{}"),
		"ca": newAuthority(t).file,
	}
	env := func(name string) (string, bool) {
		name, _ = strings.CutPrefix(name, "OIDCKIT_")
		v, ok := values[strings.ToLower(strings.ReplaceAll(name, "_", "-"))]
		return v, ok
	}
	s, err := parseSettings([]string{"-addr", "127.0.0.1:9010"}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.addr != "127.0.0.1:9010" || s.issuer != "https://login.example" || s.db != "sqlite:x.db" || s.preset != "signicat" ||
		s.redis == nil || s.redis.DB != 2 || !s.redis.ContextTimeoutEnabled || !s.allowLoopback || s.roots == nil || s.config.demo || s.logLevel.String() != "warn" {
		t.Errorf("%+v", s)
	}
}

// What must stay the same does when a key is put before the others.
func TestKeyRingGrows(t *testing.T) {
	binary, old := browsertest.Build(t, "."), oidckit.GenerateSecret()
	var passwords []string
	for _, ring := range []string{old, old, oidckit.GenerateSecret() + "," + old, oidckit.GenerateSecret()} {
		p := browsertest.Start(t, t.TempDir(), binary, "-addr", "127.0.0.1:0", "-secret", ring)
		passwords = append(passwords, p.Line("password"))
		p.Stop()
	}
	if passwords[0] != passwords[1] || passwords[0] != passwords[2] || passwords[0] == passwords[3] {
		t.Errorf("passwords %v", passwords)
	}
}

func TestOnLoopback(t *testing.T) {
	for issuer, want := range map[string]bool{
		"http://localhost:9000": true, "https://LOCALHOST": true, "https://login.localhost/x": true, "http://127.8.8.8": true, "http://[::1]:9000": true,
		"https://localhost.example": false, "https://login.example": false, "https://10.0.0.1": false, "https://128.0.0.1": false, "": false, "%": false,
	} {
		if got := (&settings{issuer: issuer}).onLoopback(); got != want {
			t.Errorf("%q: %t", issuer, got)
		}
	}
}
