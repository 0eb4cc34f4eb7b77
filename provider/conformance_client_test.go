package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// The OpenID Foundation's suite as this issuer sees it: clients that send no
// PKCE, and a user with every claim.
const suiteCallback = "https://suite.example/callback"

var allResponseTypes = []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}

func suiteClients() []oidckit.ClientMetadata {
	first := oidckit.ClientMetadata{
		ClientID: "suite", ClientSecret: "suite-secret-suite-secret", RedirectURIs: []string{suiteCallback}, ResponseTypes: allResponseTypes,
		GrantTypes: []string{"authorization_code", "implicit", "refresh_token"},
	}
	second, post := first, first
	second.ClientID, second.ClientSecret = "suite-2", "suite-2-secret-suite-2-secret"
	post.ClientID, post.TokenEndpointAuthMethod = "suite-post", "client_secret_post"
	return []oidckit.ClientMetadata{first, second, post}
}

func suiteIssuer(c *provider.Config) {
	c.AllowConfidentialWithoutPKCE = true
	c.Hybrid, c.Legacy = &provider.Hybrid{AllowAccessTokens: true}, &provider.Legacy{Implicit: true}
}

// suite is the client of a run: one response type in one response mode.
type suite struct {
	*fixture
	responseType, mode string
	// clientID and post are those of a client that has registered itself; nil
	// is one of suiteClients.
	clientID string
	post     func(form url.Values) tokenResponse
	// public is what the issuer publishes to verify its tokens by.
	public []jose.JWK
}

// newSuite starts the issuer of a plan.
func newSuite(t *testing.T) *suite {
	t.Helper()
	f := newFixture(t, oidctest.Config{
		TLS: true, Clients: suiteClients(), Configure: suiteIssuer,
		Users: []provider.Account{{Username: "zoe", PasswordHash: aliceHash, Claims: everything}},
	})
	return &suite{fixture: f}
}

// run is the suite for one module: a new person's browser.
func (s *suite) run(t *testing.T, responseType, mode string) *suite {
	t.Helper()
	r := &suite{fixture: s.sub(t), responseType: responseType, mode: mode}
	r.browser.Username = "zoe"
	r.readKeys()
	return r
}

// readKeys reads what the issuer publishes now.
func (s *suite) readKeys() {
	s.t.Helper()
	a := s.send(s.client, s.newRequest(http.MethodGet, "/jwks", nil))
	var err error
	if s.public, _, err = jose.ParseJWKS([]byte(a.body)); err != nil {
		s.t.Fatal(err)
	}
}

// has reports whether the answer brings something.
func (s *suite) has(what string) bool {
	return slices.Contains(strings.Fields(s.responseType), what)
}

// query is an authorization request with changes.
func (s *suite) query(changes ...string) url.Values {
	q := url.Values{
		"client_id": {"suite"}, "redirect_uri": {suiteCallback}, "scope": {"openid"}, "state": {"the-state"},
		"nonce": {"the-nonce"}, "response_type": {s.responseType},
	}
	if s.mode != "" {
		q.Set("response_mode", s.mode)
	}
	if s.clientID != "" {
		q.Set("client_id", s.clientID)
	}
	return change(q, changes...)
}

// ask walks a request to its end and returns the answer, which must have come
// the way that was asked for.
func (s *suite) ask(changes ...string) url.Values {
	s.t.Helper()
	return s.open(s.query(changes...).Encode())
}

func (s *suite) open(query string) url.Values {
	s.t.Helper()
	callback, err := s.browser.Authorize(s.base + "/authorize?" + query)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.read(callback.String(), s.browser.Posted, s.responseType)
}

