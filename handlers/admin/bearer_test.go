package admin_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/admin"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// byScope lets tokens look with one scope, and change with another.
func byScope(v middleware.Verifier) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		read, write := middleware.RequireAnyScope("idps:read", "idps:write")(next), middleware.RequireScope("idps:write")(next)
		return middleware.RequireBearer(v)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				read.ServeHTTP(w, r)
				return
			}
			write.ServeHTTP(w, r)
		}))
	}
}

// ATK-296: nobody, a stranger's token, an ordinary user's, and one that may only
// look.
func TestBehindBearerTokens(t *testing.T) {
	op := oidctest.New(t, oidctest.Config{})
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: op.Issuer, Audience: op.Issuer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	a := newAPI(t, func(s *settings) { s.admin.Guard = byScope(v) })
	token := func(scope string, signed oidctest.Signer) string {
		return "Bearer " + op.AccessToken(t, oidctest.Token{Claims: map[string]any{"scope": scope}, Signed: signed})
	}
	request := golden(t, "C4_create_request.json")
	for _, row := range []struct {
		method, token string
		want          int
	}{
		{"GET", "", 401},
		{"POST", token("idps:write", oidctest.ByStranger), 401},
		{"POST", token("idps:write", oidctest.ByNobody), 401},
		{"GET", token("openid profile", oidctest.ByIssuer), 403},
		{"GET", token("idps:read", oidctest.ByIssuer), 200},
		{"POST", token("idps:read", oidctest.ByIssuer), 403},
		{"POST", token("idps:write", oidctest.ByIssuer), 201},
	} {
		r := a.request(row.method, "", request, "Authorization", row.token, "X-Operator", "")
		rec := httptest.NewRecorder()
		a.handler.ServeHTTP(rec, r)
		if rec.Code != row.want || rec.Code == 401 && rec.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d, want %d: %s", row.method, rec.Code, row.want, rec.Body)
		}
	}
	if got := a.taken(); len(got) != 1 || got[0] != "identity_provider.created by "+oidctest.Subject+" " {
		t.Errorf("events %q", got)
	}
}

// tokens stands for a middleware.JWTVerifier.
type tokens map[string]oidckit.Scope

func (v tokens) Verify(_ context.Context, token string) (*oidckit.Identity, error) {
	scope, ok := v[token]
	if !ok {
		return nil, oidckit.NewError(oidckit.InvalidToken, "the access token is not valid")
	}
	return &oidckit.Identity{Subject: "operator", Scope: scope}, nil
}

// The API behind access tokens with a scope.
func ExampleNew() {
	secrets, err := oidckit.NewSecrets(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		panic(err)
	}
	registry, err := broker.NewRegistry(broker.RegistryConfig{
		Store: rpstore.NewMemory().Open("app").IdentityProviders, Secrets: secrets, CallbackURL: "https://app.example.com/broker/callback",
	})
	if err != nil {
		panic(err)
	}
	bearer := middleware.RequireBearer(tokens{"good": {"idps"}, "ordinary": {"openid"}})
	api, err := admin.New(admin.Config{
		Registry: registry,
		Guard:    func(next http.Handler) http.Handler { return bearer(middleware.RequireScope("idps")(next)) },
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	api.Mount(mux)

	for _, token := range []string{"good", "ordinary", "forged"} {
		r := httptest.NewRequest(http.MethodPost, admin.DefaultPrefix, strings.NewReader(`{
			"identifier": "okta", "displayName": "Okta", "issuer": "https://dev.okta.com", "scope": ["OPENID", "EMAIL"],
			"clientId": "client", "clientSecret": "secret", "grantType": "AUTHORIZATION"}`))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(token, w.Code)
	}
	// Output:
	// good 201
	// ordinary 403
	// forged 401
}
