package provider

import (
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/clientjwt"
	"github.com/oidckit/oidckit/provider/internal/clientkeys"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
)

// authenticateClients makes what knows clients by their secrets and keys.
func (p *Provider) authenticateClients(a *assembly) {
	c := p.cfg
	p.clientKeys = clientkeys.New(clientkeys.Config{HTTPClient: a.outbound, Logger: c.Logger})
	a.clientJWTs = &clientjwt.Verifier{Keys: p.clientKeys, Secrets: clientsecret.NewBox(c.Secrets, c.Issuer)}
	a.auth = clientauth.New(clientauth.Config{
		Clients: c.clients, Verifier: a.clientJWTs, Replay: c.Stores.Replay,
		// OpenID Connect Core 1.0 §9: the token endpoint's address SHOULD be in
		// aud; RFC 7523 §3 leaves it to the issuer.
		Audience: []string{
			c.Issuer, c.Issuer + c.Paths.Token, c.Issuer + c.Paths.Introspection, c.Issuer + c.Paths.Revocation,
		},
		AllowEqualPair: c.preset() != nil,
	})
}
