package opstoretest

import (
	"context"
	"fmt"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func consentChecks() []check {
	return []check{
		{Name: "a consent is returned with every field", Run: consentFields},
		{Name: "a consent takes the place of the one before", Run: consentReplace},
		{Name: "an unknown or expired consent is not found", Run: consentNotFound},
		{Name: "a deleted consent is gone, and deleting nothing is no error", Run: consentDelete},
		{Name: "subject and client are told apart exactly", Run: consentKeys},
		{Name: "a user's consents are listed, page by page", Run: consentList},
		{Name: "consents are copied in and out", Run: consentCopies},
		{Name: "an ended context stops the call and changes nothing", Run: consentCancelled},
	}
}

func newConsent() *opstore.Consent {
	c := storetest.Fill(&opstore.Consent{})
	c.ExpiresAt = time.Now().Add(time.Hour)
	return c
}

func consentIs(ctx context.Context, s opstore.Set, key, want *opstore.Consent) error {
	got, err := s.Consents.Consent(ctx, key.Subject, key.ClientID)
	if want == nil {
		return storetest.Want("Consent", err, oidckit.ErrNotFound)
	}
	return storetest.First(err, storetest.Same("Consent", got, want))
}

func consentFields(ctx context.Context, s opstore.Set) error {
	c := newConsent()
	return storetest.First(s.Consents.PutConsent(ctx, c), consentIs(ctx, s, c, c))
}

func consentReplace(ctx context.Context, s opstore.Set) error {
	c, next := newConsent(), newConsent()
	next.Subject, next.ClientID = c.Subject, c.ClientID
	if err := storetest.First(s.Consents.PutConsent(ctx, c), s.Consents.PutConsent(ctx, next), consentIs(ctx, s, c, next)); err != nil {
		return err
	}
	next.ExpiresAt = time.Now().Add(-time.Second)
	if err := storetest.First(s.Consents.PutConsent(ctx, next), consentIs(ctx, s, c, nil)); err != nil {
		return err
	}
	return storetest.First(s.Consents.PutConsent(ctx, c), consentIs(ctx, s, c, c))
}

func consentNotFound(ctx context.Context, s opstore.Set) error {
	expired := newConsent()
	expired.ExpiresAt = time.Now().Add(-time.Second)
	return storetest.First(
		s.Consents.PutConsent(ctx, expired),
		consentIs(ctx, s, expired, nil),
		consentIs(ctx, s, newConsent(), nil),
		consentIs(ctx, s, &opstore.Consent{Subject: "\x00", ClientID: "\xff"}, nil),
	)
}

func consentDelete(ctx context.Context, s opstore.Set) error {
	c, other := newConsent(), newConsent()
	other.Subject = c.Subject
	return storetest.First(
		s.Consents.PutConsent(ctx, c),
		s.Consents.PutConsent(ctx, other),
		s.Consents.DeleteConsent(ctx, c.Subject, c.ClientID),
		consentIs(ctx, s, c, nil),
		consentIs(ctx, s, other, other),
		s.Consents.DeleteConsent(ctx, c.Subject, c.ClientID),
	)
}

func consentKeys(ctx context.Context, s opstore.Set) error {
	keys := [][2]string{{"ab", "c"}, {"a", "bc"}, {"AB", "c"}, {"ab", "C"}, {"ab ", "c"}, {"ab", " c"}, {"c", "ab"}, {"", "abc"}, {"abc", ""}}
	for i, key := range keys {
		c := newConsent()
		c.Subject, c.ClientID, c.Resource = key[0], key[1], []string{fmt.Sprint(i)}
		if err := storetest.Want("PutConsent", s.Consents.PutConsent(ctx, c), nil); err != nil {
			return err
		}
	}
	for i, key := range keys {
		got, err := s.Consents.Consent(ctx, key[0], key[1])
		if err != nil {
			return err
		}
		if got.Resource[0] != fmt.Sprint(i) {
			return fmt.Errorf("Consent(%q, %q) is the one of %q", key[0], key[1], got.Resource)
		}
	}
	return nil
}

func consentCopies(ctx context.Context, s opstore.Set) error {
	c := newConsent()
	want := storetest.Clone(c)
	if err := s.Consents.PutConsent(ctx, c); err != nil {
		return err
	}
	storetest.Clobber(c)
	for range 2 {
		got, err := s.Consents.Consent(ctx, want.Subject, want.ClientID)
		if err := storetest.First(err, storetest.Same("Consent", got, want)); err != nil {
			return err
		}
		storetest.Clobber(got)
	}
	return nil
}

func consentCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	c, other := newConsent(), newConsent()
	if err := s.Consents.PutConsent(ctx, c); err != nil {
		return err
	}
	_, look := s.Consents.Consent(gone, c.Subject, c.ClientID)
	return storetest.First(
		storetest.Want("PutConsent", s.Consents.PutConsent(gone, other), context.Canceled),
		storetest.Want("Consent", look, context.Canceled),
		storetest.Want("DeleteConsent", s.Consents.DeleteConsent(gone, c.Subject, c.ClientID), context.Canceled),
		consentIs(ctx, s, c, c),
		consentIs(ctx, s, other, nil),
	)
}
