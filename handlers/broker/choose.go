package broker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
)

// maxShown bounds how many providers the page offers; the others are found by
// an e-mail address.
const maxShown = 50

// acrProvider begins an acr value by which a client names an identity provider:
// no parameter of OpenID Connect does.
const acrProvider = "idp:"

// hint is what the person, or who sent them, has said about the provider.
type hint struct{ provider, email string }

// choice is the one provider to log in at, or those to choose among.
type choice struct {
	provider *IdentityProvider
	among    []IdentityProvider
	askEmail bool
	// problem is a sentence about what was asked for, if that leads nowhere.
	problem string
}

const (
	notOffered = "This sign-in service is not available. Please choose another one."
	noSuchMail = "There is no sign-in service for this address. Please check it, or choose one below."
)

// choose decides where a login goes: by what was chosen, by an address, by what
// is the only or the default provider.
func (b *Broker) choose(ctx context.Context, lr *oidckit.LoginRequest, h hint) (choice, error) {
	var c choice
	for _, by := range []func(context.Context, *oidckit.LoginRequest, hint, *choice) error{b.byName, b.byEmail, b.byDefault} {
		if err := by(ctx, lr, h, &c); err != nil || c.provider != nil {
			return c, err
		}
	}
	return c, b.byList(ctx, lr, h, &c)
}

// usable reports whether this login may go through a provider.
func (b *Broker) usable(p *IdentityProvider, clientID string) bool {
	return p.UsableBy(clientID) && (!b.cfg.EndUserLogin || p.EndUserLogin)
}

// byName takes the provider that was chosen, or named by the client.
func (b *Broker) byName(ctx context.Context, lr *oidckit.LoginRequest, h hint, c *choice) error {
	name, chosen := h.provider, h.provider != ""
	if !chosen && h.email == "" {
		for _, acr := range lr.ACRValues {
			if named, ok := strings.CutPrefix(acr, acrProvider); ok {
				name = named
				break
			}
		}
	}
	if name == "" {
		return nil
	}
	p, err := b.cfg.Registry.Enabled(ctx, name)
	if errors.Is(err, oidckit.ErrNotFound) {
		p, err = b.cfg.Registry.ByIdentifier(ctx, name)
	}
	switch {
	case err == nil && b.usable(p, lr.ClientID):
		c.provider = p
	case err != nil && !errors.Is(err, oidckit.ErrNotFound):
		return err
	case chosen:
		c.problem = notOffered
	}
	return nil
}

// byEmail takes the provider that an address leads to: the typed one, else
// login_hint.
func (b *Broker) byEmail(ctx context.Context, lr *oidckit.LoginRequest, h hint, c *choice) error {
	address, typed := h.email, h.email != ""
	if !typed {
		if h.provider != "" || !strings.Contains(lr.LoginHint, "@") {
			return nil
		}
		address = lr.LoginHint
	}
	found, err := b.cfg.Registry.ForEmail(ctx, address)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(p IdentityProvider) bool { return !b.usable(&p, lr.ClientID) })
	switch {
	case len(found) == 1:
		c.provider = &found[0]
	case len(found) > 1:
		c.among = found
	case typed:
		c.problem = noSuchMail
	}
	return nil
}

// byDefault takes the default provider when nothing else has been said.
func (b *Broker) byDefault(ctx context.Context, lr *oidckit.LoginRequest, h hint, c *choice) error {
	if h != (hint{}) || c.among != nil || slices.Contains(lr.Prompt, oidckit.PromptSelectAccount) {
		return nil
	}
	p, err := b.cfg.Registry.Default(ctx)
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil
	}
	if err == nil && b.usable(p, lr.ClientID) {
		c.provider = p
	}
	return err
}

// byList offers what is shown; a person with one choice never sees the page.
func (b *Broker) byList(ctx context.Context, lr *oidckit.LoginRequest, h hint, c *choice) error {
	if c.among != nil {
		return nil
	}
	shown, total, err := b.cfg.Registry.Shown(ctx, 0, maxShown)
	if err != nil {
		return err
	}
	_, all, err := b.cfg.Registry.List(ctx, 0, 0)
	if err != nil {
		return err
	}
	// Who is not listed can be reached by an address alone.
	unlisted := all > total || total > maxShown
	c.askEmail = unlisted
	for _, p := range shown {
		c.askEmail = c.askEmail || len(p.Domains()) > 0
		if b.usable(&p, lr.ClientID) {
			c.among = append(c.among, p)
		}
	}
	if len(c.among) == 1 && !unlisted && h == (hint{}) {
		c.provider = &c.among[0]
	}
	return nil
}

// hintOf reads what a request says of the provider. Of a GET the address is not
// taken: it would stand in logs.
func hintOf(r *http.Request) hint {
	if r.Method == http.MethodPost {
		return hint{provider: r.PostForm.Get("idp"), email: strings.TrimSpace(r.PostForm.Get("email"))}
	}
	return hint{provider: r.URL.Query().Get("idp")}
}
