package clientauth

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/memtable"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientjwt"
	"github.com/oidckit/oidckit/provider/internal/clientkeys"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	issuer   = "https://op.example"
	tokenURL = issuer + "/token"
)

// registry is the clients by their client_id.
type registry map[string]*opstore.Client

func (r registry) Client(_ context.Context, id string) (*opstore.Client, error) {
	if c := r[id]; c != nil {
		return c, nil
	}
	return nil, oidckit.ErrNotFound
}

// fixture is an Authenticator and clients of every method.
type fixture struct {
	*Authenticator
	clients registry
	key     crypto.Signer
	secret  string
}

func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	ring, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.MarshalJWKS([]jose.JWK{{KeyID: "1", Key: key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{clients: registry{}, key: key, secret: secret.Token()}
	box, keys := clientsecret.NewBox(ring, issuer), clientkeys.New(clientkeys.Config{})
	t.Cleanup(func() { keys.Close() })
	hash := []oidckit.TokenHash{oidckit.HashToken(f.secret)}
	for id, method := range map[string]string{
		"basic": oidckit.AuthMethodClientSecretBasic, "post": oidckit.AuthMethodClientSecretPost, "public": oidckit.AuthMethodNone,
		"shared": oidckit.AuthMethodClientSecretJWT, "key": oidckit.AuthMethodPrivateKeyJWT, "pinned": oidckit.AuthMethodPrivateKeyJWT,
	} {
		c := &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: id, TokenEndpointAuthMethod: method}}
		switch method {
		case oidckit.AuthMethodClientSecretBasic, oidckit.AuthMethodClientSecretPost:
			c.SecretHashes = hash
		case oidckit.AuthMethodClientSecretJWT:
			c.SecretHashes, c.SealedSecret = hash, box.Seal(id, f.secret)
		case oidckit.AuthMethodPrivateKeyJWT:
			c.Metadata.JWKS = set
		}
		f.clients[id] = c
	}
	f.clients["pinned"].Metadata.TokenEndpointAuthSigningAlg = "PS256"
	cfg := Config{
		Clients: f.clients, Verifier: &clientjwt.Verifier{Keys: keys, Secrets: box}, Replay: memtable.NewReplay(1 << 16),
		Audience: []string{issuer, tokenURL, issuer + "/introspect"},
	}
	if change != nil {
		change(&cfg)
	}
	f.Authenticator = New(cfg)
	return f
}

// claimSet is good claims of a client with changes; nil removes a claim.
func claimSet(id string, changes ...any) map[string]any {
	c := map[string]any{"iss": id, "sub": id, "aud": tokenURL, "exp": time.Now().Add(time.Minute).Unix(), "jti": secret.ID()}
	for i := 0; i+1 < len(changes); i += 2 {
		c[changes[i].(string)] = changes[i+1]
	}
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// signed returns an assertion of the key.
func (f *fixture) signed(t testing.TB, typ string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner("ES256", "1", f.key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(typ, marshal(t, claims))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// hs256 returns an assertion under a shared secret, made by hand.
func hs256(t testing.TB, secret string, claims map[string]any) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(marshal(t, claims))
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return text + "." + encode(m.Sum(nil))
}

func assertionForm(assertion string, more ...string) url.Values {
	form := url.Values{"client_assertion": {assertion}, "client_assertion_type": {assertionType}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// try authenticates, and returns the client_id or the error code.
func (f *fixture) try(t testing.TB, form url.Values, headers ...string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
	r.Header["Authorization"] = headers
	params, err := wire.ParseParams(form.Encode())
	if err != nil {
		t.Fatal(err)
	}
	client, err := f.Authenticate(r, params)
	if err == nil {
		return client.Metadata.ClientID
	}
	if client != nil {
		t.Error("a client and an error")
	}
	e, ok := errors.AsType[*oidckit.Error](err)
	if !ok {
		return "fault"
	}
	if e.Code == oidckit.InvalidClient && e.Description != "client authentication failed" {
		t.Errorf("the answer tells %q", e.Description)
	}
	return string(e.Code)
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}
