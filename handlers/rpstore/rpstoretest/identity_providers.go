package rpstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/storetest"
)

func identityProviderChecks() []check {
	return []check{
		{Name: "a provider is returned as it was stored", Run: providerStored},
		{Name: "every put replaces the whole provider, but for when it was created", Run: providerReplaced},
		{Name: "a uuid or an identifier that is taken is a conflict, and changes nothing", Run: providerConflict},
		{Name: "a put of another version is a conflict, of a deleted provider not found, and changes nothing", Run: providerVersions},
		{Name: "of creations at once with one identifier exactly one is made", Run: providerCreateRace},
		{Name: "of changes at once to one version exactly one is made", Run: providerPutRace},
		{Name: "a new default takes it from the one before, whose version grows", Run: providerDefault},
		{Name: "defaults put at once leave one", Run: providerDefaultRace},
		{Name: "a deletion is of a version, and frees identifier, domains and default", Run: providerDelete},
		{Name: "of deletions at once exactly one is made", Run: providerDeleteRace},
		{Name: "a list is in the order of creation, in pages, with its total", Run: providerPages},
		{Name: "a selector matches providers by every field that is set, the zero one all", Run: providerSelectors},
		{Name: "providers are copied in and out", Run: providerCopies},
		{Name: "an ended context stops the call and changes nothing", Run: providerCancelled},
	}
}

// newProvider returns a provider with every field set, that is not the default
// one and is shown.
func newProvider() *rpstore.IdentityProvider {
	p := storetest.Fill(&rpstore.IdentityProvider{})
	p.Default, p.Disabled, p.Version = false, false, 0
	return p
}

