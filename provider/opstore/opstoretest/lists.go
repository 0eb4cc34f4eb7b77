package opstoretest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// pages walks a list two records at a time and returns what it holds, sorted.
func pages[R any](list func(after string, limit int) ([]R, error), key func(*R) string) ([]string, error) {
	const size = 2
	var all []string
	for after := ""; ; {
		page, err := list(after, size)
		if err != nil {
			return nil, err
		}
		if len(page) > size {
			return nil, fmt.Errorf("a page has %d records, want at most %d", len(page), size)
		}
		for i := range page {
			after = key(&page[i])
			all = append(all, after)
		}
		if len(page) < size {
			slices.Sort(all)
			return all, nil
		}
		if len(all) > 20 {
			return nil, fmt.Errorf("the list has no end: %q", all)
		}
	}
}

func listed(what string, got []string, err error, want ...string) error {
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("%s lists %q, want %q", what, got, want)
	}
	return err
}

func sessionList(ctx context.Context, s opstore.Set) error {
	for _, row := range [][3]string{{"s1", "ann", "corp"}, {"s2", "ann", ""}, {"s3", "bob", "corp"}, {"S4", "ann", "corp"}, {"s5", "ann", "other"}, {"s6", "ann", "corp"}} {
		session := newSession()
		session.ID, session.Subject, session.IdentityProvider = row[0], row[1], row[2]
		if row[0] == "s6" {
			session.ExpiresAt = time.Now().Add(-time.Second)
		}
		if err := s.Sessions.CreateSession(ctx, session); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		sel  opstore.SessionSelector
		want []string
	}{
		{opstore.SessionSelector{}, nil},
		{opstore.SessionSelector{ID: "s1"}, []string{"s1"}},
		{opstore.SessionSelector{ID: "s1", Subject: "bob"}, nil},
		{opstore.SessionSelector{Version: 1}, nil},
		{opstore.SessionSelector{ID: "s1", Version: 2}, nil},
		{opstore.SessionSelector{Subject: "ann"}, []string{"S4", "s1", "s2", "s5"}},
		{opstore.SessionSelector{IdentityProvider: "corp"}, []string{"S4", "s1", "s3"}},
		{opstore.SessionSelector{Subject: "ann", IdentityProvider: "corp"}, []string{"S4", "s1"}},
		{opstore.SessionSelector{Subject: "nobody"}, nil},
	} {
		got, err := pages(func(after string, limit int) ([]opstore.Session, error) {
			return s.Sessions.ListSessions(ctx, c.sel, after, limit)
		}, func(v *opstore.Session) string { return v.ID })
		if err := listed(fmt.Sprintf("ListSessions(%+v)", c.sel), got, err, c.want...); err != nil {
			return err
		}
	}
	session, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	list, err := s.Sessions.ListSessions(ctx, opstore.SessionSelector{Subject: session.Subject}, "", 9)
	if err != nil || len(list) != 1 {
		return fmt.Errorf("ListSessions: %d sessions, %v", len(list), err)
	}
	_, gone := s.Sessions.ListSessions(storetest.Cancelled(ctx), opstore.SessionSelector{ID: session.ID}, "", 1)
	return storetest.First(storetest.Same("ListSessions", &list[0], session), storetest.Want("ListSessions", gone, context.Canceled))
}

func grantList(ctx context.Context, s opstore.Set) error {
	for _, row := range [][4]string{{"g1", "app", "ann", "s1"}, {"g2", "app", "bob", "s2"}, {"g3", "web", "ann", "s1"}, {"g4", "app", "ann", ""}, {"g5", "app", "ann", "s1"}, {"g6", "app", "ann", "s1"}} {
		g, first := newGrant()
		g.ID, g.ClientID, g.Authorization.Subject, g.Authorization.SessionID = row[0], row[1], row[2], row[3]
		if row[0] == "g6" {
			g.ExpiresAt = time.Now().Add(-time.Second)
		}
		if err := s.Grants.CreateGrant(ctx, g, first); err != nil {
			return err
		}
	}
	if _, err := s.Grants.RevokeGrants(ctx, opstore.GrantSelector{ID: "g5"}, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	for _, c := range []struct {
		sel  opstore.GrantSelector
		want []string
	}{
		{opstore.GrantSelector{}, nil},
		{opstore.GrantSelector{ID: "g1"}, []string{"g1"}},
		{opstore.GrantSelector{ID: "g5"}, nil},
		{opstore.GrantSelector{ClientID: "app"}, []string{"g1", "g2", "g4"}},
		{opstore.GrantSelector{Subject: "ann"}, []string{"g1", "g3", "g4"}},
		{opstore.GrantSelector{SessionID: "s1"}, []string{"g1", "g3"}},
		{opstore.GrantSelector{SessionID: "s1", ClientID: "web"}, []string{"g3"}},
		{opstore.GrantSelector{ID: "g1", Subject: "bob"}, nil},
	} {
		got, err := pages(func(after string, limit int) ([]opstore.Grant, error) {
			return s.Grants.ListGrants(ctx, c.sel, after, limit)
		}, func(g *opstore.Grant) string { return g.ID })
		if err := listed(fmt.Sprintf("ListGrants(%+v)", c.sel), got, err, c.want...); err != nil {
			return err
		}
	}
	g, _, err := created(ctx, s)
	if err != nil {
		return err
	}
	list, err := s.Grants.ListGrants(ctx, opstore.GrantSelector{Subject: g.Authorization.Subject}, "", 9)
	if err != nil || len(list) != 1 {
		return fmt.Errorf("ListGrants: %d grants, %v", len(list), err)
	}
	_, gone := s.Grants.ListGrants(storetest.Cancelled(ctx), opstore.GrantSelector{ID: g.ID}, "", 1)
	return storetest.First(storetest.Same("ListGrants", &list[0], g), storetest.Want("ListGrants", gone, context.Canceled))
}

func consentList(ctx context.Context, s opstore.Set) error {
	for _, row := range [][2]string{{"ann", "app"}, {"ann", "App"}, {"ann", "web"}, {"bob", "app"}, {"ann", "old"}, {"ann", "withdrawn"}} {
		c := newConsent()
		c.Subject, c.ClientID = row[0], row[1]
		if row[1] == "old" {
			c.ExpiresAt = time.Now().Add(-time.Second)
		}
		if err := s.Consents.PutConsent(ctx, c); err != nil {
			return err
		}
	}
	if err := s.Consents.DeleteConsent(ctx, "ann", "withdrawn"); err != nil {
		return err
	}
	for subject, want := range map[string][]string{"ann": {"App", "app", "web"}, "bob": {"app"}, "": nil, "an": nil} {
		got, err := pages(func(after string, limit int) ([]opstore.Consent, error) {
			return s.Consents.ListConsents(ctx, subject, after, limit)
		}, func(c *opstore.Consent) string { return c.ClientID })
		if err := listed("ListConsents of "+subject, got, err, want...); err != nil {
			return err
		}
	}
	c := newConsent()
	if err := s.Consents.PutConsent(ctx, c); err != nil {
		return err
	}
	list, err := s.Consents.ListConsents(ctx, c.Subject, "", 9)
	if err != nil || len(list) != 1 {
		return fmt.Errorf("ListConsents: %d consents, %v", len(list), err)
	}
	_, gone := s.Consents.ListConsents(storetest.Cancelled(ctx), c.Subject, "", 1)
	return storetest.First(storetest.Same("ListConsents", &list[0], c), storetest.Want("ListConsents", gone, context.Canceled))
}
