package handlers_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	clientID     = "webapp"
	clientSecret = "canary-client-secret: with % and +"
	canaryAccess = "canary-access-token"
	canaryFresh  = "canary-refresh-token"
)

// script is what a test changes of the fake issuer's answers. Every hook may be
// nil.
type script struct {
	// metadata, claims, tokens and userinfo change documents before they go out.
	metadata func(m map[string]any)
	claims   func(c map[string]any)
	tokens   func(answer map[string]any)
	userinfo func(c map[string]any)
	// idToken makes the ID token in place of the issuer.
	idToken func(claims map[string]any) string
	// front changes the claims of an ID token that comes with the response.
	front func(claims map[string]any)
	// signed changes the claims of a response that is a JWT, jarm makes it.
	signed func(claims map[string]any)
	jarm   func(claims map[string]any) string
	// respond changes the parameters of the authorization response.
	respond func(q url.Values)
	// serve answers a path in place of the issuer, where it returns true.
	serve func(w http.ResponseWriter, r *http.Request) bool
	typ   string
	// mediaType is that of the token response.
	mediaType string
}

// idp is a scriptable issuer. It checks PKCE, the client and the redirect URI
// for real, and signs with RS256.
type idp struct {
	*httptest.Server
	t      *testing.T
	signer *jose.Signer

	mu       sync.Mutex
	script   script
	codes    map[string]url.Values
	hits     map[string]int
	requests []url.Values
	exchange http.Header
	form     url.Values
	subject  string
	// grants holds the refresh tokens that are good, spent those that were.
	grants map[string]url.Values
	spent  map[string]bool
	replay int
}

// testKeys are made once: RSA keys take their time.
var testKeys = sync.OnceValue(func() map[string]*jose.Signer {
	out := map[string]*jose.Signer{}
	for _, alg := range []string{"RS256", "ES256"} {
		out[alg] = newSigner(alg, "kid-"+alg)
	}
	out["foreign"], out["nameless"] = newSigner("RS256", "kid-RS256"), newSigner("RS256", "")
	return out
})

func newSigner(alg, kid string) *jose.Signer {
	key, err := jose.GenerateKey(alg)
	if err != nil {
		panic(err)
	}
	s, err := jose.NewSigner(alg, kid, key)
	if err != nil {
		panic(err)
	}
	return s
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{t: t, signer: testKeys()["RS256"], codes: map[string]url.Values{}, hits: map[string]int{}, subject: "alice",
		grants: map[string]url.Values{}, spent: map[string]bool{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serveHTTP))
	t.Cleanup(p.Close)
	return p
}

// play replaces the script.
func (p *idp) play(s script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
}

func (p *idp) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits[path]
}

// lastRequest returns the parameters of the last authorization request.
func (p *idp) lastRequest() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		return nil
	}
	return p.requests[len(p.requests)-1]
}

func (p *idp) serveHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.hits[r.URL.Path]++
	s := p.script
	p.mu.Unlock()
	if s.serve != nil && s.serve(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.serveMetadata(w, s)
	case "/jwks":
		data, _ := jose.MarshalJWKS([]jose.JWK{{KeyID: p.signer.KeyID(), Algorithm: p.signer.Algorithm(), Use: "sig", Key: p.signer.Public()}})
		w.Write(data)
	case "/authorize":
		p.serveAuthorize(w, r, s)
	case "/token":
		p.serveToken(w, r, s)
	case "/userinfo":
		p.serveUserinfo(w, r, s)
	default:
		fmt.Fprintf(w, "idp page %s", r.URL.Path)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (p *idp) serveMetadata(w http.ResponseWriter, s script) {
	m := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"userinfo_endpoint": p.URL + "/userinfo", "jwks_uri": p.URL + "/jwks", "end_session_endpoint": p.URL + "/logout",
		"authorization_response_iss_parameter_supported": true,
	}
	if s.metadata != nil {
		s.metadata(m)
	}
	writeJSON(w, http.StatusOK, m)
}

