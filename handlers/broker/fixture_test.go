package broker_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

func secrets(t testing.TB, seeds ...byte) oidckit.Secrets {
	t.Helper()
	var keys [][]byte
	for _, s := range seeds {
		keys = append(keys, bytes.Repeat([]byte{s}, 32))
	}
	ring, err := oidckit.NewSecrets(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// recorder keeps events.
type recorder struct {
	mu  sync.Mutex
	all []oidckit.Event
}

func (r *recorder) sink(_ context.Context, e oidckit.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

// take returns the events since the last call, as name, record and fields.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, e := range r.all {
		out = append(out, strings.TrimSpace(string(e.Name)+" "+strings.Join(e.Fields, ",")))
	}
	r.all = nil
	return out
}

type fixture struct {
	*broker.Registry
	store  rpstore.IdentityProviders
	events *recorder
}

func newRegistry(t testing.TB, change func(*broker.RegistryConfig)) *fixture {
	t.Helper()
	f := &fixture{events: &recorder{}}
	cfg := broker.RegistryConfig{
		Store: rpstore.NewMemory().Open("app").IdentityProviders, Secrets: secrets(t, 1),
		CallbackURL: "https://app.example.com/broker/callback", Events: f.events.sink,
	}
	if change != nil {
		change(&cfg)
	}
	f.store = cfg.Store
	var err error
	if f.Registry, err = broker.NewRegistry(cfg); err != nil {
		t.Fatal(err)
	}
	return f
}

// record is the one of the API's pages.
func record() broker.IdentityProvider {
	return broker.IdentityProvider{
		Identifier: "custom_oauth", DisplayName: "OAuth IDP", AuthorizeEndpoint: "https://oauth.com/authorize", TokenEndpoint: "https://oauth.com/token",
		UserInfoEndpoint: "https://oauth.com/userinfo", IntrospectionEndpoint: "https://oauth.com/introspection",
		ClientID: "clientId", ClientSecret: "the secret", GrantType: broker.GrantTypeAuthorization, ClientCredentialsHeaderEnabled: true,
		Scope: []string{"PROFILE", "EMAIL"}, SendScopeInTokenRequest: true, ShowIDPToUsers: true, SendConfiguredAttributes: true,
		DomainMapping:    "domain.com",
		AttributeMapping: []broker.AttributeMapping{{IncomingAttribute: "mail", OutgoingAttribute: "EMAIL"}},
	}
}

func (f *fixture) create(t testing.TB, change func(*broker.IdentityProvider)) *broker.IdentityProvider {
	t.Helper()
	p := record()
	if change != nil {
		change(&p)
	}
	created, err := f.Create(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func (f *fixture) secretOf(t testing.TB, uuid string) string {
	t.Helper()
	p, err := f.Get(t.Context(), uuid)
	if err == nil {
		err = f.Reveal(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.ClientSecret
}

// fields returns the names of the fields that an error names.
func fields(err error) []string {
	wrong, _ := err.(broker.FieldErrors)
	var names []string
	for _, e := range wrong {
		names = append(names, e.Field)
	}
	slices.Sort(names)
	return names
}
