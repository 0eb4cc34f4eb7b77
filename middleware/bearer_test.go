package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// verifierFunc is a verifier of the app's own.
type verifierFunc func(token string) (*oidckit.Identity, error)

func (f verifierFunc) Verify(_ context.Context, token string) (*oidckit.Identity, error) {
	return f(token)
}

var alice = &oidckit.Identity{Issuer: "https://issuer.example", Subject: "alice", ClientID: "webapp", Scope: oidckit.Scope{"orders:read"}}

// anyToken takes every token and remembers it.
func anyToken(seen *string) middleware.Verifier {
	return verifierFunc(func(token string) (*oidckit.Identity, error) {
		*seen = token
		return alice, nil
	})
}

func fakeAPI(v middleware.Verifier) *guarded {
	g := &guarded{}
	g.handler = middleware.Bearer{Verifier: v, Logger: zerolog.New(g), Events: g.event}.Require(http.HandlerFunc(g.serve))
	return g
}

func TestCredentials(t *testing.T) {
	var seen string
	g := fakeAPI(anyToken(&seen))
	for _, row := range []struct {
		name          string
		authorization []string
		token         string
		status        int
	}{
		{"ATK-142 none", nil, "", 401},
		{"RFC 6750 §2.1", []string{"Bearer mF_9.B5f-4.1JqM"}, "mF_9.B5f-4.1JqM", 200},
		{"b64token with padding", []string{"Bearer a+/~=="}, "a+/~==", 200},
		{"ATK-145 lower case", []string{"bearer t"}, "t", 200},
		{"ATK-145 upper case", []string{"BEARER t"}, "t", 200},
		{"ATK-145 two spaces", []string{"Bearer  t"}, "", 400},
		{"ATK-145 tab", []string{"Bearer\tt"}, "", 400},
		{"ATK-145 list", []string{"Bearer t,t"}, "", 400},
		{"ATK-145 scheme alone", []string{"Bearer"}, "", 400},
		{"ATK-145 scheme and space", []string{"Bearer "}, "", 400},
		{"ATK-145 another scheme", []string{"Basic x"}, "", 401},
		{"a scheme that begins alike", []string{"Bearers t"}, "", 401},
		{"an empty header", []string{""}, "", 401},
		{"ATK-060 the scheme twice", []string{"Bearer Bearer x"}, "", 400},
		{"ATK-060 space within", []string{"Bearer a.b.c d"}, "", 400},
		{"ATK-060 space after", []string{"Bearer a.b.c "}, "", 400},
		{"ATK-027 JSON serialization", []string{`Bearer {"payload":"e30","signatures":[]}`}, "", 400},
		{"padding alone", []string{"Bearer =="}, "", 400},
		{"padding within", []string{"Bearer a=b"}, "", 400},
		{"quotes", []string{`Bearer "t"`}, "", 400},
		{"not ASCII", []string{"Bearer t\u00e9"}, "", 400},
		{"ATK-143 two headers", []string{"Bearer t", "Bearer t"}, "", 400},
		{"ATK-143 two headers of two schemes", []string{"Basic x", "Bearer t"}, "", 400},
		{"ATK-035 a token of 5 MiB", []string{"Bearer " + strings.Repeat("a", 5<<20)}, "", 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			seen = ""
			resp := g.get(row.authorization...)
			switch {
			case row.status == 200:
				g.wantServed(t, resp)
			case row.status == 400:
				g.wantRefused(t, resp, 400, "invalid_request")
			case strings.HasPrefix(row.name, "ATK-035"):
				g.wantRefused(t, resp, 401, "invalid_token")
			default:
				g.wantRefused(t, resp, 401, "")
			}
			if seen != row.token {
				t.Errorf("the verifier saw %q", seen)
			}
		})
	}
}

func TestTokenElsewhere(t *testing.T) {
	for _, row := range []struct {
		name, query string
		contentType string
		body        string
		header      bool
		status      int
		judged      bool
	}{
		{name: "ATK-144 query alone", query: "access_token=t", status: 401},
		{name: "RFC 6750 §2.2 form alone", body: "access_token=t", status: 401},
		{name: "ATK-143 header and query", query: "a=1&access_token=t", header: true, status: 400},
		{name: "ATK-143 header and empty query parameter", query: "access_token", header: true, status: 400},
		{name: "ATK-143 header and query, escaped name", query: "access%5Ftoken=t", header: true, status: 400},
		{name: "ATK-143 header and form", body: "a=1&access_token=t", header: true, status: 400, judged: true},
		{name: "header and other parameters", query: "token=t&not_access_token=1", body: "access_token_type=x", header: true, status: 200},
		{name: "header and JSON", contentType: "application/json", body: `{"access_token":"t"}`, header: true, status: 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen string
			g := fakeAPI(anyToken(&seen))
			r := httptest.NewRequest(http.MethodPost, "/orders?"+row.query, strings.NewReader(row.body))
			contentType := row.contentType
			if contentType == "" {
				contentType = "application/x-www-form-urlencoded"
			}
			r.Header.Set("Content-Type", contentType)
			if row.header {
				r.Header.Set("Authorization", "Bearer t")
			}
			resp := serve(g.handler, r)
			switch row.status {
			case 200:
				g.wantServed(t, resp)
			case 400:
				g.wantRefused(t, resp, 400, "invalid_request")
			default:
				g.wantRefused(t, resp, 401, "")
			}
			if row.status != 200 && (seen != "") != row.judged {
				t.Errorf("token %q was read", seen)
			}
		})
	}
}

