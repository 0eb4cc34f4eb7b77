package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// freeAddr returns an address nobody listens on at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func get(t *testing.T, address string, doc any) int {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if doc != nil {
		if err := json.Unmarshal(body, doc); err != nil {
			t.Fatalf("%s: %v", address, err)
		}
	}
	return res.StatusCode
}

type keySet struct {
	Keys []struct {
		ID  string `json:"kid"`
		Alg string `json:"alg"`
	} `json:"keys"`
}

// Everything that is wrong is named in one line, and nothing is left behind.
func TestProblemsAreNamedTogether(t *testing.T) {
	binary := browsertest.Build(t, ".")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	config := write(t, "config.json", `{
		"clients": [{"client_id": "a", "client_secret": "s", "redirect_uris": ["http://elsewhere.example/cb"]},
			{"client_id": "b", "token_endpoint_auth_method": "telepathy"}],
		"users": [{"username": "", "password_hash": "md5"}],
		"resources": [{"resource": "not absolute", "access_token_format": "papyrus"}],
		"features": {"mind_reading": {}},
		"lifetimes": {"code": "1h", "tea": "5m"},
		"signing_algs": ["HS256"], "colour": "blue"}`)
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"flags": {
			[]string{"-addr", "nowhere", "-issuer", "http://login.example", "-db", "oracle:x", "-secret", "short", "-log-level", "loud", "-frob", "1", "more", "-tls-cert", "x"},
			[]string{"-addr", "Issuer", "-db", "-secret", "-log-level", "-frob", `"more"`, "-tls-cert"},
		},
		"unreadable config": {[]string{"-config", "/nonexistent/file"}, []string{"-config"}},
		"unknown member":    {[]string{"-config", config}, []string{`"colour"`}},
		"config": {
			[]string{"-config", write(t, "c.json", strings.Replace(mustRead(t, config), `, "colour": "blue"`, "", 1))},
			[]string{`Clients[0] ("a")`, "elsewhere.example", `Clients[1] ("b")`, "telepathy", "users[0]", "Resources[0]", "papyrus", "mind_reading", "lifetimes", "tea", "Lifetimes.Code", "HS256"},
		},
		"PostgreSQL":                   {[]string{"-addr", "127.0.0.1:0", "-db", "postgres://u:pass-word@db:port/x"}, []string{"-db"}},
		"a database in no folder":      {[]string{"-db", "sqlite:missing/x.db"}, []string{"-db"}},
		"a folder":                     {[]string{"-db", "sqlite:."}, []string{"-db", "folder"}},
		"keys of no database":          {[]string{"-rotate-keys", "-db", "sqlite:new.db"}, []string{"-db", "new.db", "-secret", "new.db.secret"}},
		"a key of no database":         {[]string{"-revoke-key", "k", "-db", "sqlite:new.db", "-secret", strings.Repeat("k", 40)}, []string{"-db", "new.db"}},
		"keys without a ring":          {[]string{"-revoke-key", "k", "-db", "postgres://127.0.0.1:1/x"}, []string{"-secret", "issuer.secret"}},
		"taken port":                   {[]string{"-addr", taken.Addr().String(), "-db", "oracle:x"}, []string{"-addr", "in use", "-db"}},
		"keys of a database in memory": {[]string{"-rotate-keys"}, []string{"-rotate-keys"}},
		"a flag that is not yet one":   {[]string{"-client-ca", "x.pem"}, []string{"-client-ca"}},
		"what calls others":            {[]string{"-redis", "http://u:pass-word@r", "-ca", config, "-preset", "papyrus"}, []string{"-redis", "-ca", "PEM", "-preset", `"papyrus"`}},
		"no file of roots":             {[]string{"-ca", "/nonexistent/file"}, []string{"-ca"}},
		"preset and issuer":            {[]string{"-addr", "127.0.0.1:0", "-preset", "miniorange", "-issuer", "http://localhost:9000"}, []string{"Preset", "/moas"}},
		"features":                     {[]string{"-addr", "127.0.0.1:0", "-config", write(t, "f.json", badFeatures)}, featureProblems()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			status, stdout, stderr := browsertest.Refused(t, dir, binary, tc.args...)
			if status != 2 || stdout != "" || strings.Count(strings.TrimSpace(stderr), "\n") != 0 {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
			for _, want := range tc.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q is not named in %q", want, stderr)
				}
			}
			if strings.Contains(stderr, "pass-word") {
				t.Errorf("the error repeats what may be a password: %s", stderr)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A restart keeps keys and passwords; the key commands act on the database.
func TestRestartAndKeyCommands(t *testing.T) {
	binary, dir, addr := browsertest.Build(t, "."), t.TempDir(), freeAddr(t)
	issuer := "http://" + strings.Replace(addr, "127.0.0.1", "localhost", 1)
	args := []string{"-addr", addr, "-issuer", issuer, "-db", "sqlite:issuer.db"}
	start := func() (keySet, string) {
		p := browsertest.Start(t, dir, binary, args...)
		if p.Line("issuer") != issuer || p.Line("user") != "alice" {
			t.Fatalf("printed %q", p.Stdout())
		}
		if status := get(t, "http://"+addr+"/healthz", nil); status != http.StatusOK {
			t.Fatalf("healthz: %d", status)
		}
		var set keySet
		get(t, "http://"+addr+"/jwks", &set)
		password := p.Line("password")
		p.Stop()
		return set, password
	}
	before, password := start()
	if len(before.Keys) != 2 {
		t.Fatalf("keys: %+v", before)
	}
	for _, file := range []string{"issuer.db", "issuer.db.secret"} {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	if after, again := start(); len(after.Keys) != 2 || after.Keys[0] != before.Keys[0] || again != password {
		t.Fatalf("after a restart: %+v, same password %t", after, again == password)
	}
	command := func(extra ...string) {
		t.Helper()
		if status, _, stderr := browsertest.Refused(t, dir, binary, append(args, extra...)...); status != 0 {
			t.Fatalf("%v: status %d: %s", extra, status, stderr)
		}
	}
	command("-rotate-keys")
	if set, _ := start(); len(set.Keys) != 4 {
		t.Fatalf("after -rotate-keys: %+v", set)
	}
	if status, _, stderr := browsertest.Refused(t, dir, binary, append(args, "-revoke-key", "no-such-key")...); status != 2 || !strings.Contains(stderr, `"no-such-key"`) {
		t.Errorf("an unknown key: status %d: %s", status, stderr)
	}
	revoked := before.Keys[0].ID
	command("-revoke-key", revoked)
	if set, _ := start(); strings.Contains(strings.Join(ids(set), " "), revoked) || len(set.Keys) != 4 {
		t.Fatalf("after -revoke-key %s: %+v", revoked, set)
	}
}

func ids(set keySet) (out []string) {
	for _, k := range set.Keys {
		out = append(out, k.ID)
	}
	return out
}

// The config's clients are what RFC 7591 says; one without a secret is public.
func TestConfigFile(t *testing.T) {
	binary, addr := browsertest.Build(t, "."), freeAddr(t)
	issuer := "http://localhost:" + addr[strings.LastIndex(addr, ":")+1:]
	config := write(t, "config.json", `{
		"clients": [
			{"client_id": "svc", "client_secret": "the secret of svc", "grant_types": ["client_credentials"], "software_id": "ignored"},
			{"client_id": "api", "client_secret": "the secret of api"},
			{"client_id": "spa", "redirect_uris": ["https://spa.example/cb"]}],
		"users": [{"username": "alice", "password": "wonderland", "claims": {"sub": "1", "name": "Alice"}}],
		"scopes": {"orders:read": "Read your orders"},
		"resources": [{"resource": "https://api.example/", "scopes": ["orders:read"], "access_token_format": "jwt", "signing_alg": "RS256"}],
		"features": {}, "signing_algs": ["ES256", "RS256"], "require_pkce": false, "lifetimes": {"access_token": "5m"}}`)
	p := browsertest.Start(t, t.TempDir(), binary, "-addr", addr, "-issuer", issuer, "-config", config)
	p.Line("issuer")
	res, err := http.PostForm(issuer+"/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"svc"}, "client_secret": {"x"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("by another method than the registered one: %d", res.StatusCode)
	}
	req, _ := http.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader("grant_type=client_credentials&scope=orders:read"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("svc", "the+secret+of+svc")
	if res, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer["scope"] != "orders:read" || answer["expires_in"] != 300.0 {
		t.Fatalf("status %d: %v", res.StatusCode, answer)
	}
	if strings.Contains(p.Stdout(), "wonderland") {
		t.Error("the password of a configured user was printed")
	}
}
