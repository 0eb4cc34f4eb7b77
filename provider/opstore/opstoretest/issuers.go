package opstoretest

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// pair is the stores of two issuers in one database.
type pair struct{ a, b opstore.Set }

func issuerChecks() []storetest.Check[pair] {
	return []storetest.Check[pair]{
		{Name: "codes", Run: issuersCodes},
		{Name: "grants", Run: issuersGrants},
		{Name: "sessions", Run: issuersSessions},
		{Name: "interactions", Run: issuersInteractions},
		{Name: "consents", Run: issuersConsents},
		{Name: "keys", Run: issuersKeys},
		{Name: "users", Run: issuersUsers},
		{Name: "deliveries", Run: issuersDeliveries},
		{Name: "revocations and replays", Run: issuersMarks},
		{Name: "registrations", Run: issuersRegistrations},
		{Name: "access tokens", Run: issuersAccessTokens},
	}
}

func issuersCodes(ctx context.Context, p pair) error {
	c, other := newCode(), newCode()
	other.Hash = c.Hash
	if err := p.a.Codes.CreateCode(ctx, c); err != nil {
		return err
	}
	_, unseen := p.b.Codes.ConsumeCode(ctx, c.Hash)
	create := p.b.Codes.CreateCode(ctx, other)
	_, spent := p.b.Codes.ConsumeCode(ctx, c.Hash)
	got, live := p.a.Codes.ConsumeCode(ctx, c.Hash)
	return storetest.First(
		storetest.Want("ConsumeCode of another issuer's code", unseen, oidckit.ErrNotFound),
		storetest.Want("CreateCode with another issuer's hash", create, nil),
		storetest.Want("ConsumeCode of the own code", spent, nil),
		storetest.Want("ConsumeCode after the other issuer's was spent", live, nil),
		storetest.Same("the first issuer's code", got, c),
	)
}

func issuersGrants(ctx context.Context, p pair) error {
	g, first, err := created(ctx, p.a)
	if err != nil {
		return err
	}
	far := time.Now().Add(time.Hour)
	unseen := p.b.Grants.RotateRefreshToken(ctx, first.Hash, newToken(g), nil, time.Now())
	if err := storetest.First(
		tokenIs(ctx, p.b, first.Hash, oidckit.ErrNotFound),
		storetest.Want("RotateRefreshToken of another issuer's token", unseen, oidckit.ErrNotFound),
		storetest.Want("CreateGrant with another issuer's ID and token", p.b.Grants.CreateGrant(ctx, g, first), nil),
		revokes(ctx, p.b, opstore.GrantSelector{Subject: g.Authorization.Subject}, far, g.ID),
		revokes(ctx, p.b, opstore.GrantSelector{ID: g.ID}, far),
		tokenIs(ctx, p.b, first.Hash, oidckit.ErrNotFound),
		tokenIs(ctx, p.a, first.Hash, nil),
	); err != nil {
		return err
	}
	other, token := newGrant()
	return storetest.First(
		revokes(ctx, p.b, opstore.GrantSelector{ID: other.ID}, far),
		storetest.Want("CreateGrant of an ID another issuer has revoked", p.a.Grants.CreateGrant(ctx, other, token), nil),
	)
}

func issuersSessions(ctx context.Context, p pair) error {
	session, err := signedIn(ctx, p.a)
	if err != nil {
		return err
	}
	other := newSession()
	other.ID, other.Handle, other.Subject = session.ID, session.Handle, session.Subject
	if err := storetest.First(
		sessionIs(ctx, p.b, session.Handle, nil),
		storetest.Want("UpdateSession of another issuer's session", p.b.Sessions.UpdateSession(ctx, storetest.Clone(session)), oidckit.ErrNotFound),
		storetest.Want("CreateSession with another issuer's keys", p.b.Sessions.CreateSession(ctx, other), nil),
		sessionIs(ctx, p.b, other.Handle, other),
	); err != nil {
		return err
	}
	if _, err := p.b.Sessions.EndSessions(ctx, opstore.SessionSelector{Subject: session.Subject}); err != nil {
		return err
	}
	return storetest.First(sessionIs(ctx, p.b, session.Handle, nil), sessionIs(ctx, p.a, session.Handle, session))
}