// The handler reads a form whole that the guard has looked into, however long.
func TestFormReachesTheHandler(t *testing.T) {
	for _, size := range []int{0, 10, 64 << 10, 200 << 10} {
		form := url.Values{"a": {strings.Repeat("x", size)}}.Encode()
		var got string
		var seen string
		h := middleware.RequireBearer(anyToken(&seen))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			got = string(b)
		}))
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		r.Header.Set("Authorization", "Bearer t")
		serve(h, r)
		if got != form {
			t.Errorf("%d bytes became %d", len(form), len(got))
		}
	}
	broken := errors.New("broken")
	h := middleware.RequireBearer(anyToken(new(string)))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); !errors.Is(err, broken) {
			t.Errorf("the handler read %v", err)
		}
	}))
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("a=b"), failing{broken}))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer t")
	serve(h, r)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestVerifierErrors(t *testing.T) {
	refused := oidckit.NewError(oidckit.InvalidToken, "revoked")
	for _, row := range []struct {
		name   string
		id     *oidckit.Identity
		err    error
		status int
		code   string
	}{
		{"invalid_token", nil, refused.WithCause(errors.New("canary")), 401, "invalid_token"},
		{"wrapped", nil, fmt.Errorf("canary: %w", refused), 401, "invalid_token"},
		{"the code alone", nil, fmt.Errorf("canary: %w", oidckit.InvalidToken), 401, "invalid_token"},
		{"a status of its own does not turn a refusal into a pass", nil, refused.WithStatus(200), 401, "invalid_token"},
		{"insufficient_scope", nil, oidckit.NewError(oidckit.InsufficientScope, "too little"), 403, "insufficient_scope"},
		{"store down", nil, errors.New("canary: connection refused"), 503, "server_error"},
		{"unavailable", nil, oidckit.NewError(oidckit.TemporarilyUnavailable, "later"), 503, "temporarily_unavailable"},
		{"a code that is no answer to a token", nil, oidckit.NewError(oidckit.InvalidGrant, "canary"), 503, "server_error"},
		{"FLT-57 neither identity nor error", nil, nil, 503, "server_error"},
		{"FLT-57 an error that is nil inside", nil, (*oidckit.Error)(nil), 503, "server_error"},
		{"FLT-57 both identity and error", alice, errors.New("canary"), 503, "server_error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := fakeAPI(verifierFunc(func(string) (*oidckit.Identity, error) { return row.id, row.err }))
			resp := g.get("Bearer secret-token")
			g.wantRefused(t, resp, row.status, row.code)
			log, event := g.reported()
			if strings.Count(log, "\n") != 1 || strings.Contains(log, "secret-token") {
				t.Errorf("log %q", log)
			}
			want := oidckit.EventTokenRefused
			if row.status == 503 {
				want = oidckit.EventTokenUnchecked
			}
			if event.Name != want || event.Err == nil || event.Time.IsZero() {
				t.Errorf("event %+v", event)
			}
		})
	}
}

