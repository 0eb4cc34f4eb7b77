package middleware_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Keys of a provider in the same process: they are there before anybody
// listens, and what the provider rotates or revokes the verifier follows,
// without the network.
func TestKeysOfAProviderInTheSameProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const issuer = "https://issuer.example"
		secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
		if err != nil {
			t.Fatal(err)
		}
		op, err := provider.New(provider.Config{
			Issuer: issuer, Secrets: secrets, Stores: opstore.NewMemory().Open(issuer), SigningAlgs: []string{"ES256"},
			Clients: []oidckit.ClientMetadata{{ClientID: "job", ClientSecret: "the secret of the job", Scope: "orders:read", IDTokenSignedResponseAlg: "ES256",
				GrantTypes: []string{oidckit.GrantTypeClientCredentials}}},
			Resources: []provider.Resource{{Resource: audience, Scopes: []string{"orders:read"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer op.Close()
		var fetches atomic.Int64
		local := op.LocalTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s left the process", r.URL)
			return nil, errors.New("there is no network")
		}))
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/jwks") {
				fetches.Add(1)
			}
			return local.RoundTrip(r)
		})}
		g, v := newAPIOf(t, middleware.JWTConfig{Issuer: issuer, Audience: audience, HTTPClient: client})
		if err := v.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		token := func() (bearer, kid string) {
			text := clientToken(client, issuer, "job", "the secret of the job", "orders:read")
			jws, err := jose.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return "Bearer " + text, jws.Header.KeyID
		}
		first, kid := token()
		g.wantServed(t, g.get(first))
		if n := fetches.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}

		// one that is revoked signs no more: its successor is unknown yet
		if err := op.RevokeKey(t.Context(), kid); err != nil {
			t.Fatal(err)
		}
		second, successor := token()
		if successor == kid {
			t.Fatal("the provider signs with the revoked key")
		}
		g.wantServed(t, g.get(second))
		g.wantRefused(t, g.get(first), 401, "invalid_token")
		if n := fetches.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}

		// one that is rotated out serves on, beside its successor
		if err := op.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Minute)
		late, kid := token()
		time.Sleep(2 * time.Minute)
		last, next := token()
		if kid != successor || next == kid {
			t.Fatal("the provider switches at another time")
		}
		g.wantServed(t, g.get(late))
		g.wantServed(t, g.get(last))
	})
}
