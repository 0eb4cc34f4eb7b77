package opstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func registrationChecks() []check {
	return []check{
		{Name: "a client is returned with every field but its secret, and Version 1", Run: registrationFields},
		{Name: "a taken client_id is a conflict", Run: registrationConflict},
		{Name: "an unknown client is not found, whatever is typed", Run: registrationUnknown},
		{Name: "an update replaces every field", Run: registrationUpdate},
		{Name: "an update of an old version is a conflict, of a deleted client not found", Run: registrationUpdateConflict},
		{Name: "a deleted client is gone at once, and its client_id free", Run: registrationDelete},
		{Name: "a deletion of an old version is a conflict", Run: registrationDeleteVersion},
		{Name: "the list has every client once, page by page, and the total", Run: registrationList},
		{Name: "clients are copied in and out", Run: registrationCopies},
		{Name: "an ended context stops the call and changes nothing", Run: registrationCancelled},
		{Name: "of creations at once with one client_id exactly one is made", Run: registrationCreateRace},
		{Name: "of updates at once to one version exactly one is made", Run: registrationUpdateRace},
		{Name: "of deletions at once exactly one returns nil", Run: registrationDeleteRace},
	}
}

func newRegistration() *opstore.Registration {
	r := storetest.Fill(&opstore.Registration{})
	r.Client.Metadata.JWKS = []byte(`{"keys":[{"kty":"EC"}]}`)
	r.Client.Metadata.ClientSecret = ""
	return r
}

func enrolled(ctx context.Context, s opstore.Set) (*opstore.Registration, error) {
	r := newRegistration()
	if err := s.Registrations.CreateRegistration(ctx, r); err != nil {
		return nil, fmt.Errorf("CreateRegistration: %w", err)
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("CreateRegistration left Version %d, want 1", r.Version)
	}
	return r, nil
}

// clientIs looks a client up both ways.
func clientIs(ctx context.Context, s opstore.Set, want *opstore.Registration) error {
	got, err := s.Registrations.Registration(ctx, want.Client.Metadata.ClientID)
	client, clientErr := s.Registrations.Client(ctx, want.Client.Metadata.ClientID)
	return storetest.First(err, storetest.Same("Registration", got, want), clientErr, storetest.Same("Client", client, &want.Client))
}

func noClient(ctx context.Context, s opstore.Set, id string) error {
	_, err := s.Registrations.Registration(ctx, id)
	_, clientErr := s.Registrations.Client(ctx, id)
	return storetest.First(
		storetest.Want(fmt.Sprintf("Registration(%.20q)", id), err, oidckit.ErrNotFound),
		storetest.Want(fmt.Sprintf("Client(%.20q)", id), clientErr, oidckit.ErrNotFound),
	)
}

func registrationFields(ctx context.Context, s opstore.Set) error {
	r := newRegistration()
	r.Client.Metadata.ClientSecret = "never kept"
	if err := s.Registrations.CreateRegistration(ctx, r); err != nil {
		return err
	}
	r.Client.Metadata.ClientSecret = ""
	if err := clientIs(ctx, s, r); err != nil {
		return err
	}
	bare := &opstore.Registration{Client: opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: r.Client.Metadata.ClientID + "-bare"}}}
	return storetest.First(s.Registrations.CreateRegistration(ctx, bare), clientIs(ctx, s, bare))
}

func registrationConflict(ctx context.Context, s opstore.Set) error {
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	other := newRegistration()
	other.Client.Metadata.ClientID = r.Client.Metadata.ClientID
	return storetest.First(
		storetest.Want("CreateRegistration with a taken client_id", s.Registrations.CreateRegistration(ctx, other), oidckit.ErrConflict),
		clientIs(ctx, s, r),
	)
}

