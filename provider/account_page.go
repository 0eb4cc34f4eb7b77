package provider

import (
	"context"

	"github.com/oidckit/oidckit"
)

// AccountPage serves, at Paths.Account, the page on which people see what they
// have allowed which client, withdraw it, and see and end their sessions. Who
// is not signed in is sent through the login page first.
//
// Withdrawing takes effect at once: the consent is forgotten, refresh tokens
// end, and the issuer refuses the access tokens, at userinfo and introspection.
// An API that checks JWTs by their signature alone takes one until it expires.
type AccountPage struct{}

func (*AccountPage) check(*resolved) []error { return nil }

func (*AccountPage) routes(a *assembly) []route {
	return []route{a.at(a.cfg.Paths.Account, a.page("account", a.interaction.Account, getPost))}
}

func (*AccountPage) describe(*resolved, *oidckit.ProviderMetadata) {}

// WithdrawConsent takes from a client what a user has allowed it, as the
// account page does: the next request asks again. What is not there is no
// error.
func (p *Provider) WithdrawConsent(ctx context.Context, subject, clientID string) error {
	if err := p.interaction.Allowed.Withdraw(ctx, subject, clientID); err != nil {
		return err
	}
	p.cfg.Events.Send(ctx, oidckit.Event{Name: oidckit.EventConsentWithdrawn, Issuer: p.cfg.Issuer, ClientID: clientID, Subject: subject})
	return nil
}
