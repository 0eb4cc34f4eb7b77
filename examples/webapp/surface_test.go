package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
)

// Each problem is named once, and none that is only the consequence of another.
func TestProblemsWithoutConsequences(t *testing.T) {
	binary := browsertest.Build(t, ".")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, row := range map[string]struct {
		args      []string
		want, not []string
	}{
		"a bad base URL among others": {
			[]string{"-addr", "127.0.0.1:0", "-base-url", "http://app.example", "-issuer", "http://id.example", "-client-id", "", "-prefix", "auth", "-scopes", "email", "-resource", "api"},
			[]string{"-base-url: ", "-issuer: ", "-client-id: ", "-prefix: ", "-scopes: ", "-resource: "}, []string{"Config"},
		},
		"an https base URL among others": {
			[]string{"-addr", "127.0.0.1:0", "-base-url", "https://app.example", "-issuer", "x", "-db", "oracle:x"},
			[]string{"-issuer: ", "-db: "}, []string{"Config", "-base-url"},
		},
		"a taken port": {[]string{"-addr", taken.Addr().String(), "-scopes", "email"}, []string{"-addr: ", "-scopes: "}, []string{"-base-url", "Config"}},
		"PostgreSQL": {
			[]string{"-addr", "127.0.0.1:0", "-db", "postgres://u:pass-word@db:port/x", "-issuer", "x"},
			[]string{"-db: ", "-issuer: "}, []string{"pass-word"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			status, stdout, stderr := browsertest.Refused(t, dir, binary, row.args...)
			if status != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
			for _, want := range row.want {
				if strings.Count(stderr, want) != 1 {
					t.Errorf("%q is not named once in %q", want, stderr)
				}
			}
			for _, not := range row.not {
				if strings.Contains(stderr, not) {
					t.Errorf("%q is in %q", not, stderr)
				}
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestOtherMethods(t *testing.T) {
	p := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", "127.0.0.1:0", "-issuer", "http://localhost:1")
	base := p.Line("app")
	for path, want := range map[string]int{"/": 405, "/me": 405, "/step-up": 405, "/healthz": 405, "/nothing": 404} {
		for _, method := range []string{"POST", "OPTIONS", "DELETE"} {
			req, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != want || (want == 405) != (res.Header.Get("Allow") == "GET, HEAD") {
				t.Errorf("%s %s: %d, Allow %q", method, path, res.StatusCode, res.Header.Get("Allow"))
			}
		}
	}
}

// What happens is told in one line each, and no cookie with it.
func TestEventsAreLogged(t *testing.T) {
	addr, base := freeAddr(t)
	op := newIssuer(t, base, "/auth")
	app := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", addr, "-base-url", base, "-issuer", op.Issuer)
	app.Line("app")
	p := newPerson(t, op)
	walk(t, p, base, "/auth", op.Issuer)
	p.get(base+"/auth/callback?state=forged&code=the-forged-code", "text/html")
	app.Stop()
	seen := map[string]string{}
	for line := range strings.Lines(app.Stderr()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("not a structured line: %q", line)
		}
		if name, ok := fields["event"].(string); ok {
			seen[name], _ = fields["level"].(string)
			if fields["client_id"] != "webapp" {
				t.Errorf("%s: client_id %v", name, fields["client_id"])
			}
			if name == "login.succeeded" && fields["sub"] == nil {
				t.Errorf("a login of nobody: %s", line)
			}
		}
	}
	if seen["login.succeeded"] != "info" || seen["logout"] != "info" || seen["login.failed"] != "warn" {
		t.Errorf("events %v:\n%s", seen, app.Stderr())
	}
	for _, secret := range []string{"the-forged-code", "eyJ"} {
		if strings.Contains(app.Stderr(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestServerErrorsAreStructured(t *testing.T) {
	var out bytes.Buffer
	newServer(http.NotFoundHandler(), zerolog.New(&out)).ErrorLog.Print("http: TLS handshake error")
	newServer(http.NotFoundHandler(), zerolog.New(&out).Level(zerolog.ErrorLevel)).ErrorLog.Print("not to be seen")
	if got := strings.TrimSpace(out.String()); got != `{"level":"warn","detail":"http: TLS handshake error","message":"http server"}` {
		t.Errorf("logged %s", got)
	}
}

func TestPoolIsBounded(t *testing.T) {
	db, _, err := openDatabase("postgres://127.0.0.1:1/x")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if open := db.Stats().MaxOpenConnections; open != 20 {
		t.Errorf("at most %d connections", open)
	}
}

// The JSON says what the issuer has said, and nothing empty.
func TestIdentityJSON(t *testing.T) {
	out := identityJSON(&oidckit.Identity{Issuer: "i", Subject: "s"})
	for _, name := range []string{"sid", "acr", "amr", "auth_time"} {
		if v, ok := out[name]; ok {
			t.Errorf("%s is there: %v", name, v)
		}
	}
	out = identityJSON(&oidckit.Identity{SessionID: "1", ACR: "2", AMR: []string{"pwd"}, AuthTime: time.Unix(5, 0)})
	if out["sid"] != "1" || out["acr"] != "2" || out["amr"] == nil || out["auth_time"] != int64(5) {
		t.Errorf("%v", out)
	}
}

func TestHelpNamesWhatTheRingTakes(t *testing.T) {
	var out bytes.Buffer
	parseSettings([]string{"-help"}, func(string) (string, bool) { return "", false }, &out)
	if !strings.Contains(out.String(), "keys of 32 characters or more, separated by commas, the sealing one first") {
		t.Error(out.String())
	}
	if _, err := parseSettings([]string{"-secret", strings.Repeat("ä-", 11) + "," + strings.Repeat("k", 32)}, func(string) (string, bool) { return "", false }, io.Discard); err != nil {
		t.Error(err)
	}
}

// In a narrow window no name of a claim is broken, and nothing sticks out.
func TestNarrowWindow(t *testing.T) {
	b := browsertest.New(t)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		(&webapp{}).write(rw, http.StatusOK, view{Title: "Hello, Alice Example", LogoutURL: "/auth/logout", Identity: &oidckit.Identity{}, Lines: []line{
			{"email", "a.very.long.address.of.alice@mail.department.example.com"}, {"phone_number_verified", "true"}, {"preferred_username", "alice"},
			{"sub", strings.Repeat("0123456789", 8)},
		}})
	}))
	defer srv.Close()
	for _, width := range []int64{320, 500, 1200} {
		b.Window(width, 700, false)
		b.Open(srv.URL)
		broken := browsertest.Eval[string](b, `[...document.querySelectorAll("th")].filter(th => {
			const r = document.createRange(); r.selectNodeContents(th); return r.getClientRects().length !== 1 }).map(th => th.textContent).join(" ")`)
		if broken != "" {
			t.Errorf("at %d pixels these are broken: %s", width, broken)
		}
		if over := browsertest.Eval[float64](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
			t.Errorf("at %d pixels, %v stick out", width, over)
		}
	}
}
