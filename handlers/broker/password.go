package broker

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/page"
)

const (
	maxUsername = 256
	maxPassword = 1024
)

// askPassword shows a login page of ours for a provider that has none
// (RFC 6749 §4.3).
func (b *Broker) askPassword(w http.ResponseWriter, r *http.Request, status int, lr *oidckit.LoginRequest, p *IdentityProvider, username, problem string) {
	form := page.Login{
		Client: page.Client{Name: lr.ClientName}, Action: b.prefix + "/password", Username: username, Error: problem,
		Hidden: []page.Field{{Name: "request", Value: lr.ID}, {Name: "idp", Value: p.UUID}},
	}
	if form.Username == "" {
		form.Username = lr.LoginHint
	}
	if err := b.pages.Write(w, r, lr.UILocales, status, form); err != nil {
		b.cfg.Logger.Debug().Err(err).Msg("a page was not written")
	}
}

// servePassword takes the name and the password to the provider.
func (b *Broker) servePassword(w http.ResponseWriter, r *http.Request) error {
	lr, h, err := b.readLogin(w, r)
	if err != nil {
		return err
	}
	p, err := b.cfg.Registry.Enabled(r.Context(), h.provider)
	if errors.Is(err, oidckit.ErrNotFound) || err == nil && (p.GrantType != GrantTypePassword || !b.usable(p, lr.ClientID)) {
		return of(&failure{status: http.StatusForbidden, reason: "identity_provider_disabled", message: notOffered}, lr.ID, "")
	}
	if err != nil {
		return of(storeDown(err), lr.ID, "")
	}
	return of(b.tryPassword(w, r, lr, p), lr.ID, p.UUID)
}

func (b *Broker) tryPassword(w http.ResponseWriter, r *http.Request, lr *oidckit.LoginRequest, p *IdentityProvider) error {
	username, password := r.PostForm.Get("username"), r.PostForm.Get("password")
	var who *person
	_, wait, err := b.throttle.CheckFromApp(username, p.UUID, func() (oidckit.Authentication, error) {
		var err error
		who, err = b.askProvider(r.Context(), p, username, password)
		return oidckit.Authentication{}, err
	})
	language := b.pages.Language(r, lr.UILocales)
	switch {
	case wait > 0:
		// RFC 6585 §4
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		b.askPassword(w, r, http.StatusTooManyRequests, lr, p, username, language.Fill("login.too_many", "minutes", strconv.Itoa(int(wait/time.Minute)+1)))
		return nil
	case errors.Is(err, oidckit.ErrUnauthenticated):
		b.cfg.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventLoginFailed, Issuer: b.cfg.BaseURL, ClientID: lr.ClientID, Err: err})
		b.askPassword(w, r, http.StatusForbidden, lr, p, username, language.Text("login.wrong"))
		return nil
	case err != nil:
		return err
	}
	// Who has typed a password has signed in now.
	who.authTime = time.Now()
	return b.complete(w, r, newTransaction(lr, p), p, who)
}

// askProvider returns who a name and a password belong to, or
// ErrUnauthenticated.
func (b *Broker) askProvider(ctx context.Context, p *IdentityProvider, username, password string) (*person, error) {
	if username == "" || password == "" || len(username) > maxUsername || len(password) > maxPassword {
		return nil, oidckit.ErrUnauthenticated
	}
	up, err := b.upstreams.of(p)
	if err != nil {
		return nil, upstreamDown(err)
	}
	tokens, err := up.Password(ctx, username, password)
	if refusal, ok := errors.AsType[*client.Refusal](err); ok && refusal.Reason == client.CodeRefused {
		return nil, oidckit.ErrUnauthenticated
	}
	if err != nil {
		return nil, err
	}
	return b.whose(ctx, p, up, &transaction{created: time.Now()}, tokens)
}
