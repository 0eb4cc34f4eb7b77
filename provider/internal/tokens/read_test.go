package tokens_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/internal/subject"
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
	if err := set.Registrations.CreateRegistration(t.Context(), &opstore.Registration{Client: opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: "web"}}}); err != nil {
		t.Fatal(err)
	}
	return &tokens.Issuer{
		Clients: set.Registrations, Subjects: subject.New(bytes.Repeat([]byte{2}, 32)), LocalSubjects: secret.NewBox(ring, "test subjects"),
		URL: url, Keys: m, Revocations: set.Revocations, DefaultAlg: "ES256", AccessTokenLifetime: time.Hour, IDTokenLifetime: time.Hour,
	}
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
	for name, row := range map[string]struct {
		changes  map[string]any
		clientID string
		audience int
	}{
		"one audience in a list":             {map[string]any{"aud": []string{"web"}}, "web", 1},
		"two audiences, and who has asked":   {map[string]any{"aud": []string{"web", "api"}, "azp": "web"}, "web", 2},
		"two audiences, and not who asked":   {map[string]any{"aud": []string{"web", "api"}}, "", 2},
		"one audience, which has asked":      {map[string]any{"azp": "web"}, "web", 1},
		"an ID token that has expired":       {map[string]any{"exp": 1}, "web", 1},
		"an ID token without a session":      {map[string]any{"sid": nil}, "web", 1},
		"claims that are of no concern here": {map[string]any{"amr": "pwd", "auth_time": "x"}, "web", 1},
	} {
		if h, err := i.ReadHint(t.Context(), sign(t, i, "JWT", base, row.changes)); err != nil || h.ClientID != row.clientID || len(h.Audience) != row.audience {
			t.Errorf("%s: %+v %v", name, h, err)
		}
	}
	for name, token := range map[string]string{
		"no audience":              sign(t, i, "JWT", base, map[string]any{"aud": nil}),
		"an audience of a number":  sign(t, i, "JWT", base, map[string]any{"aud": 1}),
		"who asked is no audience": sign(t, i, "JWT", base, map[string]any{"azp": "evil"}),
		"a logout token":           sign(t, i, "logout+jwt", base, nil),
		"an access token":          sign(t, i, "at+jwt", base, nil),
		"no type":                  sign(t, i, "", base, nil),
		"of another issuer":        sign(t, i, "JWT", base, map[string]any{"iss": "https://other.example"}),
		"issuer with a slash":      sign(t, i, "JWT", base, map[string]any{"iss": url + "/"}),
		"of nobody":                sign(t, i, "JWT", base, map[string]any{"sub": nil}),
		"a subject of a number":    sign(t, i, "JWT", base, map[string]any{"sub": 1}),
		"empty":                    "",
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
		Client:        &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: "web"}},
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

// OpenID Connect Core 1.0 §8.1: the access token of a pairwise client names the
// person as the client does, and the issuer alone knows who that is.
func TestPairwiseAccessToken(t *testing.T) {
	i := newIssuer(t)
	client := &opstore.Client{Metadata: oidckit.ClientMetadata{
		ClientID: "web", SubjectType: "pairwise", RedirectURIs: []string{"https://app.example/cb"}, IDTokenSignedResponseAlg: "ES256",
	}}
	g := tokens.Grantee{Client: client, Authorization: &opstore.Authorization{GrantID: "g", Subject: "alice", Scope: oidckit.Scope{"openid"}}}
	issue := func() string {
		access, err := i.AccessToken(t.Context(), g, scopes.Target{Audience: []string{url}, Scope: oidckit.Scope{"openid"}})
		if err != nil {
			t.Fatal(err)
		}
		return access.Token
	}
	token := issue()
	payload := decoded(t, token)
	if strings.Contains(string(payload), "alice") {
		t.Errorf("the token tells who it is: %s", payload)
	}
	c, err := i.ReadAccessToken(t.Context(), token)
	if err != nil || c.Subject != "alice" || c.TokenSubject != i.Subjects.For(client, "alice") || c.Client == nil {
		t.Errorf("%+v %v", c, err)
	}
	var one, other map[string]any
	if err := errors.Join(json.Unmarshal(payload, &one), json.Unmarshal(decoded(t, issue()), &other)); err != nil {
		t.Fatal(err)
	}
	if one["local_sub"] == other["local_sub"] {
		t.Error("two tokens of a person can be joined by local_sub")
	}
	logout, err := i.LogoutToken(t.Context(), client, &opstore.Delivery{ID: "d", Subject: "alice"})
	if err != nil || strings.Contains(string(decoded(t, logout)), "alice") || !strings.Contains(string(decoded(t, logout)), c.TokenSubject) {
		t.Errorf("the logout token: %v", err)
	}
	// What was sealed into one token is nothing in another one.
	moved := sign(t, i, "at+jwt", one, map[string]any{"jti": "g.other"})
	if _, err := i.ReadAccessToken(t.Context(), moved); !errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("a subject of another token: %v", err)
	}
}

func decoded(t *testing.T, token string) []byte {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// A token ends with its client, and does not come back with another one that
// has its client_id.
func TestTokenOfAClientThatIsGone(t *testing.T) {
	i := newIssuer(t)
	store := i.Clients.(opstore.Registrations)
	base := map[string]any{
		"iss": url, "sub": "alice", "aud": []string{url}, "client_id": "web", "scope": "openid", "iat": time.Now().Add(-time.Minute).Unix(),
		"exp": time.Now().Add(time.Minute).Unix(), "jti": "grant.token",
	}
	read := func(changes map[string]any) error {
		_, err := i.ReadAccessToken(t.Context(), sign(t, i, "at+jwt", base, changes))
		return err
	}
	if err := read(nil); err != nil {
		t.Fatal(err)
	}
	if err := store.DeleteRegistration(t.Context(), "web", 0); err != nil {
		t.Fatal(err)
	}
	if err := read(nil); !errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("a deleted client: %v", err)
	}
	again := &opstore.Registration{Client: opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: "web"}, CreatedAt: time.Now()}}
	if err := store.CreateRegistration(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if err := read(nil); !errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("another client with its client_id: %v", err)
	}
	if err := read(map[string]any{"iat": time.Now().Unix()}); err != nil {
		t.Errorf("a token of the new one: %v", err)
	}
}
