package provider_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// oddState has what escaping gets wrong, and the 128 characters that the
// conformance suite sends.
var oddState = "a b+c%2Fd&e=f#g/é\x00\xff\"<>" + strings.Repeat("s", 128-22)

// page checks that an answer is a page for the person: HTML of an error, and
// no way to anywhere else.
func (a answer) page(t *testing.T, status int) {
	t.Helper()
	if a.status != status || a.location != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("want a page with status %d, got %d, Location %q, %s", status, a.status, a.location, a.header.Get("Content-Type"))
	}
	if a.header.Get("Content-Security-Policy") == "" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers of the page: %v", a.header)
	}
}

// refusal checks that an answer tells the client of an error by a redirect to
// the registered address.
func (a answer) refusal(t *testing.T, code oidckit.ErrorCode, issuer, state string) {
	t.Helper()
	a.refusalBehind(t, "?", code, issuer, state)
}

// refusalBehind is refusal in the query, behind "?", or in the fragment.
func (a answer) refusalBehind(t *testing.T, separator string, code oidckit.ErrorCode, issuer, state string) {
	t.Helper()
	raw, ok := strings.CutPrefix(a.location, redirectURI+separator)
	if !ok || a.status != http.StatusSeeOther {
		t.Fatalf("want a redirect, got %d to %q: %s", a.status, a.location, a.body)
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		t.Fatal(err)
	}
	if q.Get("error") != string(code) {
		t.Errorf("error = %q, want %q", q.Get("error"), code)
	}
	// RFC 6749 §4.1.2.1: the exact value received
	if q.Get("state") != state {
		t.Errorf("state = %q, want %q", q.Get("state"), state)
	}
	// RFC 9207 §2
	if q.Get("iss") != issuer {
		t.Errorf("iss = %q", q.Get("iss"))
	}
	for name, values := range q {
		if !slices.Contains([]string{"error", "error_description", "state", "iss"}, name) || len(values) != 1 {
			t.Errorf("parameter %s: %q", name, values)
		}
	}
	// RFC 6749 §4.1.2.1: %x20-21 / %x23-5B / %x5D-7E
	if strings.ContainsFunc(q.Get("error_description"), func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
		t.Errorf("error_description: %q", q.Get("error_description"))
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers: %v", a.header)
	}
}

// eachMethod runs a request by GET and, as a person who is signed in, by POST.
func (f *fixture) eachMethod(t *testing.T, q url.Values, check func(t *testing.T, a answer)) {
	t.Run("GET", func(t *testing.T) {
		check(t, f.sub(t).browse(http.MethodGet, "/authorize?"+q.Encode(), nil))
	})
	t.Run("POST", func(t *testing.T) {
		g := *f
		g.t = t
		check(t, g.browse(http.MethodPost, "/authorize", q))
	})
}

