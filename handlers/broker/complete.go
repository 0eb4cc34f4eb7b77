package broker

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	registrationCookie   = "broker-registration"
	registrationLifetime = 30 * time.Minute
)

// complete hands the person to whoever has asked for the login, or to the app's
// registration step first.
func (b *Broker) complete(w http.ResponseWriter, r *http.Request, tx *transaction, p *IdentityProvider, who *person) error {
	auth := oidckit.Authentication{Time: who.authTime, ACR: who.acr, AMR: who.amr, IdentityProvider: p.Identifier, Claims: who.login.Claims}
	subject, err := b.account(r.Context(), p, who.login)
	if errors.Is(err, errRegister) {
		return b.register(w, r, tx, who.login, auth)
	}
	if err != nil {
		return refusedByApp(err)
	}
	auth.Subject = subject
	b.rememberUsed(w, p)
	return b.handOver(w, r, tx.ID, auth)
}

func (b *Broker) handOver(w http.ResponseWriter, r *http.Request, id string, auth oidckit.Authentication) error {
	if err := b.cfg.Downstream.CompleteLogin(w, r, id, auth); err != nil {
		return err
	}
	b.cfg.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventLoginSucceeded, Issuer: b.cfg.BaseURL, Subject: auth.Subject})
	return nil
}

// refusedByApp tells a person whom the app does not let in from a store that is
// down.
func refusedByApp(err error) error {
	if e, ok := errors.AsType[*oidckit.Error](err); ok {
		return &failure{status: http.StatusForbidden, reason: "account_refused", cause: e,
			message: "You are signed in at the sign-in service, but there is no account for you here."}
	}
	return storeDown(err)
}

// registering is a person on their way through the app's registration. Only who was
// vouched for by a provider gets here, so that no stranger fills the store.
type registering struct {
	ID    string                 `json:"id"`
	Login Login                  `json:"login"`
	Auth  oidckit.Authentication `json:"auth"`
}

func (b *Broker) register(w http.ResponseWriter, r *http.Request, tx *transaction, login Login, auth oidckit.Authentication) error {
	if b.cfg.RegistrationURL == "" {
		return &failure{status: http.StatusForbidden, reason: "no_registration", message: "There is no account for you here."}
	}
	content, err := json.Marshal(registering{tx.ID, login, auth})
	if err != nil {
		return storeDown(err)
	}
	token := secret.Token()
	sealed := b.waiting.Seal(content, []byte(token))
	if err := b.cfg.Store.BrowserSessions.PutBrowserSession(r.Context(), token, sealed, time.Now().Add(registrationLifetime)); err != nil {
		return storeDown(err)
	}
	http.SetCookie(w, b.site.Cookie(b.site.Name(registrationCookie), token, int(registrationLifetime/time.Second)))
	redirect(w, http.StatusSeeOther, b.cfg.RegistrationURL)
	return nil
}

// Registration returns the login of a person who is on the app's registration
// step, or oidckit.ErrNotFound where nobody is in this browser.
func (b *Broker) Registration(r *http.Request) (*Login, error) {
	_, wait, err := b.registration(r)
	if err != nil {
		return nil, err
	}
	return &wait.Login, nil
}

func (b *Broker) registration(r *http.Request) (token string, _ *registering, err error) {
	found := r.CookiesNamed(b.site.Name(registrationCookie))
	if len(found) != 1 || len(found[0].Value) > 64 {
		return "", nil, oidckit.ErrNotFound
	}
	token = found[0].Value
	sealed, err := b.cfg.Store.BrowserSessions.BrowserSession(r.Context(), token)
	if err != nil {
		return "", nil, err
	}
	content, err := b.waiting.Open(sealed, []byte(token))
	if err != nil {
		return "", nil, oidckit.ErrNotFound
	}
	out := new(registering)
	if err := json.Unmarshal(content, out); err != nil {
		return "", nil, oidckit.ErrNotFound
	}
	return token, out, nil
}

// CompleteRegistration gives the person the account that the registration has
// led to, and answers the request with the end of the login. The app refuses a
// form of another site before (http.CrossOriginProtection). A registration is
// completed once: later calls return oidckit.ErrNotFound. After an error nothing
// has been written.
func (b *Broker) CompleteRegistration(w http.ResponseWriter, r *http.Request, subject string) error {
	wait, err := b.takeRegistration(w, r)
	if err != nil {
		return err
	}
	wait.Auth.Subject, err = b.link(r.Context(), subject, wait.Login, false)
	if err != nil {
		return err
	}
	return b.handOver(w, r, wait.ID, wait.Auth)
}

// CancelRegistration ends the login of a person who does not register, with
// access_denied. Its terms are those of CompleteRegistration.
func (b *Broker) CancelRegistration(w http.ResponseWriter, r *http.Request) error {
	wait, err := b.takeRegistration(w, r)
	if err != nil {
		return err
	}
	return b.cfg.Downstream.FailLogin(w, r, wait.ID, oidckit.NewError(oidckit.AccessDenied, "the person did not register"))
}

func (b *Broker) takeRegistration(w http.ResponseWriter, r *http.Request) (*registering, error) {
	token, wait, err := b.registration(r)
	if err != nil {
		return nil, err
	}
	err = b.cfg.Store.Replay.UseOnce(r.Context(), "broker registration:"+token, time.Now().Add(registrationLifetime))
	if errors.Is(err, oidckit.ErrConsumed) {
		return nil, oidckit.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	http.SetCookie(w, b.site.Cookie(b.site.Name(registrationCookie), "", -1))
	return wait, nil
}