func registrationUnknown(ctx context.Context, s opstore.Set) error {
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	id := r.Client.Metadata.ClientID
	for _, typed := range []string{"", "x", "\x00", "\xff\xfe", "%", "' OR 1=1 --", strings.ToUpper(id), id + " ", strings.Repeat("ab", 50_000)} {
		if err := noClient(ctx, s, typed); err != nil {
			return err
		}
		gone := newRegistration()
		gone.Client.Metadata.ClientID = typed
		if err := storetest.First(
			storetest.Want("UpdateRegistration", s.Registrations.UpdateRegistration(ctx, gone), oidckit.ErrNotFound),
			storetest.Want("DeleteRegistration", s.Registrations.DeleteRegistration(ctx, typed, 0), oidckit.ErrNotFound),
			storetest.Want("DeleteRegistration of a version", s.Registrations.DeleteRegistration(ctx, typed, 1), oidckit.ErrNotFound),
		); err != nil {
			return err
		}
	}
	return clientIs(ctx, s, r)
}

func registrationUpdate(ctx context.Context, s opstore.Set) error {
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	update := newRegistration()
	update.Client.Metadata.ClientID, update.Version = r.Client.Metadata.ClientID, 1
	if err := storetest.Want("UpdateRegistration", s.Registrations.UpdateRegistration(ctx, update), nil); err != nil {
		return err
	}
	if update.Version != 2 {
		return fmt.Errorf("UpdateRegistration left Version %d, want 2", update.Version)
	}
	return clientIs(ctx, s, update)
}

func registrationUpdateConflict(ctx context.Context, s opstore.Set) error {
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	stale := storetest.Clone(r)
	stale.Client.Metadata.ClientName = "stale"
	if err := storetest.First(
		s.Registrations.UpdateRegistration(ctx, r),
		storetest.Want("UpdateRegistration of an old version", s.Registrations.UpdateRegistration(ctx, stale), oidckit.ErrConflict),
		clientIs(ctx, s, r),
		s.Registrations.DeleteRegistration(ctx, r.Client.Metadata.ClientID, 0),
		storetest.Want("UpdateRegistration of a deleted client", s.Registrations.UpdateRegistration(ctx, storetest.Clone(r)), oidckit.ErrNotFound),
		noClient(ctx, s, r.Client.Metadata.ClientID),
	); err != nil {
		return err
	}
	if stale.Version != 1 {
		return fmt.Errorf("UpdateRegistration that failed left Version %d, want 1", stale.Version)
	}
	return nil
}

func registrationDelete(ctx context.Context, s opstore.Set) error {
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	other, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	id := r.Client.Metadata.ClientID
	return storetest.First(
		s.Registrations.DeleteRegistration(ctx, id, 0),
		noClient(ctx, s, id),
		storetest.Want("second DeleteRegistration", s.Registrations.DeleteRegistration(ctx, id, 0), oidckit.ErrNotFound),
		clientIs(ctx, s, other),
		storetest.Want("CreateRegistration of a client_id that was given up", s.Registrations.CreateRegistration(ctx, r), nil),
		clientIs(ctx, s, r),
	)
}

func registrationDeleteVersion(ctx context.Context, s opstore.Set) error {
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	id := r.Client.Metadata.ClientID
	return storetest.First(
		s.Registrations.UpdateRegistration(ctx, r),
		storetest.Want("DeleteRegistration of an old version", s.Registrations.DeleteRegistration(ctx, id, 1), oidckit.ErrConflict),
		clientIs(ctx, s, r),
		storetest.Want("DeleteRegistration of this version", s.Registrations.DeleteRegistration(ctx, id, 2), nil),
		noClient(ctx, s, id),
	)
}