// What makes the redirect URI doubtful is told to the person, on a page.
func TestAuthorizeRefusesOnAPage(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	f.authorize()
	with := func(uri string) url.Values { return request("redirect_uri", uri) }
	twice := func(name, value string) url.Values {
		q := request()
		q.Add(name, value)
		return q
	}
	for _, row := range []struct {
		clause string
		q      url.Values
		status int
	}{
		{"RFC 6749 §4.1.2.1 client_id missing", request("client_id", ""), 400},
		{"RFC 6749 §4.1.2.1 client_id unknown", request("client_id", "nobody"), 400},
		{"RFC 6749 §3.1 client_id twice", twice("client_id", "web"), 400},
		{"ATK-185 redirect_uri missing, two registered", with(""), 400},
		{"ATK-185 redirect_uri missing, one registered", request("client_id", "other", "redirect_uri", ""), 400},
		{"ATK-185 redirect_uri twice", twice("redirect_uri", redirectURI), 400},
		{"ATK-185 redirect_uri and another", twice("redirect_uri", "https://evil.example/cb"), 400},
		{"ATK-185 redirect_uri of 10 KB", with("https://app.example/cb/" + strings.Repeat("a", 10<<10)), 400},
		{"ATK-175 suffix", with("https://app.example.evil.com/cb"), 400},
		{"ATK-175 longer host", with("https://app.examplevil/cb"), 400},
		{"ATK-175 host in path", with("https://evil/app.example/cb"), 400},
		{"ATK-175 prefixed host", with("https://xapp.example/cb"), 400},
		{"ATK-176 userinfo", with("https://app.example@evil/cb"), 400},
		{"ATK-176 two at signs", with("https://a@b@app.example/cb"), 400},
		{"ATK-176 user, password, fragment", with("https://user:pass@evil#app.example/cb"), 400},
		{"ATK-176 escaped at sign", with("https://app.example%40evil/cb"), 400},
		{"ATK-176 port and at sign", with("https://app.example:443@evil/"), 400},
		{"ATK-177 dot segments", with("https://app.example/cb/../x"), 400},
		{"ATK-177 escaped dot segments", with("https://app.example/cb/%2e%2e/x"), 400},
		{"ATK-177 semicolon segments", with("https://app.example/cb/..;/x"), 400},
		{"ATK-177 escaped slashes", with("https://app.example/cb%2f..%2fx"), 400},
		{"ATK-177 escaped twice", with("https://app.example/cb/%252e%252e/"), 400},
		{"ATK-177 two slashes", with("https://app.example//cb"), 400},
		{"ATK-178 longer value", with("https://app.example/cb?foo=bara"), 400},
		{"ATK-178 value added", with("https://app.example/cb?foo=bar&x=y"), 400},
		{"ATK-178 value before", with("https://app.example/cb?x=y&foo=bar"), 400},
		{"ATK-178 name alone", with("https://app.example/cb?foo"), 400},
		{"ATK-178 question mark", with("https://app.example/cb?"), 400},
		{"ATK-179 empty fragment", with(redirectURI + "#"), 400},
		{"ATK-179 fragment", with(redirectURI + "#x"), 400},
		{"RFC 9700 §2.1 scheme", with("http://app.example/cb"), 400},
		{"RFC 9700 §2.1 scheme in upper case", with("HTTPS://app.example/cb"), 400},
		{"RFC 9700 §2.1 host in upper case", with("https://APP.example/cb"), 400},
		{"RFC 9700 §2.1 default port", with("https://app.example:443/cb"), 400},
		{"RFC 9700 §2.1 trailing slash", with("https://app.example/cb/"), 400},
		{"RFC 9700 §2.1 white space", with(redirectURI + " "), 400},
		{"RFC 9700 §2.1 line break", with(redirectURI + "\r\nX: y"), 400},
		{"ATK-183 script", with("javascript:alert(1)"), 400},
		{"registered for another client", request("client_id", "native", "redirect_uri", redirectURI), 400},
		{"conformance: bad redirect_uri outside a request object", request("redirect_uri", "https://evil.example/cb", "request", "e30.e30."), 400},
		{"a state too long to be given back", request("state", strings.Repeat("s", 4097)), 400},
	} {
		t.Run(row.clause, func(t *testing.T) {
			f.eachMethod(t, row.q, func(t *testing.T, a answer) { a.page(t, row.status) })
		})
	}
	for clause, raw := range map[string]string{
		"broken escape":                        "client_id=web&redirect_uri=%zz",
		"semicolon (Go drops the pair)":        request().Encode() + ";state=x",
		"ATK-338 201 parameters":               request().Encode() + strings.Repeat("&a=b", 200),
		"ATK-338 100 000 parameters, 16 KB up": strings.Repeat("&a", 9000) + "&" + request().Encode(),
	} {
		t.Run(clause, func(t *testing.T) {
			a := f.sub(t).browse(http.MethodGet, "/authorize?"+raw, nil)
			if a.status == http.StatusRequestURITooLong {
				a.page(t, http.StatusRequestURITooLong)
				return
			}
			a.page(t, http.StatusBadRequest)
		})
	}
}

