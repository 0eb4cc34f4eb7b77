package clients_test

import (
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// RFC 7518 §3.2, RFC 7591 §3.2.1: a secret is kept as a hash; sealed too for as
// long as the client signs with it; and another one is made where the one there
// is will not do.
func TestSecretsOverChanges(t *testing.T) {
	const issuer = "https://op.example"
	ring, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	set, registry := opstore.NewMemory().Open(issuer), &clients.Registry{}
	r := &clients.Registrar{Issuer: issuer, Configured: registry, Policy: policy, Store: set.Registrations, Grants: set.Grants}
	r.Policy.Secrets = clientsecret.NewBox(ring, issuer)
	metadata := func(method, alg string) oidckit.ClientMetadata {
		return oidckit.ClientMetadata{ClientID: "app", TokenEndpointAuthMethod: method, TokenEndpointAuthSigningAlg: alg}
	}
	m := metadata("client_secret_basic", "")
	plain := clients.NewSecret(&m)
	reg, err := r.Create(t.Context(), clients.Draft{Metadata: m, Secret: plain})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		method, alg        string
		kept, hash, sealed bool
		length             int
	}{
		{"client_secret_post", "", true, true, false, 0},
		{"client_secret_jwt", "", false, true, true, 32},
		{"client_secret_jwt", "HS512", false, true, true, 64},
		{"client_secret_jwt", "HS256", true, true, true, 64},
		{"client_secret_basic", "", true, true, false, 64},
		{"private_key_jwt", "", true, false, false, 0},
		{"client_secret_basic", "", false, true, false, 0},
		{"none", "", true, false, false, 0},
	} {
		m := metadata(step.method, step.alg)
		d := clients.Draft{Metadata: m}
		if kept := clients.KeepsSecret(&reg.Client, &m); kept != step.kept {
			t.Errorf("%s %s: kept %v", step.method, step.alg, kept)
		} else if !kept {
			plain = clients.NewSecret(&m)
			d.Secret = plain
		}
		if err := r.Update(t.Context(), reg, d); err != nil {
			t.Fatal(err)
		}
		stored, err := set.Registrations.Client(t.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		if has := len(stored.SecretHashes) == 1 && stored.SecretHashes[0] == oidckit.HashToken(plain); has != step.hash {
			t.Errorf("%s %s: %d hashes", step.method, step.alg, len(stored.SecretHashes))
		}
		opened, err := r.Policy.Secrets.Open(stored)
		if (err == nil) != step.sealed || step.sealed && string(opened) != plain || len(plain) < step.length {
			t.Errorf("%s %s: sealed secret: %v, %d bytes", step.method, step.alg, err, len(plain))
		}
	}
}