func (p *idp) serveAuthorize(w http.ResponseWriter, r *http.Request, s script) {
	in := r.URL.Query()
	code := "canary-code-" + secret.ID()
	p.mu.Lock()
	p.codes[code] = in
	p.requests = append(p.requests, in)
	p.mu.Unlock()
	out := p.response(in, code, s)
	if s.respond != nil {
		s.respond(out)
	}
	p.sendBack(w, r, in, out, s)
}

func (p *idp) serveToken(w http.ResponseWriter, r *http.Request, s script) {
	r.ParseForm()
	p.mu.Lock()
	request, ok := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	p.exchange, p.form = r.Header.Clone(), maps.Clone(r.PostForm)
	p.mu.Unlock()
	if r.PostForm.Get("grant_type") == "refresh_token" {
		p.serveRefresh(w, r, s)
		return
	}
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != request.Get("code_challenge") || request.Get("code_challenge_method") != "S256" ||
		r.PostForm.Get("redirect_uri") != request.Get("redirect_uri") {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	p.answerTokens(w, s, request)
}

// serveRefresh implements RFC 6749 §6 with rotation: a refresh token that comes
// twice ends its grant.
func (p *idp) serveRefresh(w http.ResponseWriter, r *http.Request, s script) {
	token := r.PostForm.Get("refresh_token")
	p.mu.Lock()
	p.hits["refresh"]++
	request, ok := p.grants[token]
	delete(p.grants, token)
	if p.spent[token] {
		p.replay++
		clear(p.grants)
	}
	p.spent[token] = ok
	p.mu.Unlock()
	if !ok {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	p.answerTokens(w, s, request)
}

func (p *idp) answerTokens(w http.ResponseWriter, s script, request url.Values) {
	claims, fresh := p.idClaims(request), canaryFresh+"-"+secret.ID()
	p.mu.Lock()
	p.grants[fresh] = request
	p.mu.Unlock()
	if request.Has("auth_time") {
		claims["auth_time"], _ = strconv.ParseInt(request.Get("auth_time"), 10, 64)
	}
	request.Set("auth_time", fmt.Sprint(claims["auth_time"]))
	if s.claims != nil {
		s.claims(claims)
	}
	answer := map[string]any{
		"access_token": accessTokenOf(claims), "token_type": "Bearer", "expires_in": 3600,
		"refresh_token": fresh, "id_token": p.sign(s, claims),
	}
	if s.tokens != nil {
		s.tokens(answer)
	}
	if s.mediaType != "" {
		w.Header().Set("Content-Type", s.mediaType)
		json.NewEncoder(w).Encode(answer)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// idClaims are those of a good ID token.
func (p *idp) idClaims(request url.Values) map[string]any {
	now := time.Now().Unix()
	p.mu.Lock()
	defer p.mu.Unlock()
	return map[string]any{
		"iss": p.URL, "sub": p.subject, "aud": clientID, "exp": now + 300, "iat": now, "nonce": request.Get("nonce"),
		"auth_time": now, "sid": "sid-1", "acr": "silver", "amr": []string{"pwd"},
	}
}

// accessTokenOf names the subject, for userinfo.
func accessTokenOf(claims map[string]any) string {
	return canaryAccess + "-" + hex.EncodeToString([]byte(claimText(claims["sub"])))
}

func claimText(v any) string {
	s, _ := v.(string)
	return s
}

func (p *idp) sign(s script, claims map[string]any) string {
	if s.idToken != nil {
		return s.idToken(claims)
	}
	typ := s.typ
	if typ == "" {
		typ = "JWT"
	}
	return signWith(p.signer, typ, claims)
}

func signWith(signer *jose.Signer, typ string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	token, err := signer.Sign(typ, payload)
	if err != nil {
		panic(err)
	}
	return token
}

func (p *idp) serveUserinfo(w http.ResponseWriter, r *http.Request, s script) {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "+canaryAccess+"-")
	subject, err := hex.DecodeString(bearer)
	if !ok || err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := map[string]any{"sub": string(subject), "name": "Alice Adams", "email": "alice@example.com", "email_verified": true}
	if s.userinfo != nil {
		s.userinfo(claims)
	}
	writeJSON(w, http.StatusOK, claims)
}
