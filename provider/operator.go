package provider

import (
	"context"
	"errors"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// operatorPage is how many grants a call of the store lists.
const operatorPage = 100

// operatorSlack covers a token that is being issued while its grant is
// revoked: it expires a little later than those issued before.
const operatorSlack = time.Minute

// DisableUser shuts a user out of everything: nobody signs in as this user any
// more, the sessions end and their clients are told, codes, refresh tokens and
// access tokens stop working at the issuer. An API that checks JWTs by their
// signature alone takes one until it expires.
//
// The account is marked where the users are the issuer's own, and
// oidckit.ErrNotFound says that there is none. Users of the app's own
// (Config.Users) are for the app to mark, before it calls DisableUser for the
// rest.
//
// After an error the user may be shut out of a part: call it again.
func (p *Provider) DisableUser(ctx context.Context, subject string) error {
	if own, ok := p.users.(*Accounts); ok {
		if err := own.setDisabled(ctx, subject, true); err != nil {
			return err
		}
	}
	if err := p.endEverything(ctx, subject); err != nil {
		return err
	}
	p.cfg.Events.Send(ctx, oidckit.Event{Name: oidckit.EventUserDisabled, Issuer: p.cfg.Issuer, Subject: subject})
	return nil
}

// EnableUser lets a user of the issuer's own sign in again. Nothing from before
// comes back: not a session, not a code, not a refresh token. An access token
// that came without one and in no session, by the password grant, is the
// exception: it is good again until it expires.
func (p *Provider) EnableUser(ctx context.Context, subject string) error {
	own, ok := p.users.(*Accounts)
	if !ok {
		return errors.New("provider: EnableUser: the users are the app's own")
	}
	// A login that was under way when the user was disabled may have left a
	// session that only waits.
	if err := p.endEverything(ctx, subject); err != nil {
		return err
	}
	if err := own.setDisabled(ctx, subject, false); err != nil {
		return err
	}
	p.cfg.Events.Send(ctx, oidckit.Event{Name: oidckit.EventUserEnabled, Issuer: p.cfg.Issuer, Subject: subject})
	return nil
}

func (p *Provider) endEverything(ctx context.Context, subject string) error {
	if subject == "" {
		return oidckit.ErrNotFound
	}
	if _, err := p.EndSessions(ctx, opstore.SessionSelector{Subject: subject}); err != nil {
		return err
	}
	_, err := p.RevokeGrants(ctx, opstore.GrantSelector{Subject: subject})
	return err
}

// ListSessions returns up to limit sessions that match, in an order that does
// not change, from the one after this ID on; "" begins. A selector without a
// field matches none. Session.Handle stays empty.
func (p *Provider) ListSessions(ctx context.Context, sel opstore.SessionSelector, after string, limit int) ([]opstore.Session, error) {
	list, err := p.sessions.List(ctx, sel, after, limit)
	for i := range list {
		list[i].Handle = oidckit.TokenHash{}
	}
	return list, err
}

// EndSessions ends the sessions that match and returns how many. Their clients
// are told, as after a logout, and what was issued in them without
// offline_access stops working. After an error some may have ended: call it
// again.
func (p *Provider) EndSessions(ctx context.Context, sel opstore.SessionSelector) (int, error) {
	ended, err := p.sessions.End(ctx, sel)
	return len(ended), err
}

// ListGrants returns up to limit grants with refresh tokens that match, in an
// order that does not change, from the one after this ID on; "" begins. A
// selector without a field matches none.
func (p *Provider) ListGrants(ctx context.Context, sel opstore.GrantSelector, after string, limit int) ([]opstore.Grant, error) {
	return p.cfg.Stores.Grants.ListGrants(ctx, sel, after, limit)
}

// RevokeGrants revokes the grants with refresh tokens that match, with all
// their tokens, and returns how many. After an error some may be revoked: call
// it again.
func (p *Provider) RevokeGrants(ctx context.Context, sel opstore.GrantSelector) (int, error) {
	set, revoked := p.cfg.Stores, 0
	for after := ""; ; {
		page, err := set.Grants.ListGrants(ctx, sel, after, operatorPage)
		if err != nil {
			return revoked, err
		}
		for i := range page {
			g := &page[i]
			after = g.ID
			until := time.Now().Add(p.cfg.Lifetimes.AccessToken + operatorSlack)
			// The access tokens first: where the next step fails, the grant is
			// still listed.
			if err := set.Revocations.Revoke(ctx, opstore.RevokedGrantID(g.ID), until); err != nil {
				return revoked, err
			}
			ids, err := set.Grants.RevokeGrants(ctx, opstore.GrantSelector{ID: g.ID}, until)
			if err != nil {
				return revoked, err
			}
			revoked += len(ids)
			p.cfg.Events.Send(ctx, oidckit.Event{
				Name: oidckit.EventGrantRevoked, Issuer: p.cfg.Issuer, ClientID: g.ClientID,
				Subject: g.Authorization.Subject, SessionID: g.Authorization.SessionID,
			})
		}
		if len(page) < operatorPage {
			return revoked, nil
		}
	}
}

// ListConsents returns up to limit of what a user has allowed, in an order that
// does not change, from the one after this client_id on; "" begins.
func (p *Provider) ListConsents(ctx context.Context, subject, after string, limit int) ([]opstore.Consent, error) {
	return p.cfg.Stores.Consents.ListConsents(ctx, subject, after, limit)
}

// changeAttempts bounds how often a change of an account starts over because
// another one came first.
const changeAttempts = 5

// change changes an account, unless fn finds nothing to change.
func (a *Accounts) change(ctx context.Context, subject string, fn func(*opstore.User) bool) error {
	for range changeAttempts {
		u, err := a.store.User(ctx, subject)
		if err != nil || !fn(u) {
			return err
		}
		if err := a.store.UpdateUser(ctx, u); !errors.Is(err, oidckit.ErrConflict) {
			return err
		}
	}
	return errors.New("provider: the account is changed by others all the time")
}

// setDisabled marks an account.
func (a *Accounts) setDisabled(ctx context.Context, subject string, disabled bool) error {
	return a.change(ctx, subject, func(u *opstore.User) bool {
		changed := u.Disabled != disabled
		u.Disabled = disabled
		return changed
	})
}