// answer reads an answer from where the response type and mode put it.
func (s *suite) read(location string, posted url.Values, responseType string) url.Values {
	s.t.Helper()
	separator := "?"
	if responseType != "code" && responseType != "" {
		separator = "#"
	}
	if s.mode == "form_post" {
		if location != suiteCallback || posted == nil {
			s.t.Fatalf("want a form for %s, got one for %q", suiteCallback, location)
		}
		return posted
	}
	raw, ok := strings.CutPrefix(location, suiteCallback+separator)
	if !ok || posted != nil {
		s.t.Fatalf("want an answer behind %s, got %q", separator, location)
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	return q
}

// happy is an answer without error, checked in every part; the tokens that are
// to be had are in it.
type happy struct {
	front  url.Values
	tokens tokenResponse
	// id are the claims of the ID token that counts: the token endpoint's where
	// there is one.
	id     map[string]any
	access string
}

func (s *suite) happy(changes ...string) happy {
	s.t.Helper()
	return s.check(s.ask(changes...), s.query(changes...))
}

// check looks at an answer as the suite does (OpenID Connect Core 1.0 §3.1.3.7,
// §3.2.2.11, §3.3.2.12).
func (s *suite) check(front, asked url.Values) happy {
	s.t.Helper()
	h := happy{front: front}
	want := []string{"iss", "state"}
	if s.has("code") {
		want = append(want, "code")
	}
	if s.has("id_token") {
		want = append(want, "id_token")
		h.id = s.idToken(front.Get("id_token"), asked, front.Get("code"), front.Get("access_token"))
	}
	if s.has("token") {
		want = append(want, "access_token", "expires_in", "token_type", "scope")
		h.access = front.Get("access_token")
		if front.Get("token_type") != "Bearer" {
			s.t.Errorf("token_type %q", front.Get("token_type"))
		}
	}
	for name, values := range front {
		if !slices.Contains(want, name) || len(values) != 1 {
			s.t.Errorf("parameter %s: %q", name, values)
		}
	}
	if len(front) != len(want) || front.Get("state") != asked.Get("state") || front.Get("iss") != s.base {
		s.t.Fatalf("answer %v, want %v", front, want)
	}
	if s.has("code") {
		if len(front.Get("code")) < 22 {
			s.t.Errorf("code of %d characters", len(front.Get("code")))
		}
		h.tokens = s.redeem(front.Get("code"), asked)
		first := h.id
		h.id, h.access = s.idToken(h.tokens.ID, asked, "", h.tokens.Access), h.tokens.Access
		if first != nil && (first["iss"] != h.id["iss"] || first["sub"] != h.id["sub"] || first["auth_time"] != h.id["auth_time"]) {
			s.t.Errorf("the two ID tokens differ: %v, %v", first, h.id)
		}
	}
	return h
}

func (s *suite) redeem(code string, asked url.Values) tokenResponse {
	s.t.Helper()
	res := s.exchange(code, asked.Get("client_id"))
	if res.status != http.StatusOK || res.Access == "" || res.Type != "Bearer" || res.ID == "" || res.header.Get("Cache-Control") != "no-store" {
		s.t.Fatalf("token response: %+v", res)
	}
	return res
}

// exchange redeems a code as its client authenticates.
func (s *suite) exchange(code, clientID string) tokenResponse {
	s.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {suiteCallback}}
	return s.call(form, clientID)
}

func (s *suite) call(form url.Values, clientID string) tokenResponse {
	s.t.Helper()
	if s.post != nil {
		return s.post(form)
	}
	secret := map[string]string{"suite": "suite-secret-suite-secret", "suite-2": "suite-2-secret-suite-2-secret", "suite-post": "suite-secret-suite-secret"}[clientID]
	if clientID == "suite-post" {
		form = change(form, "client_id", clientID, "client_secret", secret)
	}
	req := s.newRequest(http.MethodPost, "/token", form)
	if clientID != "suite-post" {
		req.SetBasicAuth(clientID, secret)
	}
	return s.do(req)
}

// idToken verifies an ID token and returns its claims.
func (s *suite) idToken(token string, asked url.Values, code, access string) map[string]any {
	s.t.Helper()
	s.verify(token, "RS256")
	c := claims(s.t, token)
	if c["iss"] != s.base || c["aud"] != asked.Get("client_id") || c["sub"] == "" || c["exp"].(float64) <= c["iat"].(float64) {
		s.t.Errorf("ID token %v", c)
	}
	for name, value := range map[string]string{"c_hash": code, "at_hash": access} {
		if _, has := c[name]; value == "" && has || value != "" && c[name] != halfHash(s.t, value) {
			s.t.Errorf("%s = %v", name, c[name])
		}
	}
	if nonce, has := c["nonce"]; has != asked.Has("nonce") || has && nonce != asked.Get("nonce") {
		s.t.Errorf("nonce %v", c["nonce"])
	}
	return c
}

// verify checks a signature by the published keys, which a kid must name.
func (s *suite) verify(token, alg string) {
	s.t.Helper()
	j, err := jose.Parse(token)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(s.public, func(k jose.JWK) bool { return k.KeyID == j.Header.KeyID })
	if j.Header.KeyID == "" || i < 0 || j.Header.Algorithm != alg {
		s.t.Fatalf("alg %q, kid %q", j.Header.Algorithm, j.Header.KeyID)
	}
	if err := j.Verify(alg, s.public[i].Key); err != nil {
		s.t.Fatal(err)
	}
}

// info returns what userinfo says, which must be of the person of the ID token.
func (s *suite) info(h happy) map[string]any {
	s.t.Helper()
	return s.readInfo(s.userinfo(h.access), h)
}

func (s *suite) readInfo(a answer, h happy) map[string]any {
	s.t.Helper()
	doc := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		s.t.Fatalf("userinfo: %d %v %s", a.status, a.header, a.body)
	}
	if doc["sub"] != h.id["sub"] && h.id != nil {
		s.t.Errorf("userinfo is of %v, the ID token of %v", doc["sub"], h.id["sub"])
	}
	return doc
}

// refused asks for what must be refused without a page, and checks the error.
func (s *suite) refused(codes []string, changes ...string) {
	s.t.Helper()
	q := s.query(changes...)
	a := s.browse(http.MethodGet, "/authorize?"+q.Encode(), nil)
	var got url.Values
	if action, fields, ok := oidctest.Form(a.body); ok {
		got = s.read(action, fields, q.Get("response_type"))
	} else {
		got = s.read(a.location, nil, q.Get("response_type"))
	}
	if !slices.Contains(codes, got.Get("error")) || got.Get("state") != q.Get("state") || got.Get("iss") != s.base {
		s.t.Errorf("answer %v, want one of %v", got, codes)
	}
	for name := range got {
		if !slices.Contains([]string{"error", "error_description", "state", "iss"}, name) {
			s.t.Errorf("parameter %s", name)
		}
	}
}
