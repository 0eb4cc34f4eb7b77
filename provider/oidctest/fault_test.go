package oidctest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// A fault is at its endpoint, wherever that is, for as long as it was asked
// for, and nowhere else.
func TestFaultsAreWhereTheyWereAsked(t *testing.T) {
	op := oidctest.New(t, oidctest.Config{Path: "/tenant"})
	broken := oidctest.Answer(500, "text/plain", "broken")
	paths := []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks", "/userinfo"}
	for endpoint, want := range map[oidctest.Endpoint]string{
		oidctest.EndpointAny:        strings.Join(paths, " "),
		oidctest.EndpointDiscovery:  paths[0] + " " + paths[1],
		oidctest.EndpointJWKS:       "/jwks",
		oidctest.EndpointUserinfo:   "/userinfo",
		oidctest.EndpointToken:      "",
		oidctest.EndpointEndSession: "",
		"/tenant/jwks":              "/jwks",
		"/jwks":                     "",
	} {
		t.Run(string(endpoint), func(t *testing.T) {
			op.Break(t, endpoint, broken)
			var got []string
			for _, path := range paths {
				if _, body := get(t, op, path); body == "broken" {
					got = append(got, path)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("broken are %q, want %q", got, want)
			}
		})
		if status, body := get(t, op, "/jwks"); status != 200 {
			t.Errorf("%s outlives its test: %s", endpoint, body)
		}
	}
	// RFC 8414 §3.1
	op.Break(t, oidctest.EndpointDiscovery, broken)
	res, err := op.HTTPClient().Get(strings.TrimSuffix(op.Issuer, "/tenant") + "/.well-known/oauth-authorization-server/tenant")
	if status, _ := read(t, res, err); status != 500 {
		t.Errorf("the other place of the metadata: %d", status)
	}
}

// Faults stack, the last one before the others, and each is restored by
// itself, as often as one likes.
func TestFaultsStack(t *testing.T) {
	op := newIssuer(t)
	member := func(name, value string) oidctest.Fault {
		return oidctest.EditJSON(func(answer map[string]any) { answer[name] = value })
	}
	set := func(want string) {
		t.Helper()
		if _, body := get(t, op, "/jwks"); !strings.Contains(body, want) {
			t.Errorf("%s, want %s", body, want)
		}
	}
	first := op.Break(t, oidctest.EndpointJWKS, member("who", "first"))
	second := op.Break(t, oidctest.EndpointAny, member("who", "second"))
	set(`"who":"second"`)
	second()
	second()
	set(`"who":"first"`)
	first()
	set(`{"keys":[{`)
}

func TestAnswers(t *testing.T) {
	op := newIssuer(t)
	for name, row := range map[string]struct {
		fault    oidctest.Fault
		status   int
		body     string
		location string
	}{
		"HTML with 200": {oidctest.Answer(200, "text/html", "<p>Sorry"), 200, "<p>Sorry", ""},
		"redirect":      {oidctest.Redirect("http://169.254.169.254/keys"), 302, "", "http://169.254.169.254/keys"},
		"one's own": {func(issuer http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
		}, 404, "404 page not found\n", ""},
	} {
		restore := op.Break(t, oidctest.EndpointJWKS, row.fault)
		res, err := op.NewBrowser(t).Client.Get(op.Issuer + "/jwks")
		if err != nil {
			t.Fatal(err)
		}
		if status, body := read(t, res, nil); status != row.status || row.body != "" && body != row.body || res.Header.Get("Location") != row.location {
			t.Errorf("%s: %d %s %s", name, status, res.Header.Get("Location"), body)
		}
		restore()
	}
}

// FLT-07: who stops reading ends it, who does not gets 200 MB and an error.
func TestEndless(t *testing.T) {
	op := newIssuer(t)
	op.Break(t, oidctest.EndpointJWKS, oidctest.Endless(`{"keys":[`))
	res, err := op.HTTPClient().Get(op.Issuer + "/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	start := make([]byte, 9)
	if _, err := io.ReadFull(res.Body, start); err != nil || string(start) != `{"keys":[` {
		t.Fatalf("%q, %v", start, err)
	}
	n, err := io.Copy(io.Discard, res.Body)
	if n < 200<<20 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A test may end in the middle of an answer that nobody reads.
func TestEndsWithUnreadAnswers(t *testing.T) {
	outer := t
	t.Run("", func(t *testing.T) {
		op := newIssuer(t)
		op.Break(t, oidctest.EndpointJWKS, oidctest.Endless(""))
		res, err := op.HTTPClient().Get(op.Issuer + "/jwks")
		if err != nil {
			t.Fatal(err)
		}
		outer.Cleanup(func() { res.Body.Close() })
	})
}

// The client that has the true answer in its cache gets the false one all the
// same, without the true one's ETag.
func TestEditJSONAgainstCaches(t *testing.T) {
	op := newIssuer(t)
	res, err := op.HTTPClient().Get(op.Issuer + "/jwks")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	op.Break(t, oidctest.EndpointJWKS, oidctest.EditJSON(func(answer map[string]any) {
		answer["keys"] = append(answer["keys"].([]any), map[string]any{"kty": "EC", "crv": "P-256", "x": "bad"})
	}))
	req, _ := http.NewRequest(http.MethodGet, op.Issuer+"/jwks", nil)
	req.Header.Set("If-None-Match", res.Header.Get("ETag"))
	again, err := op.HTTPClient().Do(req)
	if status, body := read(t, again, err); status != 200 || !strings.Contains(body, `"x":"bad"`) || again.Header.Get("ETag") != "" {
		t.Errorf("%d %s %s", status, again.Header, body)
	}
}

// An edit sees numbers as they were written, and what it leaves has its own
// length, whatever the answer said before.
func TestEditJSONIsExact(t *testing.T) {
	op := newIssuer(t)
	op.Break(t, oidctest.EndpointJWKS, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "22")
			io.WriteString(w, `{"n":9007199254740993}`)
		})
	})
	op.Break(t, oidctest.EndpointJWKS, oidctest.EditJSON(func(answer map[string]any) { answer["more"] = "text" }))
	if _, body := get(t, op, "/jwks"); strings.TrimSpace(body) != `{"more":"text","n":9007199254740993}` {
		t.Error(body)
	}
}