func putProviders(ctx context.Context, s rpstore.Set, all ...*rpstore.IdentityProvider) error {
	for _, p := range all {
		if err := s.IdentityProviders.PutIdentityProvider(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func providerIs(ctx context.Context, s rpstore.Set, want *rpstore.IdentityProvider) error {
	got, err := s.IdentityProviders.IdentityProvider(ctx, want.UUID)
	if err != nil {
		return err
	}
	return storetest.Same("IdentityProvider", got, want)
}

func providerGone(ctx context.Context, s rpstore.Set, uuid string) error {
	_, err := s.IdentityProviders.IdentityProvider(ctx, uuid)
	return storetest.Want("IdentityProvider", err, oidckit.ErrNotFound)
}

// listed returns an error unless a selector finds exactly these, in order.
func listed(ctx context.Context, s rpstore.Set, sel rpstore.IdentityProviderSelector, want ...*rpstore.IdentityProvider) error {
	got, total, err := s.IdentityProviders.ListIdentityProviders(ctx, sel, 0, 100)
	if err != nil {
		return err
	}
	if len(got) != len(want) || total != len(want) {
		return fmt.Errorf("selector %+v found %d of %d providers, want %d", sel, len(got), total, len(want))
	}
	for i := range want {
		if err := storetest.Same(fmt.Sprintf("provider %d of selector %+v", i, sel), &got[i], want[i]); err != nil {
			return err
		}
	}
	return nil
}

func providerStored(ctx context.Context, s rpstore.Set) error {
	p := newProvider()
	p.Default = true
	want := storetest.Clone(p)
	want.Version = 1
	bare := &rpstore.IdentityProvider{UUID: secret.ID(), Identifier: secret.ID()}
	err := storetest.First(putProviders(ctx, s, p, bare), providerIs(ctx, s, want), providerIs(ctx, s, bare))
	if err == nil && p.Version != 1 {
		err = fmt.Errorf("after its creation the record has version %d, want 1", p.Version)
	}
	for _, uuid := range []string{"", "\x00", "\xff", want.UUID + " ", want.Identifier} {
		err = storetest.First(err, providerGone(ctx, s, uuid))
	}
	return err
}

func providerReplaced(ctx context.Context, s rpstore.Set) error {
	p, next := newProvider(), newProvider()
	if err := putProviders(ctx, s, p); err != nil {
		return err
	}
	next.UUID, next.Version, next.Disabled = p.UUID, p.Version, true
	next.CreatedAt = p.CreatedAt.Add(time.Hour)
	want := storetest.Clone(next)
	want.Version, want.CreatedAt = 2, p.CreatedAt
	err := storetest.First(
		putProviders(ctx, s, next),
		providerIs(ctx, s, want),
		listed(ctx, s, rpstore.IdentityProviderSelector{Domain: p.Domains[0]}),
		listed(ctx, s, rpstore.IdentityProviderSelector{Identifier: p.Identifier}),
		listed(ctx, s, rpstore.IdentityProviderSelector{Domain: next.Domains[1]}, want),
		listed(ctx, s, rpstore.IdentityProviderSelector{Identifier: next.Identifier}, want),
	)
	if err == nil && next.Version != 2 {
		err = fmt.Errorf("after a change the record has version %d, want 2", next.Version)
	}
	return err
}

func providerConflict(ctx context.Context, s rpstore.Set) error {
	p, other, sameUUID, sameIdentifier := newProvider(), newProvider(), newProvider(), newProvider()
	p.Default = true
	if err := putProviders(ctx, s, p, other); err != nil {
		return err
	}
	// Each asks to be the default one, which it must not have taken.
	sameUUID.UUID, sameUUID.Default = p.UUID, true
	sameIdentifier.Identifier, sameIdentifier.Default = p.Identifier, true
	renamed := storetest.Clone(other)
	renamed.Identifier, renamed.Default = p.Identifier, true
	for what, bad := range map[string]*rpstore.IdentityProvider{"a taken uuid": sameUUID, "a taken identifier": sameIdentifier, "a change to a taken identifier": renamed} {
		if err := storetest.Want(what, putProviders(ctx, s, storetest.Clone(bad)), oidckit.ErrConflict); err != nil {
			return err
		}
	}
	return storetest.First(providerIs(ctx, s, p), providerIs(ctx, s, other), providerGone(ctx, s, sameIdentifier.UUID),
		listed(ctx, s, rpstore.IdentityProviderSelector{Domain: sameUUID.Domains[0]}))
}

func providerVersions(ctx context.Context, s rpstore.Set) error {
	p := newProvider()
	if err := putProviders(ctx, s, p, storetest.Clone(p)); !errors.Is(err, oidckit.ErrConflict) {
		return fmt.Errorf("a second creation: got error %v, want %v", err, oidckit.ErrConflict)
	}
	for _, version := range []int64{0, 2, -1, 1 << 40} {
		stale := storetest.Clone(p)
		stale.Version, stale.DisplayName, stale.Default = version, "stale", true
		if err := storetest.Want(fmt.Sprintf("a put of version %d", version), putProviders(ctx, s, stale), oidckit.ErrConflict); err != nil {
			return err
		}
	}
	gone := newProvider()
	gone.Version = 1
	return storetest.First(
		storetest.Want("a put of a provider that is not there", putProviders(ctx, s, gone), oidckit.ErrNotFound),
		providerGone(ctx, s, gone.UUID),
		providerIs(ctx, s, p),
	)
}

func providerCreateRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		identifier := secret.ID()
		return storetest.OneWinner(storetest.Race(func(int) error {
			p := newProvider()
			p.Identifier = identifier
			return putProviders(ctx, s, p)
		}), oidckit.ErrConflict)
	})
}

