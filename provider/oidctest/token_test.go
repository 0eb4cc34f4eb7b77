package oidctest_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// A minted access token is as good as an issued one: the issuer itself takes
// it at userinfo. With one thing wrong, it does not.
func TestAccessToken(t *testing.T) {
	op := newIssuer(t)
	claims := func(c map[string]any) oidctest.Token {
		c["scope"] = "openid email"
		return oidctest.Token{Claims: c}
	}
	for name, row := range map[string]struct {
		token  oidctest.Token
		status int
	}{
		"good":           {claims(map[string]any{}), 200},
		"RFC 9068 §2.1":  {oidctest.Token{Claims: map[string]any{"scope": "openid"}, Header: map[string]any{"typ": "JWT"}}, 401},
		"issuer":         {claims(map[string]any{"iss": "https://other.example"}), 401},
		"audience":       {claims(map[string]any{"aud": "https://other.example"}), 401},
		"expired":        {claims(map[string]any{"exp": time.Now().Add(-time.Hour)}), 401},
		"no exp":         {claims(map[string]any{"exp": nil}), 401},
		"no scope":       {oidctest.Token{}, 403},
		"by a stranger":  {oidctest.Token{Claims: map[string]any{"scope": "openid"}, Signed: oidctest.ByStranger}, 401},
		"by nobody":      {oidctest.Token{Claims: map[string]any{"scope": "openid"}, Signed: oidctest.ByNobody}, 401},
		"another alg":    {oidctest.Token{Claims: map[string]any{"scope": "openid"}, Header: map[string]any{"alg": "HS256"}}, 401},
		"another kid":    {oidctest.Token{Claims: map[string]any{"scope": "openid"}, Header: map[string]any{"kid": "other"}}, 401},
		"critical claim": {oidctest.Token{Claims: map[string]any{"scope": "openid"}, Header: map[string]any{"crit": []string{"x"}, "x": 1}}, 401},
	} {
		if status, body := userinfo(t, op, op.AccessToken(t, row.token)); status != row.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// Every algorithm signs what is written in the header, whatever stands there;
// a stranger's signature is one, but not the issuer's.
func TestEachAlgorithmSigns(t *testing.T) {
	algs := []string{"ES256", "RS256", "PS256", "EdDSA"}
	op := oidctest.New(t, oidctest.Config{Configure: func(c *provider.Config) { c.SigningAlgs = algs }})
	for _, alg := range algs {
		extra := oidctest.Token{Algorithm: alg, Header: map[string]any{"extra": "member"}}
		genuine := op.IDToken(t, extra)
		header, _ := parts(t, genuine)
		if !signedBy(t, keySet(t, op), genuine) || header["extra"] != "member" || header["alg"] != alg {
			t.Errorf("%s: header %v", alg, header)
		}
		extra.Signed = oidctest.ByStranger
		foreign := op.IDToken(t, extra)
		if theirs, _ := parts(t, foreign); signedBy(t, keySet(t, op), foreign) || !reflect.DeepEqual(header, theirs) {
			t.Errorf("%s: the stranger's header is %v", alg, theirs)
		}
		if _, err := jose.Parse(foreign); err != nil {
			t.Errorf("%s: the stranger's token: %v", alg, err)
		}
	}
	if header, _ := parts(t, op.AccessToken(t, oidctest.Token{})); header["alg"] != "ES256" {
		t.Errorf("access tokens are signed with %v", header["alg"])
	}
	if header, _ := parts(t, op.IDToken(t, oidctest.Token{})); header["alg"] != "RS256" {
		t.Errorf("ID tokens are signed with %v", header["alg"])
	}
}

// An ID token has what the issuer's own has, but for nonce, hash and session.
func TestIDToken(t *testing.T) {
	op := newIssuer(t)
	_, tokens := login(t, op)
	wantHeader, issued := parts(t, tokens["id_token"])
	header, claims := parts(t, op.IDToken(t, oidctest.Token{}))
	if !reflect.DeepEqual(header, wantHeader) {
		t.Errorf("header %v, the issuer's %v", header, wantHeader)
	}
	for _, name := range []string{"iss", "sub", "aud"} {
		if claims[name] != issued[name] {
			t.Errorf("%s is %v, the issuer's %v", name, claims[name], issued[name])
		}
	}
	unsigned := op.IDToken(t, oidctest.Token{Signed: oidctest.ByNobody})
	if header, _ := parts(t, unsigned); header["alg"] != "none" || header["kid"] != nil || !strings.HasSuffix(unsigned, ".") {
		t.Errorf("unsigned: %s", unsigned)
	}
	at := time.Now().Add(-time.Hour)
	_, claims = parts(t, op.IDToken(t, oidctest.Token{Claims: map[string]any{"sub": nil, "exp": at, "groups": []string{"a"}}}))
	if _, ok := claims["sub"]; ok || claims["exp"] != float64(at.Unix()) || claims["groups"] == nil {
		t.Errorf("claims %v", claims)
	}
}

// OpenID Connect Core 1.0 §10.1.1, FLT-10, FLT-12: after a rotation the new key
// signs at once and the old one is still published; a revoked one is gone.
func TestKeysTurnOver(t *testing.T) {
	op := newIssuer(t)
	_, tokens := login(t, op)
	before := tokens["id_token"].(string)
	op.RotateKeys(t)
	_, tokens = login(t, op)
	after := tokens["id_token"].(string)
	minted := op.IDToken(t, oidctest.Token{})
	old, _ := parts(t, before)
	fresh, _ := parts(t, after)
	mine, _ := parts(t, minted)
	if old["kid"] == fresh["kid"] || mine["kid"] != fresh["kid"] {
		t.Errorf("kids before %v, after %v, minted %v", old["kid"], fresh["kid"], mine["kid"])
	}
	if set := keySet(t, op); len(set) != 2 || !signedBy(t, set, before) || !signedBy(t, set, after) || !signedBy(t, set, minted) {
		t.Errorf("%d keys after the rotation", len(set))
	}
	// A key that waits for its time signs nothing.
	if err := op.Provider.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if header, _ := parts(t, op.IDToken(t, oidctest.Token{})); header["kid"] != fresh["kid"] {
		t.Error("signed with the key of tomorrow")
	}
	op.RevokeKeyOf(t, before)
	if set := keySet(t, op); signedBy(t, set, before) || !signedBy(t, set, after) {
		t.Error("the wrong key was revoked")
	}
	op.RevokeKeyOf(t, after)
	_, tokens = login(t, op)
	if set := keySet(t, op); signedBy(t, set, after) || !signedBy(t, set, tokens["id_token"]) || !signedBy(t, set, op.IDToken(t, oidctest.Token{})) {
		t.Error("no new key signs after a revocation")
	}
}

// The ID tokens of the token endpoint carry what the test wants, everything
// else of theirs stays, and so does the rest of the answer.
func TestEditIDTokens(t *testing.T) {
	op := newIssuer(t)
	restore := op.EditIDTokens(t, oidctest.Token{Claims: map[string]any{"nonce": "another", "at_hash": nil}})
	_, tokens := login(t, op)
	_, claims := parts(t, tokens["id_token"])
	if claims["nonce"] != "another" || claims["aud"] != "app" || claims["at_hash"] != nil || !signedBy(t, keySet(t, op), tokens["id_token"]) {
		t.Errorf("claims %v", claims)
	}
	if tokens["expires_in"] != float64(3600) || tokens["token_type"] != "Bearer" {
		t.Errorf("answer %v", tokens)
	}
	if status, body := exchange(t, op, "no such code"); status != 400 || !json.Valid([]byte(body)) {
		t.Errorf("%d %s", status, body)
	}
	restore()
	_, tokens = login(t, op)
	if _, claims := parts(t, tokens["id_token"]); claims["nonce"] != "the nonce" || claims["at_hash"] == nil {
		t.Errorf("restored, and the claims are %v", claims)
	}
	op.EditIDTokens(t, oidctest.Token{Algorithm: "RS256"})
	callback, err := op.NewBrowser(t).Authorize(authorizationURL(op))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := exchange(t, op, callback.Query().Get("code")); status != 500 || !strings.Contains(body, "no RS256 key") {
		t.Errorf("an algorithm that the issuer has not: %d %s", status, body)
	}
}