// Whoever has the Logger or the Events, a refusal is reported once.
func TestReportedOnce(t *testing.T) {
	iss := newIssuer(t)
	for _, row := range []struct{ verifierLogs, verifierSends, guardLogs, guardSends bool }{
		{true, true, true, true}, {true, true, false, false}, {false, false, true, true}, {true, false, false, true}, {false, true, true, false},
	} {
		g := &guarded{}
		cfg := middleware.JWTConfig{Issuer: iss.URL, Audience: audience}
		guard := middleware.Bearer{}
		if row.verifierLogs {
			cfg.Logger = zerolog.New(g)
		}
		if row.verifierSends {
			cfg.Events = g.event
		}
		if row.guardLogs {
			guard.Logger = zerolog.New(g)
		}
		if row.guardSends {
			guard.Events = g.event
		}
		v, err := middleware.NewJWTVerifier(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		// A verifier around that of the kit changes nothing.
		guard.Verifier = verifierFunc(func(token string) (*oidckit.Identity, error) { return v.Verify(t.Context(), token) })
		g.handler = guard.Require(http.HandlerFunc(g.serve))
		g.wantRefused(t, g.get("Bearer "+iss.token(t, map[string]any{"aud": "https://other.example"})), 401, "invalid_token")
		if n := strings.Count(g.log.String(), "https://other.example"); n != 1 || len(g.events) != 1 {
			t.Errorf("%+v: %d lines, %d events: %s", row, n, len(g.events), g.log.String())
		}
	}
}

// ATK-341: what is not set up answers, and lets nobody through.
func TestFailClosed(t *testing.T) {
	g := &guarded{}
	next := http.HandlerFunc(g.serve)
	var none *middleware.JWTVerifier
	for name, guard := range map[string]func(http.Handler) http.Handler{
		"nil verifier":        middleware.RequireBearer(nil),
		"typed nil verifier":  middleware.RequireBearer(none),
		"zero-value verifier": middleware.RequireBearer(&middleware.JWTVerifier{}),
		"zero-value Bearer":   middleware.Bearer{}.Require,
	} {
		g.handler = guard(next)
		t.Run(name, func(t *testing.T) { g.wantRefused(t, g.get("Bearer a.b.c"), 503, "") })
	}
	if err := none.Close(); err != nil {
		t.Error(err)
	}
	if err := none.Check(t.Context()); err == nil {
		t.Error("Check of a verifier that is nil says nothing")
	}
}

func TestRealmAndChallenge(t *testing.T) {
	h := middleware.Bearer{Verifier: anyToken(new(string)), Realm: `orders "v2"` + "\r\nX: y"}.Require(http.NotFoundHandler())
	resp := serve(h, httptest.NewRequest(http.MethodGet, "/", nil))
	if got, want := resp.Header.Get("WWW-Authenticate"), `Bearer realm="orders v2X: y"`; got != want {
		t.Errorf("challenge %s, want %s", got, want)
	}
	// RFC 9470 §3
	age := 5 * time.Minute
	h = middleware.RequireBearer(anyToken(new(string)))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch, _ := oidckit.ChallengerFromContext(r.Context())
		ch.Challenge(w, r, oidckit.Challenge{Err: oidckit.NewError(oidckit.InsufficientUserAuthentication, "a fresh login is needed"),
			ACRValues: []string{"gold", "silver"}, MaxAge: &age})
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer t")
	resp = serve(h, r)
	want := `Bearer realm="api", error="insufficient_user_authentication", error_description="a fresh login is needed", acr_values="gold silver", max_age="300"`
	if got := resp.Header.Get("WWW-Authenticate"); got != want || resp.StatusCode != 401 {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

// The guard never wraps the writer: flushing and hijacking work as without it.
func TestWriterIsNotWrapped(t *testing.T) {
	w := httptest.NewRecorder()
	h := middleware.RequireBearer(anyToken(new(string)))(middleware.RequireScope("orders:read")(http.HandlerFunc(
		func(got http.ResponseWriter, _ *http.Request) {
			if got != http.ResponseWriter(w) {
				t.Errorf("writer is a %T", got)
			}
		})))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer t")
	h.ServeHTTP(w, r)
}

func TestChi(t *testing.T) {
	bearer := middleware.RequireBearer(anyToken(new(string)))
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		io.WriteString(w, id.Subject+" "+chi.URLParam(r, "id"))
	})
	router := chi.NewRouter()
	router.Route("/orders", func(r chi.Router) {
		r.Use(bearer)
		r.With(middleware.RequireScope("orders:read")).Get("/{id}", orders)
		r.With(middleware.RequireScope("orders:write")).Post("/{id}", orders)
	})
	for method, status := range map[string]int{http.MethodGet: 200, http.MethodPost: 403} {
		r := httptest.NewRequest(method, "/orders/7", nil)
		r.Header.Set("Authorization", "Bearer t")
		resp := serve(router, r)
		if resp.StatusCode != status {
			t.Errorf("%s: status %d", method, resp.StatusCode)
		}
		if status == 200 && body(t, resp) != "alice 7" {
			t.Error("the handler saw something else")
		}
	}
}

var bearerGrammar = regexp.MustCompile(`^(?i:bearer) ([A-Za-z0-9._~+/-]+=*)$`)

// A header is taken exactly when it is what RFC 6750 §2.1 has it be.
func FuzzAuthorizationHeader(f *testing.F) {
	for _, s := range []string{"", "Bearer t", "bearer t", "Bearer  t", "Bearer\tt", "Bearer t,t", "Bearer", "Bearer ", "Basic x",
		"Bearer a=", "Bearer =", "BEARER a.b.c", "Bearer Bearer x", "Bearer a=b", "Bearer\x00t", "\u212aearer t", "Bearer t\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		var seen string
		g := fakeAPI(anyToken(&seen))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{header}
		resp := serve(g.handler, r)
		want := ""
		if m := bearerGrammar.FindStringSubmatch(header); m != nil && len(m[1]) <= 16<<10 {
			want = m[1]
		}
		if seen != want {
			t.Fatalf("%q: token %q, want %q", header, seen, want)
		}
		if (want != "") != (resp.StatusCode == http.StatusOK) || want == "" && resp.Header.Get("WWW-Authenticate") == "" {
			t.Fatalf("%q: status %d", header, resp.StatusCode)
		}
	})
}