func providerPutRace(ctx context.Context, s rpstore.Set) error {
	p := newProvider()
	if err := putProviders(ctx, s, p); err != nil {
		return err
	}
	return storetest.Repeat(func() error {
		err := storetest.OneWinner(storetest.Race(func(i int) error {
			mine := storetest.Clone(p)
			mine.DisplayName = fmt.Sprint(i)
			mine.Domains = []string{fmt.Sprint(i)}
			return putProviders(ctx, s, mine)
		}), oidckit.ErrConflict)
		if err != nil {
			return err
		}
		current, err := s.IdentityProviders.IdentityProvider(ctx, p.UUID)
		if err != nil {
			return err
		}
		if current.Version != p.Version+1 || !slices.Equal(current.Domains, []string{current.DisplayName}) {
			return fmt.Errorf("after a race the provider is %+v", current)
		}
		p = current
		return listed(ctx, s, rpstore.IdentityProviderSelector{Domain: current.DisplayName}, current)
	})
}

func providerDefault(ctx context.Context, s rpstore.Set) error {
	a, b := newProvider(), newProvider()
	a.Default, b.Default = true, true
	selector := rpstore.IdentityProviderSelector{Default: true}
	if err := storetest.First(putProviders(ctx, s, a), listed(ctx, s, selector, a), putProviders(ctx, s, b), listed(ctx, s, selector, b)); err != nil {
		return err
	}
	before := storetest.Clone(a)
	before.Default, before.Version = false, 2
	if err := storetest.First(
		providerIs(ctx, s, before),
		storetest.Want("a put of the version before the default went", putProviders(ctx, s, a), oidckit.ErrConflict),
		listed(ctx, s, selector, b),
	); err != nil {
		return err
	}
	// It stays with its own, and leaves with it.
	if err := storetest.First(putProviders(ctx, s, b), listed(ctx, s, selector, b)); err != nil {
		return err
	}
	b.Default = false
	return storetest.First(putProviders(ctx, s, b), listed(ctx, s, selector), providerIs(ctx, s, before))
}

func providerDefaultRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		errs := storetest.Race(func(i int) error {
			p := newProvider()
			p.Default = true
			return putProviders(ctx, s, p)
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		_, total, err := s.IdentityProviders.ListIdentityProviders(ctx, rpstore.IdentityProviderSelector{Default: true}, 0, 10)
		if err == nil && total != 1 {
			err = fmt.Errorf("%d providers are the default one", total)
		}
		return err
	})
}

func providerCopies(ctx context.Context, s rpstore.Set) error {
	p := newProvider()
	want := storetest.Clone(p)
	want.Version = 1
	if err := putProviders(ctx, s, p); err != nil {
		return err
	}
	storetest.Clobber(p)
	got, err := s.IdentityProviders.IdentityProvider(ctx, want.UUID)
	if err != nil {
		return err
	}
	storetest.Clobber(got)
	page, _, err := s.IdentityProviders.ListIdentityProviders(ctx, rpstore.IdentityProviderSelector{}, 0, 1)
	if err != nil {
		return err
	}
	storetest.Clobber(&page[0])
	return storetest.First(providerIs(ctx, s, want), listed(ctx, s, rpstore.IdentityProviderSelector{Domain: want.Domains[0]}, want))
}

func providerCancelled(ctx context.Context, s rpstore.Set) error {
	gone := storetest.Cancelled(ctx)
	p, other := newProvider(), newProvider()
	if err := putProviders(ctx, s, p); err != nil {
		return err
	}
	_, look := s.IdentityProviders.IdentityProvider(gone, p.UUID)
	_, _, list := s.IdentityProviders.ListIdentityProviders(gone, rpstore.IdentityProviderSelector{}, 0, 1)
	return errors.Join(
		storetest.Want("IdentityProvider", look, context.Canceled),
		storetest.Want("ListIdentityProviders", list, context.Canceled),
		storetest.Want("PutIdentityProvider", putProviders(gone, s, other), context.Canceled),
		storetest.Want("DeleteIdentityProvider", s.IdentityProviders.DeleteIdentityProvider(gone, p.UUID, 1), context.Canceled),
		providerIs(ctx, s, p),
		providerGone(ctx, s, other.UUID),
	)
}
