package tokens_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/opstore"
)

const url = "https://op.example"

func newIssuer(t *testing.T) *tokens.Issuer {
	t.Helper()
	ring, err := oidckit.NewSecrets(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	set := opstore.NewMemory().Open(url)
	m := keys.New(keys.Config{
		Issuer: url, Store: set.Keys, Box: secret.NewBox(ring, "test"), Algorithms: []string{"ES256"},
		RotateEvery: time.Hour, PublishAhead: time.Minute, Retain: time.Hour,
	})
	t.Cleanup(func() { m.Close() })
	return &tokens.Issuer{URL: url, Keys: m, Revocations: set.Revocations, DefaultAlg: "ES256", AccessTokenLifetime: time.Hour, IDTokenLifetime: time.Hour}
}

// sign signs claims with the issuer's own key.
func sign(t *testing.T, i *tokens.Issuer, typ string, base map[string]any, changes map[string]any) string {
	t.Helper()
	all := maps.Clone(base)
	for name, v := range changes {
		all[name] = v
		if v == nil {
			delete(all, name)
		}
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := i.Keys.Signer(t.Context(), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// RFC 8725 §3.11, RFC 9068 §4: of what the issuer's own keys have signed, each
// place takes its own kind.
func TestReadHint(t *testing.T) {
	i := newIssuer(t)
	base := map[string]any{"iss": url, "sub": "alice", "aud": "web", "sid": "s", "exp": 1}
	if h, err := i.ReadHint(t.Context(), sign(t, i, "JWT", base, nil)); err != nil || h.Subject != "alice" || h.ClientID != "web" || h.SessionID != "s" {
		t.Errorf("an ID token: %+v %v", h, err)
	}
	for name, token := range map[string]string{
		"a logout token":        sign(t, i, "logout+jwt", base, nil),
		"an access token":       sign(t, i, "at+jwt", base, nil),
		"no type":               sign(t, i, "", base, nil),
		"of another issuer":     sign(t, i, "JWT", base, map[string]any{"iss": "https://other.example"}),
		"issuer with a slash":   sign(t, i, "JWT", base, map[string]any{"iss": url + "/"}),
		"of nobody":             sign(t, i, "JWT", base, map[string]any{"sub": nil}),
		"a subject of a number": sign(t, i, "JWT", base, map[string]any{"sub": 1}),
		"empty":                 "",
	} {
		if h, err := i.ReadHint(t.Context(), token); !errors.Is(err, tokens.ErrBadHint) {
			t.Errorf("%s: %+v %v", name, h, err)
		}
	}
}

func TestReadAccessToken(t *testing.T) {
	i := newIssuer(t)
	base := map[string]any{
		"iss": url, "sub": "alice", "aud": []string{"https://api.example", url}, "client_id": "web", "scope": "openid email",
		"exp": time.Now().Add(time.Minute).Unix(), "jti": "grant.token",
	}
	read := func(typ string, changes map[string]any) (*tokens.AccessClaims, error) {
		return i.ReadAccessToken(t.Context(), sign(t, i, typ, base, changes))
	}
	if c, err := read("at+jwt", nil); err != nil || c.Subject != "alice" || !c.Scope.Has("email") || c.ClientID != "web" {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := read("AT+JWT", nil); err != nil {
		t.Errorf("RFC 7515 §4.1.9, media types ignore case: %v", err)
	}
	for name, row := range map[string]struct {
		typ     string
		changes map[string]any
	}{
		"an ID token":          {"JWT", nil},
		"a logout token":       {"logout+jwt", nil},
		"no type":              {"", nil},
		"of another issuer":    {"at+jwt", map[string]any{"iss": "https://other.example"}},
		"for an API alone":     {"at+jwt", map[string]any{"aud": []string{"https://api.example"}}},
		"for nobody":           {"at+jwt", map[string]any{"aud": nil}},
		"expired":              {"at+jwt", map[string]any{"exp": time.Now().Unix()}},
		"without an end":       {"at+jwt", map[string]any{"exp": nil}},
		"malformed scope":      {"at+jwt", map[string]any{"scope": "a  b"}},
		"scope of a list":      {"at+jwt", map[string]any{"scope": []string{"openid"}}},
		"audience of a string": {"at+jwt", map[string]any{"aud": url + "x"}},
	} {
		if c, err := read(row.typ, row.changes); !errors.Is(err, oidckit.InvalidToken) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
	for name, id := range map[string]string{"by its own ID": opstore.RevokedTokenID("one.token"), "with its grant": opstore.RevokedGrantID("two")} {
		if err := i.Revocations.Revoke(t.Context(), id, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		jti := map[string]string{"by its own ID": "one.token", "with its grant": "two.token"}[name]
		if _, err := read("at+jwt", map[string]any{"jti": jti}); !errors.Is(err, oidckit.InvalidToken) {
			t.Errorf("revoked %s: %v", name, err)
		}
	}
	if _, err := read("at+jwt", map[string]any{"jti": "one.other"}); err != nil {
		t.Errorf("another token of the grant: %v", err)
	}
}

// A token that was seen is believed by its every byte, and as long as the key
// that has signed it is published.
func TestSeenTokens(t *testing.T) {
	i := newIssuer(t)
	i.Revocations = opstore.NewMemory().Open(url).Revocations
	issued, err := i.AccessToken(t.Context(), tokens.Grantee{
		Client:        &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: "app"}},
		Authorization: &opstore.Authorization{GrantID: "g", Subject: "alice"},
	}, scopes.Target{Audience: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	token := issued.Token
	for range 2 {
		if _, err := i.ReadAccessToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	last := token[len(token)-2]
	for _, c := range []byte("ABab") {
		if forged := token[:len(token)-2] + string(c) + token[len(token)-1:]; c != last {
			if _, err := i.ReadAccessToken(t.Context(), forged); !errors.Is(err, oidckit.InvalidToken) {
				t.Errorf("another signature: %v", err)
			}
		}
	}
	j, err := jose.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Keys.Revoke(t.Context(), j.Header.KeyID); err != nil {
		t.Fatal(err)
	}
	if _, err := i.ReadAccessToken(t.Context(), token); !errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("after its key was revoked: %v", err)
	}
}
