package rpstoretest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/storetest"
)

func accountLinkChecks() []check {
	return []check{
		{Name: "a link is returned as it was stored", Run: linkStored},
		{Name: "a person is an issuer and a subject together, byte for byte", Run: linkKeys},
		{Name: "a person has one link", Run: linkConflict},
		{Name: "of links made at once for one person exactly one is stored", Run: linkRace},
		{Name: "an account's links are listed, oldest first, and bounded", Run: linkList},
		{Name: "a deleted link is gone, and a person without one is not found", Run: linkDelete},
		{Name: "links are copied in and out", Run: linkCopies},
		{Name: "an ended context stops the call and changes nothing", Run: linkCancelled},
	}
}

func newLink() *rpstore.AccountLink {
	l := storetest.Fill(&rpstore.AccountLink{})
	l.CreatedAt = time.Now().Truncate(time.Microsecond)
	return l
}

func linkIs(ctx context.Context, s rpstore.Set, want *rpstore.AccountLink, found bool) error {
	got, err := s.AccountLinks.AccountLink(ctx, want.Issuer, want.Subject)
	if !found {
		return storetest.Want("AccountLink", err, oidckit.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return storetest.Same("AccountLink", got, want)
}

func linkStored(ctx context.Context, s rpstore.Set) error {
	l := newLink()
	return storetest.First(s.AccountLinks.CreateAccountLink(ctx, storetest.Clone(l)), linkIs(ctx, s, l, true))
}

func linkKeys(ctx context.Context, s rpstore.Set) error {
	l := newLink()
	if err := s.AccountLinks.CreateAccountLink(ctx, l); err != nil {
		return err
	}
	for _, other := range [][2]string{
		{l.Issuer, l.Subject + " "}, {l.Issuer + "/", l.Subject}, {l.Subject, l.Issuer}, {"", l.Issuer + l.Subject}, {l.Issuer, ""}, {l.Issuer, "\x00"},
	} {
		_, err := s.AccountLinks.AccountLink(ctx, other[0], other[1])
		if err := storetest.Want(fmt.Sprintf("AccountLink of %q", other), err, oidckit.ErrNotFound); err != nil {
			return err
		}
	}
	return nil
}

func linkConflict(ctx context.Context, s rpstore.Set) error {
	l, other := newLink(), newLink()
	other.Issuer, other.Subject = l.Issuer, l.Subject
	return storetest.First(
		s.AccountLinks.CreateAccountLink(ctx, l),
		storetest.Want("a second link", s.AccountLinks.CreateAccountLink(ctx, other), oidckit.ErrConflict),
		linkIs(ctx, s, l, true),
	)
}

func linkRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		issuer, subject := secret.ID(), secret.ID()
		return storetest.OneWinner(storetest.Race(func(int) error {
			l := newLink()
			l.Issuer, l.Subject = issuer, subject
			return s.AccountLinks.CreateAccountLink(ctx, l)
		}), oidckit.ErrConflict)
	})
}

func linkList(ctx context.Context, s rpstore.Set) error {
	account, begun := secret.ID(), time.Now().Truncate(time.Microsecond)
	const count = rpstore.MaxAccountLinks + 3
	for i := range count {
		l := newLink()
		l.Account, l.CreatedAt = account, begun.Add(time.Duration(count-i)*time.Second)
		if err := s.AccountLinks.CreateAccountLink(ctx, l); err != nil {
			return err
		}
	}
	if err := s.AccountLinks.CreateAccountLink(ctx, newLink()); err != nil {
		return err
	}
	got, err := s.AccountLinks.ListAccountLinks(ctx, account)
	if err != nil {
		return err
	}
	if len(got) != rpstore.MaxAccountLinks {
		return fmt.Errorf("ListAccountLinks returned %d links, want %d", len(got), rpstore.MaxAccountLinks)
	}
	for i, l := range got {
		if l.Account != account || !l.CreatedAt.Equal(begun.Add(time.Duration(i+1)*time.Second)) {
			return fmt.Errorf("link %d is of %s, made at %v", i, l.Account, l.CreatedAt)
		}
	}
	none, err := s.AccountLinks.ListAccountLinks(ctx, secret.ID())
	if err != nil || len(none) != 0 {
		return fmt.Errorf("ListAccountLinks of nobody: %d links, %w", len(none), err)
	}
	return nil
}

func linkDelete(ctx context.Context, s rpstore.Set) error {
	l, kept := newLink(), newLink()
	kept.Account = l.Account
	err := storetest.First(
		s.AccountLinks.CreateAccountLink(ctx, l),
		s.AccountLinks.CreateAccountLink(ctx, kept),
		s.AccountLinks.DeleteAccountLink(ctx, l.Issuer, l.Subject),
		linkIs(ctx, s, l, false),
		linkIs(ctx, s, kept, true),
		storetest.Want("a second DeleteAccountLink", s.AccountLinks.DeleteAccountLink(ctx, l.Issuer, l.Subject), oidckit.ErrNotFound),
	)
	if err != nil {
		return err
	}
	links, err := s.AccountLinks.ListAccountLinks(ctx, l.Account)
	if err == nil && len(links) != 1 {
		err = fmt.Errorf("%d links are left, want 1", len(links))
	}
	return storetest.First(err, s.AccountLinks.CreateAccountLink(ctx, l), linkIs(ctx, s, l, true))
}

func linkCopies(ctx context.Context, s rpstore.Set) error {
	l := newLink()
	want := storetest.Clone(l)
	if err := s.AccountLinks.CreateAccountLink(ctx, l); err != nil {
		return err
	}
	storetest.Clobber(l)
	got, err := s.AccountLinks.AccountLink(ctx, want.Issuer, want.Subject)
	if err != nil {
		return err
	}
	storetest.Clobber(got)
	return linkIs(ctx, s, want, true)
}

func linkCancelled(ctx context.Context, s rpstore.Set) error {
	gone := storetest.Cancelled(ctx)
	l, other := newLink(), newLink()
	if err := s.AccountLinks.CreateAccountLink(ctx, l); err != nil {
		return err
	}
	_, look := s.AccountLinks.AccountLink(gone, l.Issuer, l.Subject)
	_, list := s.AccountLinks.ListAccountLinks(gone, l.Account)
	return errors.Join(
		storetest.Want("AccountLink", look, context.Canceled),
		storetest.Want("ListAccountLinks", list, context.Canceled),
		storetest.Want("CreateAccountLink", s.AccountLinks.CreateAccountLink(gone, other), context.Canceled),
		storetest.Want("DeleteAccountLink", s.AccountLinks.DeleteAccountLink(gone, l.Issuer, l.Subject), context.Canceled),
		linkIs(ctx, s, l, true),
		linkIs(ctx, s, other, false),
	)
}
