package interaction

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	// maxListed bounds what the account page lists of each kind.
	maxListed = 100
	// accountLifetime is how long the page's buttons work.
	accountLifetime = time.Hour
	sealedAction    = "account page"
)

// Allowed finds and withdraws what people have allowed.
type Allowed struct {
	Consents    opstore.Consents
	Grants      opstore.Grants
	Sessions    opstore.Sessions
	Revocations opstore.Revocations
	Box         *secret.Box
	// TokenLifetime is how long what was issued may still be in use: the
	// longest of access tokens and codes.
	TokenLifetime time.Duration
}

// Withdraw forgets a consent and revokes every grant and access token that
// came of it.
func (a *Allowed) Withdraw(ctx context.Context, subject, clientID string) error {
	until := time.Now().Add(a.TokenLifetime)
	consent, err := a.Consents.Consent(ctx, subject, clientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		consent, err = &opstore.Consent{}, nil
	}
	if err != nil {
		return err
	}
	// The tokens first: where a later step fails, the page still lists the
	// consent, and can withdraw it again.
	if consent.ID != "" {
		if err := a.Revocations.Revoke(ctx, opstore.RevokedConsentID(consent.ID), until); err != nil {
			return err
		}
	}
	ids, err := a.Grants.RevokeGrants(ctx, opstore.GrantSelector{Subject: subject, ClientID: clientID}, until)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := a.Revocations.Revoke(ctx, opstore.RevokedGrantID(id), until); err != nil {
			return err
		}
	}
	return a.Consents.DeleteConsent(ctx, subject, clientID)
}

// action is what a button of the account page does. It is sealed, and bound to
// the session that was shown the page.
type action struct {
	SessionID string `json:"sid"`
	ClientID  string `json:"client_id,omitempty"`
	End       string `json:"end,omitempty"`
	At        int64  `json:"at"`
}

func (h *Handler) button(name string, act action) (page.Field, error) {
	act.At = time.Now().Unix()
	plain, err := json.Marshal(act)
	if err != nil {
		return page.Field{}, err
	}
	return page.Field{Name: name, Value: h.Allowed.Box.SealText(plain, sealedAction)}, nil
}

// Account serves the page on which people see what they have allowed, and
// where they are signed in: GET shows it, POST withdraws or ends one of them.
func (h *Handler) Account(w http.ResponseWriter, r *http.Request) error {
	form, err := h.accountForm(w, r)
	if err != nil {
		return err
	}
	sess, err := h.session(r)
	if errors.Is(err, oidckit.AccessDenied) {
		return h.signIn(w, h.AccountPath, nil)
	}
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		return h.act(w, r, sess, form)
	}
	return h.writeAccount(w, r, sess, "")
}

func (h *Handler) accountForm(w http.ResponseWriter, r *http.Request) (wire.Params, error) {
	if r.Method != http.MethodPost {
		return wire.Query(r)
	}
	if err := h.sameOrigin(r); err != nil {
		return nil, err
	}
	return wire.Form(w, r)
}

// act does what a button says. A button of a page that was shown to another
// session does nothing.
func (h *Handler) act(w http.ResponseWriter, r *http.Request, sess *opstore.Session, form wire.Params) error {
	language := h.Site.Language(r, nil)
	var act action
	sealed := form.Get("withdraw") + form.Get("end")
	plain, err := h.Allowed.Box.OpenText(sealed, sealedAction)
	if err != nil || json.Unmarshal(plain, &act) != nil || act.SessionID != sess.ID || time.Since(time.Unix(act.At, 0)) > accountLifetime {
		return h.writeAccount(w, r, sess, language.Text("account.nothing_changed"))
	}
	switch {
	case act.ClientID != "":
		return h.withdraw(w, r, sess, act.ClientID)
	case act.End == sess.ID:
		if err := h.Sessions.SignOut(w, r, sess); err != nil {
			return err
		}
		h.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventLogout, Issuer: h.Issuer, Subject: sess.Subject, SessionID: sess.ID})
		return h.Site.Write(w, r, nil, http.StatusOK, page.SignedOut{})
	}
	if _, err := h.Sessions.End(r.Context(), opstore.SessionSelector{ID: act.End, Subject: sess.Subject}); err != nil {
		return err
	}
	return h.writeAccount(w, r, sess, language.Text("account.session_ended"))
}

func (h *Handler) withdraw(w http.ResponseWriter, r *http.Request, sess *opstore.Session, clientID string) error {
	if err := h.Allowed.Withdraw(r.Context(), sess.Subject, clientID); err != nil {
		return err
	}
	h.Events.Send(r.Context(), oidckit.Event{
		Name: oidckit.EventConsentWithdrawn, Issuer: h.Issuer, ClientID: clientID, Subject: sess.Subject, SessionID: sess.ID,
	})
	name := clientID
	client, err := h.Clients.Client(r.Context(), clientID)
	if err == nil {
		name = displayName(client)
	} else if !errors.Is(err, oidckit.ErrNotFound) {
		return err
	}
	return h.writeAccount(w, r, sess, h.Site.Language(r, nil).Fill("account.withdrawn", "app", name))
}

// livesAt is where a client's answers go, which tells clients of one name
// apart: a host, or the scheme of an app on a device.
func livesAt(c *opstore.Client) string {
	for _, raw := range append(slices.Clone(c.Metadata.RedirectURIs), c.Metadata.ClientURI) {
		if host := hostOf(raw); host != "" {
			return host
		}
	}
	return ""
}

func (h *Handler) writeAccount(w http.ResponseWriter, r *http.Request, sess *opstore.Session, notice string) error {
	ctx := r.Context()
	name, err := h.UserName(ctx, sess.Subject)
	if err != nil {
		return err
	}
	p := page.Account{UserName: name, Notice: notice, Action: h.AccountPath}
	consents, err := h.Allowed.Consents.ListConsents(ctx, sess.Subject, "", maxListed)
	if err != nil {
		return err
	}
	for _, c := range consents {
		client, err := h.Clients.Client(ctx, c.ClientID)
		if errors.Is(err, oidckit.ErrNotFound) || err == nil && !client.Follows(c.GrantedAt) {
			// What was allowed to a client that is gone allows nobody anything.
			continue
		}
		if err != nil {
			return err
		}
		entry := page.Allowed{Client: shown(client), Host: livesAt(client), At: c.GrantedAt, Claims: c.Claims}
		for _, scope := range c.Scope {
			entry.Scopes = append(entry.Scopes, page.ScopeLine{Name: scope, Description: h.Scopes.Describe(scope)})
		}
		if entry.Withdraw, err = h.button("withdraw", action{SessionID: sess.ID, ClientID: c.ClientID}); err != nil {
			return err
		}
		p.Allowed = append(p.Allowed, entry)
	}
	if p.Sessions, err = h.listSessions(ctx, sess); err != nil {
		return err
	}
	return h.Site.Write(w, r, nil, http.StatusOK, p)
}

func (h *Handler) listSessions(ctx context.Context, here *opstore.Session) ([]page.Session, error) {
	sessions, err := h.Allowed.Sessions.ListSessions(ctx, opstore.SessionSelector{Subject: here.Subject}, "", maxListed)
	if err != nil {
		return nil, err
	}
	var list []page.Session
	for _, s := range sessions {
		entry := page.Session{At: s.AuthTime, Here: s.ID == here.ID}
		if entry.End, err = h.button("end", action{SessionID: here.ID, End: s.ID}); err != nil {
			return nil, err
		}
		list = append(list, entry)
	}
	return list, nil
}
