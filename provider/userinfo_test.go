package provider_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// everything is a user with all claims of OpenID Connect Core 1.0 §5.1.
var everything = map[string]any{
	"sub": "everything", "name": "Zoë Example", "family_name": "Example", "given_name": "Zoë", "middle_name": "M", "nickname": "zo",
	"preferred_username": "zoe", "profile": "https://example.com/zoe", "picture": "https://example.com/zoe.png",
	"website": "https://zoe.example", "gender": "female", "birthdate": "1990-01-31", "zoneinfo": "Europe/Berlin", "locale": "de-DE",
	"updated_at": 1700000000, "email": "zoe@example.com", "email_verified": true, "phone_number": "+49 30 123", "phone_number_verified": false,
	"address": map[string]any{"formatted": "Street 1", "country": "DE"},
	"salary":  1, "nothing": nil, "empty": "",
}

// RFC 6750 §2: the ways to send a token, one at a time, and never the query.
func TestUserinfoBearerToken(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	good := f.token(codeForm(f.code())).Access
	const formType = "application/x-www-form-urlencoded"
	type request struct {
		method, query, contentType, body string
		auth                             []string
	}
	bearer := []string{"Bearer " + good}
	inForm := url.Values{"access_token": {good}}.Encode()
	for _, row := range []struct {
		clause string
		r      request
		status int
		code   string
	}{
		{"conformance: GET, header", request{method: "GET", auth: bearer}, 200, ""},
		{"conformance: POST, header, empty form", request{method: "POST", contentType: formType, auth: bearer}, 200, ""},
		{"POST, header, no body", request{method: "POST", auth: bearer}, 200, ""},
		{"conformance: POST, form", request{method: "POST", contentType: formType, body: inForm}, 200, ""},
		{"RFC 9110 §11.1 scheme in lower case", request{method: "GET", auth: []string{"bearer " + good}}, 200, ""},
		{"RFC 6750 §3.1 nothing", request{method: "GET"}, 401, ""},
		{"another scheme", request{method: "GET", auth: []string{"Basic d2ViOng="}}, 401, ""},
		{"query", request{method: "GET", query: "?access_token=" + good}, 400, "invalid_request"},
		{"query and header", request{method: "GET", query: "?access_token=" + good, auth: bearer}, 400, "invalid_request"},
		{"RFC 6750 §2 header and form", request{method: "POST", contentType: formType, body: inForm, auth: bearer}, 400, "invalid_request"},
		{"form twice", request{method: "POST", contentType: formType, body: inForm + "&" + inForm}, 400, "invalid_request"},
		{"two headers", request{method: "GET", auth: append(bearer, bearer...)}, 400, "invalid_request"},
		{"no token", request{method: "GET", auth: []string{"Bearer "}}, 400, "invalid_request"},
		{"scheme alone", request{method: "GET", auth: []string{"Bearer"}}, 400, "invalid_request"},
		{"two tokens", request{method: "GET", auth: []string{"Bearer " + good + " " + good}}, 400, "invalid_request"},
		{"a list", request{method: "GET", auth: []string{"Bearer " + good + ", Bearer x"}}, 400, "invalid_request"},
		{"form in a GET", request{method: "GET", contentType: formType, body: inForm}, 401, ""},
		{"JSON body", request{method: "POST", contentType: "application/json", body: `{"access_token":"` + good + `"}`}, 401, ""},
		{"a form of 100 KB", request{method: "POST", contentType: formType, body: inForm + "&x=" + strings.Repeat("x", 100<<10)}, 413, "invalid_request"},
		{"PUT", request{method: "PUT", auth: bearer}, 405, "invalid_request"},
		{"HEAD", request{method: "HEAD", auth: bearer}, 405, "invalid_request"},
	} {
		t.Run(row.clause, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), row.r.method, f.base+"/userinfo"+row.r.query, strings.NewReader(row.r.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header["Authorization"] = row.r.auth
			if row.r.contentType != "" {
				req.Header.Set("Content-Type", row.r.contentType)
			}
			a := f.send(f.client, req)
			a.bearerError(t, row.status, row.code)
			if row.status == 200 && !strings.Contains(a.body, `"sub":"`+oidctest.Subject+`"`) {
				t.Errorf("%s", a.body)
			}
		})
	}
}

// bearerError checks an answer to a bearer token (RFC 6750 §3).
func (a answer) bearerError(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("want %d, got %d %v %s", status, a.status, a.header, a.body)
	}
	challenge := a.header.Get("WWW-Authenticate")
	switch {
	case status < 400:
		if challenge != "" {
			t.Errorf("challenge %q", challenge)
		}
		return
	case !strings.HasPrefix(challenge, "Bearer "):
		t.Errorf("challenge %q", challenge)
	case code == "" && strings.Contains(challenge+a.body, "error"):
		t.Errorf("RFC 6750 §3.1: nothing to say about a request without a token: %q %s", challenge, a.body)
	case code != "" && !strings.Contains(challenge, `error="`+code+`"`):
		t.Errorf("challenge %q, want %s", challenge, code)
	}
}