func issuersInteractions(ctx context.Context, p pair) error {
	i, err := waiting(ctx, p.a)
	if err != nil {
		return err
	}
	_, unseen := p.b.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
	create := p.b.Interactions.CreateInteraction(ctx, i)
	_, own := p.b.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
	_, live := p.a.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
	return storetest.First(
		storetest.Want("TakeInteraction of another issuer's", unseen, oidckit.ErrNotFound),
		storetest.Want("CreateInteraction with another issuer's hash", create, nil),
		storetest.Want("TakeInteraction of the own", own, nil),
		storetest.Want("TakeInteraction after the other issuer's was taken", live, nil),
	)
}

func issuersConsents(ctx context.Context, p pair) error {
	c, other := newConsent(), newConsent()
	other.Subject, other.ClientID = c.Subject, c.ClientID
	return storetest.First(
		p.a.Consents.PutConsent(ctx, c),
		consentIs(ctx, p.b, c, nil),
		p.b.Consents.PutConsent(ctx, other),
		consentIs(ctx, p.a, c, c),
		p.b.Consents.DeleteConsent(ctx, c.Subject, c.ClientID),
		consentIs(ctx, p.a, c, c),
		consentIs(ctx, p.b, c, nil),
	)
}

func issuersKeys(ctx context.Context, p pair) error {
	k := newKey("ES256", 1)
	return storetest.First(
		p.a.Keys.CreateKey(ctx, k),
		keysAre(ctx, p.b),
		storetest.Want("DeleteKey of another issuer's key", p.b.Keys.DeleteKey(ctx, k.ID), oidckit.ErrNotFound),
		storetest.Want("CreateKey with another issuer's ID and generation", p.b.Keys.CreateKey(ctx, k), nil),
		p.b.Keys.DeleteKey(ctx, k.ID),
		keysAre(ctx, p.a, k),
	)
}

func issuersUsers(ctx context.Context, p pair) error {
	u, err := registered(ctx, p.a)
	if err != nil {
		return err
	}
	other := newUser()
	other.Subject, other.Username = u.Subject, u.Username
	return storetest.First(
		noUser(ctx, p.b, u.Subject, u.Username),
		storetest.Want("UpdateUser of another issuer's user", p.b.Users.UpdateUser(ctx, storetest.Clone(u)), oidckit.ErrNotFound),
		storetest.Want("CreateUser with another issuer's subject and name", p.b.Users.CreateUser(ctx, other), nil),
		userIs(ctx, p.a, u),
		userIs(ctx, p.b, other),
	)
}

func issuersRegistrations(ctx context.Context, p pair) error {
	r, err := enrolled(ctx, p.a)
	if err != nil {
		return err
	}
	id, other := r.Client.Metadata.ClientID, newRegistration()
	other.Client.Metadata.ClientID = id
	return storetest.First(
		noClient(ctx, p.b, id),
		storetest.Want("UpdateRegistration of another issuer's client", p.b.Registrations.UpdateRegistration(ctx, storetest.Clone(r)), oidckit.ErrNotFound),
		storetest.Want("DeleteRegistration of another issuer's client", p.b.Registrations.DeleteRegistration(ctx, id, 0), oidckit.ErrNotFound),
		storetest.Want("CreateRegistration with another issuer's client_id", p.b.Registrations.CreateRegistration(ctx, other), nil),
		clientIs(ctx, p.a, r),
		clientIs(ctx, p.b, other),
	)
}

func issuersMarks(ctx context.Context, p pair) error {
	far := time.Now().Add(time.Hour)
	return storetest.First(
		p.a.Revocations.Revoke(ctx, "id", far),
		revokedIs(ctx, p.b, false, "id"),
		p.a.Replay.UseOnce(ctx, "key", far),
		storetest.Want("UseOnce of a key another issuer has used", p.b.Replay.UseOnce(ctx, "key", far), nil),
		storetest.Want("second UseOnce", p.b.Replay.UseOnce(ctx, "key", far), oidckit.ErrConsumed),
	)
}
