package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/secret"
)

// RegistryConfig is what a Registry is made of.
type RegistryConfig struct {
	// Store keeps the records. Required.
	Store rpstore.IdentityProviders
	// Secrets seals client secrets. Required; the same in all replicas. A key is
	// dropped from it when Registry.Reseal has run.
	Secrets oidckit.Secrets
	// CallbackURL is the address under which people come back from providers. A
	// record's own is this one, a slash and its UUID: one for each, so that no
	// provider can answer for another (RFC 9700 §4.4.2.2). Required; https, or
	// http on loopback.
	CallbackURL string
	// Outbound says which addresses a record may have.
	Outbound Outbound
	// Events hears of every change, with the names of the fields that it has
	// changed and without their values.
	Events oidckit.EventSink
	// Logger hears of secrets that cannot be opened. The zero value is silent.
	Logger zerolog.Logger
}

// Registry keeps the identity providers of the broker: it checks what people
// write, and finds the records for logins. It holds no copy of a record, so that
// every replica goes by what is in the store: a change counts everywhere with
// the next request. It is safe for concurrent use.
type Registry struct {
	store     rpstore.IdentityProviders
	box       *secret.Box
	key       []byte
	callbacks string
	out       Outbound
	events    oidckit.EventSink
	log       zerolog.Logger
}

// NewRegistry returns a registry. It makes no call.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	var errs []error
	if cfg.Store == nil {
		errs = append(errs, errors.New("broker.RegistryConfig.Store is nil"))
	}
	if cfg.Secrets.IsZero() {
		errs = append(errs, errors.New("broker.RegistryConfig.Secrets is empty"))
	}
	if _, err := safeurl.Issuer(cfg.CallbackURL); err != nil {
		errs = append(errs, fmt.Errorf("broker.RegistryConfig.CallbackURL %w", err))
	}
	if err := cfg.Outbound.check(); err != nil {
		errs = append(errs, fmt.Errorf("broker.RegistryConfig.%w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Registry{
		store: cfg.Store, box: secret.NewBox(cfg.Secrets, "identity provider client secret"),
		key:       cfg.Secrets.Derive("identity provider idempotency", 32)[0],
		callbacks: strings.TrimSuffix(cfg.CallbackURL, "/") + "/", out: cfg.Outbound, events: cfg.Events, log: cfg.Logger,
	}, nil
}

func (r *Registry) callback(uuid string) string { return r.callbacks + uuid }

// Check returns all that is wrong with a record as it would be created, nil where
// nothing is. It asks the resolver where the hosts lead.
func (r *Registry) Check(ctx context.Context, p IdentityProvider) FieldErrors {
	p = normalise(p)
	wrong := p.check(r.out)
	if p.ClientSecret == MaskedSecret {
		wrong = append(wrong, FieldError{Field: "clientSecret", Message: "is the mask, not a secret"})
	}
	return append(wrong, r.lookup(ctx, &p, wrong)...)
}

// lookup finds hosts that lead to addresses which are not called.
func (r *Registry) lookup(ctx context.Context, p *IdentityProvider, wrong FieldErrors) FieldErrors {
	hosts := map[string][]string{}
	var names []string
	for _, f := range p.endpoints() {
		known := slices.ContainsFunc(wrong, func(e FieldError) bool { return e.Field == f.name })
		if host := hostOf(f.value); host != "" && !known {
			if hosts[host] == nil {
				names = append(names, host)
			}
			hosts[host] = append(hosts[host], f.name)
		}
	}
	var bad FieldErrors
	for _, host := range r.out.lookup(ctx, names) {
		for _, field := range hosts[host] {
			bad = append(bad, FieldError{Field: field, Message: errAddress.Error()})
		}
	}
	return bad
}

// Create stores a new record and returns it. UUID, callback and times of p are
// ignored, and its identifier is joined with a slug of its name. It returns
// FieldErrors, or oidckit.ErrConflict where the identifier is taken.
//
// A key that is not empty makes the call repeatable: the same person who creates
// the same record under the same key again gets the one that was created.
func (r *Registry) Create(ctx context.Context, p IdentityProvider, key string) (*IdentityProvider, error) {
	if wrong := r.Check(ctx, p); len(wrong) > 0 {
		return nil, wrong
	}
	p = normalise(p)
	p.requested, p.Identifier = p.Identifier, joinIdentifier(p.Identifier, p.DisplayName)
	p.UUID, p.OAuthCallbackURL, p.Version = "", "", 0
	p.UUID = r.newUUID(ctx, &p, key)
	p.CreatedAt = time.Now().Truncate(time.Microsecond)
	p.UpdatedAt = p.CreatedAt
	p.sealed = r.seal(p.UUID, p.ClientSecret)
	before, err := r.preferredBefore(ctx, &p)
	if err != nil {
		return nil, err
	}
	s := p.stored()
	err = r.store.PutIdentityProvider(ctx, s)
	if errors.Is(err, oidckit.ErrConflict) && key != "" {
		if existing, err := r.Get(ctx, p.UUID); err == nil {
			return existing, nil
		}
	}
	if err != nil {
		return nil, err
	}
	created := r.fromStore(s)
	r.report(ctx, oidckit.EventIdentityProviderCreated, created.UUID, nil)
	r.reportLostDefault(ctx, before, created)
	return created, nil
}

// Get returns a record, or oidckit.ErrNotFound.
func (r *Registry) Get(ctx context.Context, uuid string) (*IdentityProvider, error) {
	s, err := r.store.IdentityProvider(ctx, uuid)
	if err != nil {
		return nil, err
	}
	return r.fromStore(s), nil
}

// List returns at most count records in the order of their creation, from the
// one with index start on, and how many there are.
func (r *Registry) List(ctx context.Context, start, count int) ([]IdentityProvider, int, error) {
	return r.list(ctx, rpstore.IdentityProviderSelector{}, start, count)
}

func (r *Registry) list(ctx context.Context, sel rpstore.IdentityProviderSelector, start, count int) ([]IdentityProvider, int, error) {
	stored, total, err := r.store.ListIdentityProviders(ctx, sel, start, count)
	if err != nil {
		return nil, 0, err
	}
	page := make([]IdentityProvider, len(stored))
	for i := range stored {
		page[i] = *r.fromStore(&stored[i])
	}
	return page, total, nil
}

// Delete removes a record of a version, or whatever version it has where that is
// 0. It returns oidckit.ErrNotFound, or oidckit.ErrConflict where it has changed.
func (r *Registry) Delete(ctx context.Context, uuid string, version int64) error {
	err := r.anyVersion(ctx, uuid, version, func(current *IdentityProvider) error {
		return r.store.DeleteIdentityProvider(ctx, uuid, current.Version)
	})
	if err != nil {
		return err
	}
	r.report(ctx, oidckit.EventIdentityProviderDeleted, uuid, nil)
	return nil
}

// maxTries bounds how often a change without a version is tried against others.
const maxTries = 10

// anyVersion calls change for a record of a version. Where the version is 0 it
// calls it for the one that is there, again where another change came between.
func (r *Registry) anyVersion(ctx context.Context, uuid string, version int64, change func(current *IdentityProvider) error) error {
	for tries := 1; ; tries++ {
		current, err := r.Get(ctx, uuid)
		if err != nil {
			return err
		}
		if version != 0 && current.Version != version {
			return oidckit.ErrConflict
		}
		err = change(current)
		if version != 0 || tries == maxTries || !errors.Is(err, oidckit.ErrConflict) {
			return err
		}
	}
}