// ATK-255, ATK-157 and OpenID Connect Core 1.0 §5.3: which tokens open it.
func TestATK255UserinfoRefusals(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	res := f.tokens("scope", "openid email offline_access orders:read")
	stranger := newFixture(t, oidctest.Config{})
	payload := decode(t, res.Access, 1)
	kid := part(t, res.Access, 0)["kid"].(string)
	openidless := f.token(refreshForm(f.tokens().Refresh, "scope", "email"))
	for _, row := range []struct {
		clause, token string
		status        int
		code          string
	}{
		{"no openid", openidless.Access, 403, "insufficient_scope"},
		{"client credentials", f.token(f.as("machine", url.Values{"grant_type": {"client_credentials"}})).Access, 401, "invalid_token"},
		{"an ID token", res.ID, 401, "invalid_token"},
		{"a refresh token", res.Refresh, 401, "invalid_token"},
		{"opaque junk", "junk", 401, "invalid_token"},
		{"dots", "a.b.c", 401, "invalid_token"},
		{"of another issuer", stranger.tokens().Access, 401, "invalid_token"},
		{"foreign key, own kid", sign(t, "ES256", kid, "at+jwt", payload), 401, "invalid_token"},
		{"unsigned", encode(`{"alg":"none","typ":"at+jwt"}`) + "." + strings.Split(res.Access, ".")[1] + ".", 401, "invalid_token"},
		{"ATK-157 cut short", res.Access[:len(res.Access)-1], 401, "invalid_token"},
		{"ATK-157 longer", res.Access + "A", 401, "invalid_token"},
		{"of 20 KB", strings.Repeat("A", 20<<10), 401, "invalid_token"},
		{"an encrypted token", "a.b.c.d.e", 401, "invalid_token"},
	} {
		t.Run(row.clause, func(t *testing.T) { f.userinfo(row.token).bearerError(t, row.status, row.code) })
	}
	if got := f.userinfo(openidless.Access).header.Get("WWW-Authenticate"); !strings.Contains(got, `scope="openid"`) {
		t.Errorf("RFC 6750 §3: %q does not say what is needed", got)
	}
	if !f.alive(res.Access) {
		t.Error("I7: the right token does not work")
	}
	t.Run("machine with openid in its registration", func(t *testing.T) {
		web := f.token(url.Values{"grant_type": {"client_credentials"}})
		if a := f.userinfo(web.Access); a.status != 401 && a.status != 403 {
			t.Errorf("%d", a.status)
		}
	})
}

func TestAccessTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) { c.Lifetimes.AccessToken = 5 * time.Minute })
		res := f.tokens()
		if res.Expires != 300 {
			t.Errorf("expires_in %d", res.Expires)
		}
		time.Sleep(299 * time.Second)
		if !f.alive(res.Access) {
			t.Error("too early")
		}
		time.Sleep(time.Second)
		f.userinfo(res.Access).bearerError(t, 401, "invalid_token")
	})
}

// OpenID Connect Core 1.0 §5.4, §5.3.2 and conformance scope-*: each scope
// brings its claims, with the right types, and nothing else.
func TestUserinfoClaims(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "zoe", PasswordHash: aliceHash, Claims: everything}}})
	f.browser.Username = "zoe"
	names := map[string][]string{
		"profile": {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"},
		"email":   {"email", "email_verified"},
		"address": {"address"},
		"phone":   {"phone_number", "phone_number_verified"},
	}
	for _, scope := range []string{"openid", "openid profile", "openid email", "openid address", "openid phone", "openid profile email address phone"} {
		t.Run(scope, func(t *testing.T) {
			g := *f
			g.t = t
			res := g.token(codeForm(g.code("scope", scope)))
			a := g.userinfo(res.Access)
			got := map[string]any{}
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.header.Get("Content-Type") != "application/json" {
				t.Fatal(err, a.header)
			}
			want := []string{"sub"}
			for _, s := range strings.Fields(scope) {
				want = append(want, names[s]...)
			}
			if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, slices.Sorted(slices.Values(want))) {
				t.Errorf("claims %v, want %v", have, want)
			}
			for name, v := range got {
				if w, err := json.Marshal(everything[name]); err != nil {
					t.Fatal(err)
				} else if have, _ := json.Marshal(v); string(have) != string(w) && name != "updated_at" {
					t.Errorf("%s = %s, want %s", name, have, w)
				}
			}
			if !strings.Contains(scope, "profile") {
				return
			}
			if !strings.Contains(a.body, `"updated_at":1700000000`) {
				t.Errorf("updated_at: %s", a.body)
			}
			// Conformance: scope claims are not in the ID token.
			for name := range claims(t, res.ID) {
				if slices.Contains(names["profile"], name) || slices.Contains(names["email"], name) {
					t.Errorf("ID token has %s", name)
				}
			}
		})
	}
}
