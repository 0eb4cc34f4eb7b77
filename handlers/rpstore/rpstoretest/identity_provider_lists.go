package rpstoretest

import (
	"context"
	"fmt"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/storetest"
)

func providerDelete(ctx context.Context, s rpstore.Set) error {
	p, kept := newProvider(), newProvider()
	p.Default = true
	kept.Domains = []string{p.Domains[0]}
	if err := putProviders(ctx, s, p, kept); err != nil {
		return err
	}
	again := newProvider()
	again.Identifier, again.Domains, again.Default = p.Identifier, p.Domains, true
	remove := s.IdentityProviders.DeleteIdentityProvider
	return storetest.First(
		storetest.Want("DeleteIdentityProvider of another version", remove(ctx, p.UUID, 2), oidckit.ErrConflict),
		storetest.Want("DeleteIdentityProvider of version 0", remove(ctx, p.UUID, 0), oidckit.ErrConflict),
		providerIs(ctx, s, p),
		remove(ctx, p.UUID, 1),
		providerGone(ctx, s, p.UUID),
		storetest.Want("a second DeleteIdentityProvider", remove(ctx, p.UUID, 1), oidckit.ErrNotFound),
		listed(ctx, s, rpstore.IdentityProviderSelector{}, kept),
		listed(ctx, s, rpstore.IdentityProviderSelector{Default: true}),
		listed(ctx, s, rpstore.IdentityProviderSelector{Identifier: p.Identifier}),
		listed(ctx, s, rpstore.IdentityProviderSelector{Domain: p.Domains[0]}, kept),
		listed(ctx, s, rpstore.IdentityProviderSelector{Domain: p.Domains[1]}),
		putProviders(ctx, s, again),
		providerIs(ctx, s, again),
	)
}

func providerDeleteRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		p := newProvider()
		if err := putProviders(ctx, s, p); err != nil {
			return err
		}
		return storetest.OneWinner(storetest.Race(func(int) error {
			return s.IdentityProviders.DeleteIdentityProvider(ctx, p.UUID, 1)
		}), oidckit.ErrNotFound)
	})
}

func providerPages(ctx context.Context, s rpstore.Set) error {
	const total = 23
	begun := time.Now().Truncate(time.Microsecond)
	want := make([]*rpstore.IdentityProvider, total)
	for i := range want {
		p := newProvider()
		// Of two of an instant the UUID says which is first.
		p.UUID = fmt.Sprintf("%02d-%s", i, secret.ID())
		p.CreatedAt = begun.Add(time.Duration(i/2) * time.Second)
		want[i] = p
	}
	for i := range want {
		if err := putProviders(ctx, s, want[(i*7)%total]); err != nil {
			return err
		}
	}
	for _, row := range []struct{ start, count, first, last int }{
		{0, 10, 0, 10}, {10, 10, 10, 20}, {20, 10, 20, total}, {0, 1000, 0, total}, {22, 1, 22, total},
		{total, 10, total, total}, {1 << 30, 10, total, total}, {0, 0, 0, 0}, {-1, 1, 0, 1}, {0, -1, 0, 0},
	} {
		got, n, err := s.IdentityProviders.ListIdentityProviders(ctx, rpstore.IdentityProviderSelector{}, row.start, row.count)
		if err != nil {
			return err
		}
		if n != total || len(got) != row.last-row.first {
			return fmt.Errorf("%d from %d on: got %d of %d, want %d of %d", row.count, row.start, len(got), n, row.last-row.first, total)
		}
		for i := range got {
			if err := storetest.Same("a provider of a page", &got[i], want[row.first+i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func providerSelectors(ctx context.Context, s rpstore.Set) error {
	plain, hidden, disabled, preferred := newProvider(), newProvider(), newProvider(), newProvider()
	all := []*rpstore.IdentityProvider{plain, hidden, disabled, preferred}
	domain := secret.ID()
	for i, p := range all {
		p.CreatedAt = p.CreatedAt.Add(time.Duration(i) * time.Second)
		p.Domains = append(p.Domains, domain)
	}
	hidden.ShowIDPToUsers, disabled.Disabled, preferred.Default = false, true, true
	hidden.Domains = hidden.Domains[:2]
	if err := putProviders(ctx, s, all...); err != nil {
		return err
	}
	type sel = rpstore.IdentityProviderSelector
	for _, row := range []struct {
		sel  sel
		want []*rpstore.IdentityProvider
	}{
		{sel{}, all},
		{sel{Shown: true}, []*rpstore.IdentityProvider{plain, preferred}},
		{sel{Default: true}, []*rpstore.IdentityProvider{preferred}},
		{sel{Domain: domain}, []*rpstore.IdentityProvider{plain, disabled, preferred}},
		{sel{Domain: domain, Shown: true}, []*rpstore.IdentityProvider{plain, preferred}},
		{sel{Domain: hidden.Domains[0]}, []*rpstore.IdentityProvider{hidden}},
		{sel{Domain: hidden.Domains[0], Default: true}, nil},
		{sel{Identifier: hidden.Identifier}, []*rpstore.IdentityProvider{hidden}},
		{sel{Identifier: hidden.Identifier, Shown: true}, nil},
		{sel{Identifier: plain.Identifier, Domain: plain.Domains[1], Shown: true}, []*rpstore.IdentityProvider{plain}},
		{sel{Identifier: plain.UUID}, nil},
		{sel{Domain: domain + "\x00"}, nil},
		{sel{Identifier: "\xff"}, nil},
	} {
		if err := listed(ctx, s, row.sel, row.want...); err != nil {
			return err
		}
	}
	// What is shown follows each change.
	hidden.ShowIDPToUsers, plain.Disabled = true, true
	return storetest.First(putProviders(ctx, s, hidden, plain), listed(ctx, s, sel{Shown: true}, hidden, preferred))
}
