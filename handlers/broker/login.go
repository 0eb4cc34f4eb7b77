package broker

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
)

const (
	// maxForm bounds what is posted to the login route, in bytes.
	maxForm = 32 << 10
	// maxLoginCookie is what browsers keep of one cookie, less its name and
	// attributes.
	maxLoginCookie = 3800
)

// serveLogin decides at which identity provider a person logs in, and sends
// them there; where there is a choice it asks.
func (b *Broker) serveLogin(w http.ResponseWriter, r *http.Request) error {
	lr, h, err := b.readLogin(w, r)
	if err != nil {
		return err
	}
	c, err := b.choose(r.Context(), lr, h)
	if err != nil {
		return of(storeDown(err), lr.ID, "")
	}
	if c.provider != nil {
		return of(b.begin(w, r, lr, c.provider), lr.ID, c.provider.UUID)
	}
	// OpenID Connect Core 1.0 §3.1.2.1: prompt=none never shows a page
	if slices.Contains(lr.Prompt, oidckit.PromptNone) {
		return b.cfg.Downstream.FailLogin(w, r, lr.ID, oidckit.NewError(oidckit.InteractionRequired, "an identity provider must be chosen"))
	}
	b.offer(w, r, lr, h, c)
	return nil
}

// readLogin reads what is asked for and what is said of the provider. A form
// must be our own.
func (b *Broker) readLogin(w http.ResponseWriter, r *http.Request) (*oidckit.LoginRequest, hint, error) {
	if r.Method == http.MethodPost {
		if err := b.origins.Check(r); err != nil {
			return nil, hint{}, &failure{status: http.StatusForbidden, reason: "cross_origin", cause: err,
				message: "This form came from another site."}
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	}
	lr, err := b.cfg.Downstream.LoginRequest(r)
	if err != nil {
		return nil, hint{}, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, hint{}, of(refuse("malformed_form", err), lr.ID, "")
	}
	return lr, hintOf(r), nil
}

// offered is the choice as programs get it.
type offered struct {
	Providers []offeredProvider `json:"providers"`
	Email     bool              `json:"email"`
}

type offeredProvider struct {
	Identifier  string `json:"identifier"`
	DisplayName string `json:"displayName"`
	URL         string `json:"url"`
}

func (b *Broker) offer(w http.ResponseWriter, r *http.Request, lr *oidckit.LoginRequest, h hint, c choice) {
	status := http.StatusOK
	if c.problem != "" {
		status = http.StatusBadRequest
	}
	w.Header().Add("Vary", "Accept")
	if wantsJSON(r) {
		answer := offered{Providers: []offeredProvider{}, Email: c.askEmail}
		for _, p := range c.among {
			q := url.Values{"request": {lr.ID}, "idp": {p.Identifier}}
			answer.Providers = append(answer.Providers, offeredProvider{p.Identifier, p.DisplayName, b.site.URL(b.cfg.Prefix) + "/login?" + q.Encode()})
		}
		wire.WriteJSON(w, status, answer)
		return
	}
	p := page.Chooser{
		Client: page.Client{Name: lr.ClientName}, Action: b.LoginURL(), Hidden: []page.Field{{Name: "request", Value: lr.ID}},
		AskEmail: c.askEmail, Email: h.email, Error: c.problem,
	}
	if p.Email == "" && strings.Contains(lr.LoginHint, "@") {
		p.Email = lr.LoginHint
	}
	last := b.lastUsed(r)
	for _, idp := range c.among {
		p.Providers = append(p.Providers, page.ProviderChoice{ID: idp.UUID, Name: idp.DisplayName, LastUsed: idp.UUID == last})
	}
	if err := b.pages.Write(w, r, lr.UILocales, status, p); err != nil {
		b.cfg.Logger.Debug().Err(err).Msg("a page was not written")
	}
}

func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// transaction is a login under way at a provider. It lives in one sealed
// cookie.
type transaction struct {
	Provider string   `json:"p"`
	ID       string   `json:"id"`
	ClientID string   `json:"c,omitempty"`
	Nonce    string   `json:"n"`
	Verifier string   `json:"v"`
	MaxAge   *int64   `json:"a,omitempty"`
	ACR      []string `json:"r,omitempty"`
	// Fresh is set where the client wants the person to sign in anew, Silent where
	// it wants no page.
	Fresh  bool `json:"f,omitempty"`
	Silent bool `json:"s,omitempty"`

	state   string
	created time.Time
}

// begin sends a person to a provider.
func (b *Broker) begin(w http.ResponseWriter, r *http.Request, lr *oidckit.LoginRequest, p *IdentityProvider) error {
	if p.GrantType == GrantTypePassword {
		if slices.Contains(lr.Prompt, oidckit.PromptNone) {
			return b.cfg.Downstream.FailLogin(w, r, lr.ID, oidckit.NewError(oidckit.LoginRequired, "a password must be asked for"))
		}
		b.askPassword(w, r, http.StatusOK, lr, p, "", "")
		return nil
	}
	up, err := b.upstreams.of(p)
	if err != nil {
		return upstreamDown(err)
	}
	tx := newTransaction(lr, p)
	target, err := up.AuthorizationURL(r.Context(), client.AuthorizationRequest{
		State: tx.state, Nonce: tx.Nonce, CodeVerifier: tx.Verifier, Login: passedOn(lr, p),
	})
	if err != nil {
		return err
	}
	content, err := json.Marshal(tx)
	if err != nil {
		return storeDown(err)
	}
	logins := b.loginsOf(p)
	cookie := logins.Seal(cookies.Pending{State: tx.state, Created: tx.created, Content: content})
	if len(cookie.Value) > maxLoginCookie {
		return &failure{status: http.StatusBadRequest, reason: "request_too_large", message: "The app that sent you here asks for too much at once."}
	}
	logins.MakeRoom(w, r, cookie)
	http.SetCookie(w, cookie)
	redirect(w, http.StatusSeeOther, target)
	return nil
}

func newTransaction(lr *oidckit.LoginRequest, p *IdentityProvider) *transaction {
	tx := &transaction{
		Provider: p.UUID, ID: lr.ID, ClientID: lr.ClientID, Nonce: secret.ID(), Verifier: secret.Token(),
		Fresh:  lr.MaxAge != nil || slices.Contains(lr.Prompt, oidckit.PromptLogin),
		Silent: slices.Contains(lr.Prompt, oidckit.PromptNone),
		state:  secret.ID(), created: time.Now().Truncate(time.Second),
	}
	if lr.MaxAge != nil {
		seconds := int64(*lr.MaxAge / time.Second)
		tx.MaxAge = &seconds
	}
	return tx
}

// passedOn is what of a client's request the provider is asked for. Which acr
// values a provider knows is its own affair: what it answers comes back by the
// attribute mapping alone.
func passedOn(lr *oidckit.LoginRequest, p *IdentityProvider) oidckit.LoginRequest {
	if p.Issuer == "" {
		return oidckit.LoginRequest{}
	}
	out := oidckit.LoginRequest{
		Prompt: slices.DeleteFunc(slices.Clone(lr.Prompt), func(v string) bool { return v == oidckit.PromptConsent }),
		MaxAge: lr.MaxAge, LoginHint: lr.LoginHint, UILocales: lr.UILocales, Display: lr.Display,
	}
	for _, acr := range lr.ACRValues {
		if !strings.HasPrefix(acr, acrProvider) {
			out.ACRValues = append(out.ACRValues, acr)
		}
	}
	return out
}

// loginsOf is the jar for the way in which a provider answers.
func (b *Broker) loginsOf(p *IdentityProvider) *cookies.Jar {
	if formPost(p) {
		return b.logins.CrossSite()
	}
	return b.logins
}

func formPost(p *IdentityProvider) bool {
	return p.ResponseMode == ResponseModeFormPost || p.ResponseMode == "" && p.GrantType == GrantTypeImplicit
}

// lastUsed is the provider that this browser has logged in at before: a
// courtesy, by which nothing is decided.
func (b *Broker) lastUsed(r *http.Request) string {
	found := r.CookiesNamed(b.site.Name(lastUsedCookie))
	if len(found) != 1 || len(found[0].Value) > 64 {
		return ""
	}
	return found[0].Value
}

const (
	lastUsedCookie   = "broker-last"
	lastUsedLifetime = 180 * 24 * time.Hour
)

func (b *Broker) rememberUsed(w http.ResponseWriter, p *IdentityProvider) {
	http.SetCookie(w, b.site.Cookie(b.site.Name(lastUsedCookie), p.UUID, int(lastUsedLifetime/time.Second)))
}