func registrationList(ctx context.Context, s opstore.Set) error {
	want := map[string]*opstore.Registration{}
	for range 7 {
		r, err := enrolled(ctx, s)
		if err != nil {
			return err
		}
		want[r.Client.Metadata.ClientID] = r
	}
	seen := map[string]bool{}
	for offset := 0; offset < 9; offset += 3 {
		page, total, err := s.Registrations.ListRegistrations(ctx, offset, 3)
		if err != nil {
			return err
		}
		if total != 7 || len(page) != min(3, 7-offset) {
			return fmt.Errorf("ListRegistrations(%d, 3) returned %d of %d, want %d of 7", offset, len(page), total, min(3, 7-offset))
		}
		for i := range page {
			id := page[i].Client.Metadata.ClientID
			if seen[id] || want[id] == nil {
				return fmt.Errorf("ListRegistrations returned %q twice, or out of nowhere", id)
			}
			seen[id] = true
			if err := storetest.Same("ListRegistrations", &page[i], want[id]); err != nil {
				return err
			}
		}
	}
	for _, row := range [][2]int{{0, 0}, {7, 5}, {100, 5}} {
		page, total, err := s.Registrations.ListRegistrations(ctx, row[0], row[1])
		if err != nil || len(page) != 0 || total != 7 {
			return fmt.Errorf("ListRegistrations(%d, %d) returned %d of %d, %v, want none of 7", row[0], row[1], len(page), total, err)
		}
	}
	return nil
}

func registrationCopies(ctx context.Context, s opstore.Set) error {
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	want := storetest.Clone(r)
	storetest.Clobber(r)
	for range 2 {
		if err := clientIs(ctx, s, want); err != nil {
			return err
		}
		got, err := s.Registrations.Registration(ctx, want.Client.Metadata.ClientID)
		page, _, listErr := s.Registrations.ListRegistrations(ctx, 0, 1)
		if err := errors.Join(err, listErr); err != nil {
			return err
		}
		storetest.Clobber(got)
		storetest.Clobber(&page[0])
	}
	update := storetest.Clone(want)
	if err := s.Registrations.UpdateRegistration(ctx, update); err != nil {
		return err
	}
	storetest.Clobber(update)
	want.Version = 2
	return clientIs(ctx, s, want)
}

func registrationCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	r, err := enrolled(ctx, s)
	if err != nil {
		return err
	}
	id, other := r.Client.Metadata.ClientID, newRegistration()
	_, look := s.Registrations.Registration(gone, id)
	_, client := s.Registrations.Client(gone, id)
	_, _, list := s.Registrations.ListRegistrations(gone, 0, 1)
	return storetest.First(
		storetest.Want("CreateRegistration", s.Registrations.CreateRegistration(gone, other), context.Canceled),
		storetest.Want("Registration", look, context.Canceled),
		storetest.Want("Client", client, context.Canceled),
		storetest.Want("ListRegistrations", list, context.Canceled),
		storetest.Want("UpdateRegistration", s.Registrations.UpdateRegistration(gone, storetest.Clone(r)), context.Canceled),
		storetest.Want("DeleteRegistration", s.Registrations.DeleteRegistration(gone, id, 0), context.Canceled),
		clientIs(ctx, s, r),
		noClient(ctx, s, other.Client.Metadata.ClientID),
	)
}

func registrationCreateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		id := newRegistration().Client.Metadata.ClientID
		made := make([]*opstore.Registration, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			made[i] = newRegistration()
			made[i].Client.Metadata.ClientID = id
			return s.Registrations.CreateRegistration(ctx, made[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		return clientIs(ctx, s, made[slices.Index(errs, nil)])
	})
}

func registrationUpdateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		r, err := enrolled(ctx, s)
		if err != nil {
			return err
		}
		updates := make([]*opstore.Registration, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			updates[i] = storetest.Clone(r)
			updates[i].Client.Metadata.ClientName = fmt.Sprint(i)
			return s.Registrations.UpdateRegistration(ctx, updates[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		return clientIs(ctx, s, updates[slices.Index(errs, nil)])
	})
}

func registrationDeleteRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		r, err := enrolled(ctx, s)
		if err != nil {
			return err
		}
		errs := storetest.Race(func(int) error {
			return s.Registrations.DeleteRegistration(ctx, r.Client.Metadata.ClientID, 0)
		})
		return storetest.OneWinner(errs, oidckit.ErrNotFound)
	})
}
