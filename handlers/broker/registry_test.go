package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/storetest"
)

func TestRegistryKeepsRecords(t *testing.T) {
	f := newRegistry(t, nil)
	p := f.create(t, nil)
	if p.Identifier != "custom_oauth_oauth_idp" || !slices.Equal(p.Scope, []string{"profile", "email"}) || p.ClientSecret != broker.MaskedSecret ||
		p.OAuthCallbackURL != "https://app.example.com/broker/callback/"+p.UUID || len(p.UUID) != 36 || p.Version != 1 {
		t.Errorf("created %+v", p)
	}
	got, err := f.Get(t.Context(), p.UUID)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
		t.Errorf("got %+v, %v, want %+v", got, err, p)
	}
	mixed := f.create(t, func(p *broker.IdentityProvider) {
		p.Identifier, p.Scope = "scopes", []string{"OpenID", "openid", "User.Read", "EMAIL"}
	})
	if !slices.Equal(mixed.Scope, []string{"openid", "User.Read", "email"}) {
		t.Errorf("scope %q", mixed.Scope)
	}
	if err := f.Delete(t.Context(), p.UUID, 2); !errors.Is(err, oidckit.ErrConflict) {
		t.Errorf("deletion of another version: %v", err)
	}
	if err := f.Delete(t.Context(), p.UUID, 1); err != nil {
		t.Error(err)
	}
	if err := f.Delete(t.Context(), p.UUID, 0); !errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("second deletion: %v", err)
	}
	if _, total, err := f.List(t.Context(), 0, 10); err != nil || total != 1 {
		t.Errorf("%d records, %v", total, err)
	}
}

