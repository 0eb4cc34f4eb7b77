package broker

import (
	"context"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// maxRouted bounds how many providers an e-mail domain may lead to.
const maxRouted = 20

// What follows is for logins. A disabled record is not found by any of it. Each
// call asks the store, by an index.

// Enabled returns the record with a UUID, or oidckit.ErrNotFound.
func (r *Registry) Enabled(ctx context.Context, uuid string) (*IdentityProvider, error) {
	p, err := r.Get(ctx, uuid)
	if err != nil {
		return nil, err
	}
	if p.Disabled {
		return nil, oidckit.ErrNotFound
	}
	return p, nil
}

// ByIdentifier returns the record with an identifier, or oidckit.ErrNotFound.
func (r *Registry) ByIdentifier(ctx context.Context, identifier string) (*IdentityProvider, error) {
	if identifier == "" {
		return nil, oidckit.ErrNotFound
	}
	return r.one(ctx, rpstore.IdentityProviderSelector{Identifier: identifier})
}

// Default returns the record that is taken when nothing else decides, or
// oidckit.ErrNotFound.
func (r *Registry) Default(ctx context.Context) (*IdentityProvider, error) {
	return r.one(ctx, rpstore.IdentityProviderSelector{Default: true})
}

func (r *Registry) one(ctx context.Context, sel rpstore.IdentityProviderSelector) (*IdentityProvider, error) {
	page, _, err := r.list(ctx, sel, 0, 1)
	if err != nil {
		return nil, err
	}
	if len(page) == 0 || page[0].Disabled {
		return nil, oidckit.ErrNotFound
	}
	return &page[0], nil
}

// ForEmail returns the records that the domain of an address leads to, 20 at
// most; none where it leads nowhere. What is no address leads nowhere.
func (r *Registry) ForEmail(ctx context.Context, address string) ([]IdentityProvider, error) {
	domain := emailDomain(address)
	if domain == "" {
		return nil, nil
	}
	page, _, err := r.list(ctx, rpstore.IdentityProviderSelector{Domain: domain}, 0, maxRouted)
	if err != nil {
		return nil, err
	}
	enabled := page[:0]
	for _, p := range page {
		if !p.Disabled {
			enabled = append(enabled, p)
		}
	}
	return enabled, nil
}

// Shown returns at most count of the records that people may choose, from the
// one with index start on, and how many there are.
func (r *Registry) Shown(ctx context.Context, start, count int) ([]IdentityProvider, int, error) {
	return r.list(ctx, rpstore.IdentityProviderSelector{Shown: true}, start, count)
}