// RFC 9207 §2.4: the mix-up; a response that is an error is edited too.
func TestEditAuthorizationResponses(t *testing.T) {
	op := newIssuer(t)
	restore := op.EditAuthorizationResponses(t, func(q url.Values) { q.Set("iss", "https://other.example") })
	callback, _ := login(t, op)
	if callback.Get("iss") != "https://other.example" || callback.Get("state") != "the state" {
		t.Errorf("callback %v", callback)
	}
	browser := op.NewBrowser(t)
	browser.Deny = true
	refused, err := browser.Authorize(authorizationURL(op) + "&prompt=consent")
	if err != nil || refused.Query().Get("error") != "access_denied" || refused.Query().Get("iss") != "https://other.example" {
		t.Errorf("%v, %v", refused, err)
	}
	// Answers that are none of an authorization are not held back.
	endless := op.Break(t, oidctest.EndpointJWKS, oidctest.Endless("start"))
	restore()
	restore = op.EditAuthorizationResponses(t, func(url.Values) {})
	res, err := op.HTTPClient().Get(op.Issuer + "/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 5)); err != nil {
		t.Error(err)
	}
	endless()
	restore()
	if callback, _ := login(t, op); callback.Get("iss") != op.Issuer {
		t.Errorf("callback %v", callback)
	}
}

// FLT-01: nobody gets an answer, over connections of any age; the issuer comes
// back at the same address, with the same keys.
func TestDown(t *testing.T) {
	for name, tls := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			op := oidctest.New(t, oidctest.Config{TLS: tls})
			before := keySet(t, op)
			early := dial(t, op)
			var up func()
			t.Run("", func(t *testing.T) { up = op.Down(t) })
			keySet(t, op)
			up = op.Down(t)
			wantCut(t, early)
			wantCut(t, dial(t, op))
			asked := len(op.Requests(oidctest.EndpointAny))
			for range 3 {
				if res, err := op.HTTPClient().Get(op.Issuer + "/jwks"); err == nil {
					res.Body.Close()
					t.Fatalf("status %d", res.StatusCode)
				}
			}
			if n := len(op.Requests(oidctest.EndpointAny)); n != asked {
				t.Errorf("%d requests arrived", n-asked)
			}
			up()
			if after := keySet(t, op); len(after) != len(before) || after[0].KeyID != before[0].KeyID {
				t.Error("it has come back with other keys")
			}
			op.Down(t)()
			keySet(t, op)
		})
	}
}

// dial returns nil where the connection is reset before it is whole.
func dial(t *testing.T, op *oidctest.Server) net.Conn {
	t.Helper()
	u, err := url.Parse(op.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// wantCut demands that the other side ends the connection unasked.
func wantCut(t *testing.T, conn net.Conn) {
	t.Helper()
	if conn == nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Requests wait until they are released; who goes away does not.
func TestHold(t *testing.T) {
	op := newIssuer(t)
	held := op.Hold(t, oidctest.EndpointJWKS)
	ended := make(chan struct{}, 10)
	op.Break(t, oidctest.EndpointJWKS, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { ended <- struct{}{} }()
			next.ServeHTTP(w, r)
		})
	})
	ctx, leave := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, op.Issuer+"/jwks", nil)
	left := make(chan error)
	go func() {
		_, err := op.HTTPClient().Do(req)
		left <- err
	}()
	<-held.Arrived
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			res, err := op.HTTPClient().Get(op.Issuer + "/jwks")
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
		})
	}
	get(t, op, "/.well-known/openid-configuration")
	held.Release()
	held.Release()
	wg.Wait()
	keySet(t, op)
}