// ATK-318, and secrets at rest: neither store nor event nor print nor JSON has a
// secret, and one sealed for another record opens nothing.
func TestSecretsStaySecret(t *testing.T) {
	f := newRegistry(t, nil)
	p := f.create(t, nil)
	if got := f.secretOf(t, p.UUID); got != "the secret" {
		t.Errorf("secret %q", got)
	}
	stored, err := f.store.IdentityProvider(t.Context(), p.UUID)
	if err != nil {
		t.Fatal(err)
	}
	revealed := *p
	if err := f.Reveal(&revealed); err != nil {
		t.Fatal(err)
	}
	doc, _ := json.Marshal(p)
	for what, text := range map[string]string{
		"the store": fmt.Sprintf("%+v %s", stored, stored.SealedClientSecret), "events": fmt.Sprintf("%+v", f.events.all),
		"a print": fmt.Sprintf("%v %+v %#v", revealed, &revealed, revealed), "JSON": string(doc),
	} {
		if strings.Contains(text, "the secret") {
			t.Errorf("%s has the secret: %s", what, text)
		}
	}
	other := f.create(t, func(p *broker.IdentityProvider) { p.Identifier = "other" })
	moved, _ := f.store.IdentityProvider(t.Context(), other.UUID)
	moved.SealedClientSecret = stored.SealedClientSecret
	if err := f.store.PutIdentityProvider(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	if other, err = f.Get(t.Context(), other.UUID); err != nil || f.Reveal(other) == nil || other.ClientSecret != broker.MaskedSecret {
		t.Errorf("another record's secret was opened: %+v, %v", other, err)
	}
}

// A key leaves the ring when everything is sealed under the new one.
func TestReseal(t *testing.T) {
	store := rpstore.NewMemory().Open("app").IdentityProviders
	with := func(seeds ...byte) *fixture {
		return newRegistry(t, func(c *broker.RegistryConfig) { c.Store, c.Secrets = store, secrets(t, seeds...) })
	}
	var last *broker.IdentityProvider
	for i := range 120 {
		last = with(1).create(t, func(p *broker.IdentityProvider) { p.Identifier = fmt.Sprint("p", i) })
	}
	if n, err := with(2, 1).Reseal(t.Context()); err != nil || n != 120 {
		t.Errorf("%d records sealed, %v", n, err)
	}
	if got := with(2).secretOf(t, last.UUID); got != "the secret" {
		t.Errorf("secret %q", got)
	}
	if _, err := with(3).Reseal(t.Context()); err == nil {
		t.Error("what cannot be opened was sealed anew")
	}
}

func TestReplace(t *testing.T) {
	f := newRegistry(t, nil)
	p := f.create(t, nil)
	f.events.take()
	next := *p
	next.Identifier, next.DisplayName, next.Scope = "custom_oauth", "Renamed", nil
	replaced, err := f.Replace(t.Context(), next, 1)
	if err != nil || replaced.Identifier != p.Identifier || replaced.DisplayName != "Renamed" || len(replaced.Scope) != 0 || replaced.Version != 2 || !replaced.CreatedAt.Equal(p.CreatedAt) {
		t.Fatalf("%+v, %v", replaced, err)
	}
	if got := f.secretOf(t, p.UUID); got != "the secret" {
		t.Errorf("the mask has changed the secret to %q", got)
	}
	if got := f.events.take(); !slices.Equal(got, []string{"identity_provider.updated displayName,scope"}) {
		t.Errorf("events %q", got)
	}
	// The answer was lost, and the request comes again.
	if again, err := f.Replace(t.Context(), next, 1); err != nil || again.Version != 2 {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	next.DisplayName = "Another"
	if _, err := f.Replace(t.Context(), next, 1); !errors.Is(err, oidckit.ErrConflict) {
		t.Errorf("a stale version: %v", err)
	}
	next.ClientSecret = "a new one"
	if _, err := f.Replace(t.Context(), next, 0); err != nil {
		t.Errorf("without a version: %v", err)
	}
	if got := f.secretOf(t, p.UUID); got != "a new one" {
		t.Errorf("secret %q", got)
	}
	if got := f.events.take(); !slices.Equal(got, []string{"identity_provider.updated displayName,clientSecret"}) {
		t.Errorf("events %q", got)
	}
	next.Identifier, next.ClientSecret, next.GrantType = "other", "", ""
	if _, err := f.Replace(t.Context(), next, 0); !slices.Equal(fields(err), []string{"clientSecret", "grantType", "identifier"}) {
		t.Errorf("a bad record: %v", err)
	}
	next.UUID = "none"
	if _, err := f.Replace(t.Context(), next, 0); !errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("no such record: %v", err)
	}
}

// Whoever may change a record must not learn its secret by it.
func TestMaskedSecretGoesNowhereElse(t *testing.T) {
	f := newRegistry(t, nil)
	p := f.create(t, nil)
	for name, change := range map[string]func(*broker.IdentityProvider){
		"token endpoint":         func(p *broker.IdentityProvider) { p.TokenEndpoint = "https://evil.example/token" },
		"introspection endpoint": func(p *broker.IdentityProvider) { p.IntrospectionEndpoint = "https://oauth.com:8443/i" },
		"issuer":                 func(p *broker.IdentityProvider) { p.Issuer, p.Scope = "https://evil.example", []string{"openid"} },
	} {
		next := *p
		change(&next)
		if _, err := f.Replace(t.Context(), next, 0); !slices.Equal(fields(err), []string{"clientSecret"}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	next := *p
	next.TokenEndpoint, next.UserInfoEndpoint = "https://oauth.com/v2/token", "https://api.example/me"
	if _, err := f.Replace(t.Context(), next, 0); err != nil {
		t.Errorf("the same host: %v", err)
	}
}

func TestDefaultMoves(t *testing.T) {
	f := newRegistry(t, nil)
	preferred := func(name string) *broker.IdentityProvider {
		return f.create(t, func(p *broker.IdentityProvider) { p.Identifier, p.IsDefault = name, true })
	}
	a, b := preferred("a"), preferred("b")
	if got := f.events.take(); !slices.Equal(got, []string{"identity_provider.created", "identity_provider.created", "identity_provider.updated isDefault"}) {
		t.Errorf("events %q", got)
	}
	if got, err := f.Default(t.Context()); err != nil || got.UUID != b.UUID {
		t.Errorf("default %+v, %v", got, err)
	}
	if _, err := f.Replace(t.Context(), *a, a.Version); !errors.Is(err, oidckit.ErrConflict) {
		t.Errorf("a version from before the default went: %v", err)
	}
}

// ATK-323.
func TestRacesOfOperators(t *testing.T) {
	f := newRegistry(t, nil)
	err := storetest.OneWinner(storetest.Race(func(int) error {
		_, err := f.Create(t.Context(), record(), "")
		return err
	}), oidckit.ErrConflict)
	if err != nil {
		t.Error(err)
	}
	page, total, err := f.List(t.Context(), 0, 10)
	if err != nil || total != 1 {
		t.Fatalf("%d records, %v", total, err)
	}
	p := page[0]
	err = storetest.OneWinner(storetest.Race(func(i int) error {
		next := p
		next.DisplayName = fmt.Sprint("by ", i)
		_, err := f.Replace(t.Context(), next, p.Version)
		return err
	}), oidckit.ErrConflict)
	if err != nil {
		t.Error(err)
	}
}

func TestCreateIsRepeatable(t *testing.T) {
	f := newRegistry(t, nil)
	as := func(who string) context.Context {
		return oidckit.ContextWithIdentity(t.Context(), &oidckit.Identity{Subject: who})
	}
	first, err := f.Create(as("root"), record(), "key")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := f.Create(as("root"), record(), "key"); err != nil || again.UUID != first.UUID || again.Version != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
	other := record()
	other.ClientSecret = "another"
	for name, err := range map[string]error{
		"another record under the key": second(f.Create(as("root"), other, "key")),
		"another person":               second(f.Create(as("eve"), record(), "key")),
		"another key":                  second(f.Create(as("root"), record(), "other")),
		"no key":                       second(f.Create(as("root"), record(), "")),
	} {
		if !errors.Is(err, oidckit.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// ATK-277: what comes after a deletion is the same record or another one.
	if err := f.Delete(t.Context(), first.UUID, 0); err != nil {
		t.Fatal(err)
	}
	if next, err := f.Create(as("root"), other, "key"); err != nil || next.UUID == first.UUID {
		t.Errorf("another record has the uuid of the deleted one: %+v, %v", next, err)
	}
}

func second[T any](_ T, err error) error { return err }
