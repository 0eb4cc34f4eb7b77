package rpstoretest

import (
	"context"
	"errors"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/storetest"
)

// pair is the stores of two apps in one database.
type pair struct{ a, b rpstore.Set }

func tenantChecks() []storetest.Check[pair] {
	return []storetest.Check[pair]{
		{Name: "sessions", Run: tenantsSessions},
		{Name: "browser sessions", Run: tenantsBrowserSessions},
		{Name: "replays", Run: tenantsReplays},
		{Name: "account links", Run: tenantsAccountLinks},
		{Name: "identity providers", Run: tenantsIdentityProviders},
	}
}

func tenantsSessions(ctx context.Context, p pair) error {
	session, err := loggedIn(ctx, p.a)
	if err != nil {
		return err
	}
	other := newSession()
	other.Handle, other.Subject = session.Handle, session.Subject
	return storetest.First(
		sessionIs(ctx, p.b, session.Handle, nil),
		storetest.Want("UpdateSession of another app's session", p.b.Sessions.UpdateSession(ctx, storetest.Clone(session)), oidckit.ErrNotFound),
		ends(ctx, p.b, rpstore.SessionSelector{Subject: session.Subject}, 0),
		storetest.Want("CreateSession with another app's handle", p.b.Sessions.CreateSession(ctx, other), nil),
		sessionIs(ctx, p.b, other.Handle, other),
		ends(ctx, p.b, rpstore.SessionSelector{Subject: session.Subject}, 1),
		sessionIs(ctx, p.a, session.Handle, session),
	)
}

func tenantsBrowserSessions(ctx context.Context, p pair) error {
	token := secret.Token()
	return storetest.First(
		p.a.BrowserSessions.PutBrowserSession(ctx, token, []byte("a"), soon()),
		browserIs(ctx, p.b, token, nil),
		p.b.BrowserSessions.PutBrowserSession(ctx, token, []byte("b"), soon()),
		browserIs(ctx, p.a, token, []byte("a")),
		p.b.BrowserSessions.DeleteBrowserSession(ctx, token),
		browserIs(ctx, p.a, token, []byte("a")),
	)
}

func tenantsReplays(ctx context.Context, p pair) error {
	return storetest.First(
		p.a.Replay.UseOnce(ctx, "key", soon()),
		storetest.Want("UseOnce of a key another app has used", p.b.Replay.UseOnce(ctx, "key", soon()), nil),
		storetest.Want("second UseOnce", p.b.Replay.UseOnce(ctx, "key", soon()), oidckit.ErrConsumed),
	)
}

func tenantsAccountLinks(ctx context.Context, p pair) error {
	l, other := newLink(), newLink()
	other.Issuer, other.Subject, other.Account = l.Issuer, l.Subject, l.Account
	err := storetest.First(
		p.a.AccountLinks.CreateAccountLink(ctx, l),
		linkIs(ctx, p.b, l, false),
		storetest.Want("DeleteAccountLink of another app's link", p.b.AccountLinks.DeleteAccountLink(ctx, l.Issuer, l.Subject), oidckit.ErrNotFound),
		p.b.AccountLinks.CreateAccountLink(ctx, other),
		linkIs(ctx, p.a, l, true),
	)
	if err != nil {
		return err
	}
	links, err := p.a.AccountLinks.ListAccountLinks(ctx, l.Account)
	if err == nil && len(links) != 1 {
		err = errors.New("an account has another app's links")
	}
	return err
}

func tenantsIdentityProviders(ctx context.Context, p pair) error {
	own, other := newProvider(), newProvider()
	own.Default, other.Default = true, true
	other.UUID, other.Identifier, other.Domains = own.UUID, own.Identifier, own.Domains
	foreign := storetest.Clone(own)
	foreign.Version = 1
	return storetest.First(
		putProviders(ctx, p.a, own),
		providerGone(ctx, p.b, own.UUID),
		listed(ctx, p.b, rpstore.IdentityProviderSelector{Domain: own.Domains[0]}),
		storetest.Want("PutIdentityProvider of another app's", putProviders(ctx, p.b, foreign), oidckit.ErrNotFound),
		storetest.Want("DeleteIdentityProvider of another app's", p.b.IdentityProviders.DeleteIdentityProvider(ctx, own.UUID, 1), oidckit.ErrNotFound),
		putProviders(ctx, p.b, other),
		providerIs(ctx, p.a, own),
		providerIs(ctx, p.b, other),
		listed(ctx, p.b, rpstore.IdentityProviderSelector{Domain: own.Domains[0]}, other),
		p.b.IdentityProviders.DeleteIdentityProvider(ctx, own.UUID, 1),
		listed(ctx, p.a, rpstore.IdentityProviderSelector{Domain: own.Domains[0], Default: true}, own),
	)
}