// Requests that wait when a subtest ends go on to the issuer.
func TestHoldOfASubtest(t *testing.T) {
	op := newIssuer(t)
	answered := make(chan error)
	t.Run("", func(t *testing.T) {
		held := op.Hold(t, oidctest.EndpointJWKS)
		go func() {
			res, err := op.HTTPClient().Get(op.Issuer + "/jwks")
			if err == nil {
				res.Body.Close()
			}
			answered <- err
		}()
		<-held.Arrived
	})
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// What a test forgets to release ends with it, or else with the issuer, even
// where nobody has read the request's body.
func TestHeldRequestsEndWithTheTest(t *testing.T) {
	for _, inner := range []bool{true, false} {
		outer := t
		t.Run("", func(t *testing.T) {
			op := newIssuer(t)
			holder := testing.TB(outer)
			if inner {
				holder = t
			}
			held := op.Hold(holder, oidctest.EndpointAny)
			go func() {
				if res, err := op.HTTPClient().Post(op.Issuer+"/token", "application/json", strings.NewReader("{}")); err == nil {
					res.Body.Close()
				}
			}()
			<-held.Arrived
		})
	}
}

// What arrived is told as it was sent, under faults too; the text of a request
// has no value in it.
func TestRequests(t *testing.T) {
	op := newIssuer(t)
	login(t, op)
	broken := op.Break(t, oidctest.EndpointToken, oidctest.Drop())
	if _, err := op.HTTPClient().PostForm(op.Issuer+"/token", url.Values{"code": {"the secret code"}}); err == nil {
		t.Error("not dropped")
	}
	broken()
	asked := op.Requests(oidctest.EndpointAuthorization)
	if len(asked) == 0 || asked[0].Query.Get("nonce") != "the nonce" || asked[0].Method != http.MethodGet || asked[0].Form != nil {
		t.Errorf("%v", asked)
	}
	exchanges := op.Requests(oidctest.EndpointToken)
	if len(exchanges) != 2 || exchanges[0].Form.Get("code_verifier") != verifier || exchanges[1].Form.Get("code") != "the secret code" {
		t.Fatalf("%v", exchanges)
	}
	if text := exchanges[0].String(); text != "POST /token (client_id, code, code_verifier, grant_type, redirect_uri)" {
		t.Error(text)
	}
	exchanges[0].Form.Set("code", "changed")
	exchanges[0].Header.Set("Content-Type", "changed")
	if again := op.Requests("/token")[0]; again.Form.Get("code") == "changed" || again.Header.Get("Content-Type") == "changed" {
		t.Error("what was returned is not the caller's own")
	}
	if pages := op.Requests("/login"); len(pages) == 0 || pages[0].Endpoint != "" {
		t.Errorf("pages %v", pages)
	}
	all := op.Requests(oidctest.EndpointAny)
	if len(all) <= len(asked)+len(exchanges) || all[0].Endpoint != oidctest.EndpointAuthorization {
		t.Errorf("%v", all)
	}
}

// Faults come and go while requests are under way.
func TestFaultsConcurrently(t *testing.T) {
	op := newIssuer(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if res, err := op.HTTPClient().Get(op.Issuer + "/jwks"); err == nil {
					res.Body.Close()
				}
				op.Requests(oidctest.EndpointJWKS)
				op.Break(t, oidctest.EndpointJWKS, oidctest.Answer(503, "", ""))()
				op.AccessToken(t, oidctest.Token{Signed: oidctest.ByStranger})
			}
		})
	}
	wg.Wait()
	if n := len(op.Requests(oidctest.EndpointJWKS)); n != 40 {
		t.Errorf("%d requests", n)
	}
}

// probe is a test that sees how a call fails one.
type probe struct{ testing.TB }

func (p probe) Helper() {}

func (p probe) Fatalf(format string, _ ...any) { panic(format) }
func (p probe) Fatal(args ...any)              { panic(args[0]) }

// What could never have an effect fails the test instead.
func TestMisuse(t *testing.T) {
	op := newIssuer(t)
	for name, misuse := range map[string]func(tb testing.TB){
		"unknown endpoint": func(tb testing.TB) { op.Break(tb, "no_such_endpoint", oidctest.Drop()) },
		"no endpoint":      func(tb testing.TB) { op.Hold(tb, "") },
		"no fault":         func(tb testing.TB) { op.Break(tb, oidctest.EndpointToken, nil) },
		"no such key":      func(tb testing.TB) { op.AccessToken(tb, oidctest.Token{Algorithm: "RS256"}) },
		"unsigned":         func(tb testing.TB) { op.RevokeKeyOf(tb, op.IDToken(t, oidctest.Token{Signed: oidctest.ByNobody})) },
		"down twice": func(tb testing.TB) {
			defer op.Down(t)()
			op.Down(tb)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("nothing said")
				}
			}()
			misuse(probe{TB: t})
		})
	}
	if _, tokens := login(t, op); tokens["error"] != nil {
		t.Error(oidckit.ErrorCode(tokens["error"].(string)))
	}
}