// Everything else is told to the client, with its state as it was.
func TestAuthorizeRefusesByRedirect(t *testing.T) {
	noGrant := webClient
	noGrant.ClientID, noGrant.GrantTypes = "nogrant", []string{"client_credentials"}
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{webClient, publicClient, noGrant}})
	id := f.tokens().ID
	canary := newCanary(t)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(id, ".")[1] + "."
	for _, row := range []struct {
		clause string
		want   oidckit.ErrorCode
		with   []string
	}{
		{"conformance: response_type missing", oidckit.InvalidRequest, []string{"response_type", ""}},
		{"response_type is case sensitive", oidckit.UnsupportedResponseType, []string{"response_type", "Code"}},
		{"ATK-187 unknown", oidckit.InvalidRequest, []string{"response_mode", "smoke"}},
		{"RFC 6749 §4.1.2.1 unauthorized_client", oidckit.UnauthorizedClient, []string{"client_id", "nogrant"}},
		{"ATK-199 request object without signature", oidckit.RequestNotSupported, []string{"request", unsigned}},
		{"ATK-198 link-local", oidckit.RequestURINotSupported, []string{"request_uri", "http://169.254.169.254/"}},
		{"ATK-198 loopback", oidckit.RequestURINotSupported, []string{"request_uri", canary.url}},
		{"ATK-198 file", oidckit.RequestURINotSupported, []string{"request_uri", "file:///etc/passwd"}},
		{"Core §7.2.1 registration", oidckit.RegistrationNotSupported, []string{"registration", "{}"}},
		{"ASVS 10.4.6 no PKCE", oidckit.InvalidRequest, []string{"code_challenge", "", "code_challenge_method", ""}},
		{"RFC 9700 §2.1.1 public, no PKCE", oidckit.InvalidRequest, []string{"client_id", "spa", "code_challenge", "", "code_challenge_method", ""}},
		{"RFC 7636 §4.3 method absent means plain", oidckit.InvalidRequest, []string{"code_challenge_method", ""}},
		{"conformance: plain", oidckit.InvalidRequest, []string{"code_challenge_method", "plain", "code_challenge", verifier}},
		{"unknown method", oidckit.InvalidRequest, []string{"code_challenge_method", "S512"}},
		{"method in lower case", oidckit.InvalidRequest, []string{"code_challenge_method", "s256"}},
		{"method without challenge", oidckit.InvalidRequest, []string{"code_challenge", ""}},
		{"short challenge", oidckit.InvalidRequest, []string{"code_challenge", challengeOf(verifier)[:42]}},
		{"long challenge", oidckit.InvalidRequest, []string{"code_challenge", challengeOf(verifier) + "A"}},
		{"challenge with padding", oidckit.InvalidRequest, []string{"code_challenge", challengeOf(verifier)[:42] + "="}},
		{"challenge in base64", oidckit.InvalidRequest, []string{"code_challenge", challengeOf(verifier)[:42] + "+"}},
		{"RFC 6749 §3.3 scope with two spaces", oidckit.InvalidScope, []string{"scope", "openid  profile"}},
		{"RFC 6749 §3.3 scope with a quotation mark", oidckit.InvalidScope, []string{"scope", `openid "`}},
		{"no scope that exists", oidckit.InvalidScope, []string{"scope", "nonsense"}},
		{"no scope that the client may have", oidckit.InvalidScope, []string{"client_id", "spa", "scope", "orders:read"}},
		{"ATK-213 relative", oidckit.InvalidTarget, []string{"resource", "/orders"}},
		{"ATK-213 fragment", oidckit.InvalidTarget, []string{"resource", ordersAPI + "#x"}},
		{"ATK-213 empty fragment", oidckit.InvalidTarget, []string{"resource", ordersAPI + "#"}},
		{"ATK-213 unknown", oidckit.InvalidTarget, []string{"resource", "https://unknown.example"}},
		{"Core §3.1.2.1 prompt unknown", oidckit.InvalidRequest, []string{"prompt", "create"}},
		{"ATK-193 none with another", oidckit.InvalidRequest, []string{"prompt", "none login"}},
		{"max_age negative", oidckit.InvalidRequest, []string{"max_age", "-1"}},
		{"max_age with a sign", oidckit.InvalidRequest, []string{"max_age", "+1"}},
		{"max_age of words", oidckit.InvalidRequest, []string{"max_age", "soon"}},
		{"max_age with a fraction", oidckit.InvalidRequest, []string{"max_age", "1.5"}},
		{"max_age beyond all numbers", oidckit.InvalidRequest, []string{"max_age", "99999999999999999999"}},
		{"nonce of 1025 bytes", oidckit.InvalidRequest, []string{"nonce", strings.Repeat("n", 1025)}},
		{"nonce that is not UTF-8", oidckit.InvalidRequest, []string{"nonce", "n\xff"}},
		{"nonce with a NUL", oidckit.InvalidRequest, []string{"nonce", "n\x00"}},
		{"more than can wait in a URL", oidckit.InvalidRequest, []string{"prompt", "login", "login_hint", strings.Repeat("h", 9<<10)}},
		{"id_token_hint junk", oidckit.InvalidRequest, []string{"id_token_hint", "junk"}},
		{"id_token_hint without signature", oidckit.InvalidRequest, []string{"id_token_hint", unsigned}},
		{"id_token_hint cut short", oidckit.InvalidRequest, []string{"id_token_hint", id[:len(id)-4]}},
	} {
		t.Run(row.clause, func(t *testing.T) {
			q := request(append([]string{"state", oddState}, row.with...)...)
			f.eachMethod(t, q, func(t *testing.T, a answer) { a.refusal(t, row.want, f.base, oddState) })
		})
	}
	if n := canary.hits.Load(); n != 0 {
		t.Errorf("ATK-198: %d requests went out", n)
	}
}

// RFC 6749 §3.1, §4.1.2.1: a repeated parameter is invalid_request. Of two
// states none is given back.
func TestAuthorizeRefusesRepeatedParameters(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	f.authorize()
	for _, name := range []string{
		"response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age",
		"id_token_hint", "login_hint", "ui_locales", "acr_values", "response_mode", "request", "request_uri", "display", "unheard_of",
	} {
		t.Run(name, func(t *testing.T) {
			q := request("state", oddState)
			q.Del(name)
			q[name] = []string{"one", "two"}
			state := oddState
			if name == "state" {
				state = ""
			}
			f.eachMethod(t, q, func(t *testing.T, a answer) { a.refusal(t, oidckit.InvalidRequest, f.base, state) })
		})
	}
	t.Run("ATK-213 resource 50 times", func(t *testing.T) {
		q := request("state", oddState)
		for range 50 {
			q.Add("resource", ordersAPI)
		}
		f.eachMethod(t, q, func(t *testing.T, a answer) { a.refusal(t, oidckit.InvalidTarget, f.base, oddState) })
	})
}

// canary is a server that nobody should call.
type canary struct {
	url  string
	hits atomic.Int64
}

func newCanary(t *testing.T) *canary {
	c := &canary{}
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { c.hits.Add(1) }))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}
