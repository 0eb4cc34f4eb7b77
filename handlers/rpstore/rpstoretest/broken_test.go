package rpstoretest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// TestBrokenStoresFail shows that the suite can fail: each row is a store with
// one mistake, and the sentence that finds it.
func TestBrokenStoresFail(t *testing.T) {
	for _, row := range []struct {
		name     string
		sentence string
		checks   []check
		breaking func(*rpstore.Set)
	}{
		{"a late write brings a session back", "an ended session never comes back", sessionChecks(),
			func(s *rpstore.Set) { s.Sessions = upserting{s.Sessions} }},
		{"the last update wins", "of updates at once to one version exactly one is made", sessionChecks(),
			func(s *rpstore.Set) { s.Sessions = lastWins{s.Sessions} }},
		{"a logout ends every session of its subject", "a selector matches sessions by every field that is set, the zero one none", sessionChecks(),
			func(s *rpstore.Set) { s.Sessions = bySubject{s.Sessions} }},
		{"a value's expiry is ignored", "an unknown or expired token is not found, whatever its bytes", browserSessionChecks(),
			func(s *rpstore.Set) { s.BrowserSessions = unexpiring{s.BrowserSessions} }},
		{"one value is shared by all callers", "values are copied in and out", browserSessionChecks(),
			func(s *rpstore.Set) { s.BrowserSessions = shared{} }},
		{"the last link wins", "a person has one link", accountLinkChecks(),
			func(s *rpstore.Set) { s.AccountLinks = relinking{s.AccountLinks} }},
		{"a change of an old version is made", "of changes at once to one version exactly one is made", identityProviderChecks(),
			func(s *rpstore.Set) { s.IdentityProviders = unversioned{s.IdentityProviders} }},
		{"two providers are the default one", "defaults put at once leave one", identityProviderChecks(),
			func(s *rpstore.Set) { s.IdentityProviders = manyDefaults{s.IdentityProviders} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			found := false
			for _, c := range row.checks {
				if c.Name != row.sentence {
					continue
				}
				found = true
				set := rpstore.NewMemory().Open("app")
				row.breaking(&set)
				if err := c.Run(t.Context(), set); err == nil {
					t.Errorf("%q passes", c.Name)
				}
			}
			if !found {
				t.Errorf("no sentence %q", row.sentence)
			}
		})
	}
}

// TestMixedTenantsFail shows that a store that ignores the tenant fails.
func TestMixedTenantsFail(t *testing.T) {
	for _, c := range tenantChecks() {
		set := rpstore.NewMemory().Open("app")
		if err := c.Run(t.Context(), pair{set, set}); err == nil {
			t.Errorf("%q passes over one store for both tenants", c.Name)
		}
	}
}

type upserting struct{ rpstore.Sessions }

func (s upserting) UpdateSession(ctx context.Context, session *rpstore.Session) error {
	err := s.Sessions.UpdateSession(ctx, session)
	if errors.Is(err, oidckit.ErrNotFound) {
		return s.CreateSession(ctx, session)
	}
	return err
}

type lastWins struct{ rpstore.Sessions }

func (s lastWins) UpdateSession(ctx context.Context, session *rpstore.Session) error {
	for {
		err := s.Sessions.UpdateSession(ctx, session)
		if !errors.Is(err, oidckit.ErrConflict) {
			return err
		}
		current, err := s.Session(ctx, session.Handle)
		if err != nil {
			return err
		}
		session.Version = current.Version
	}
}

type bySubject struct{ rpstore.Sessions }

func (s bySubject) EndSessions(ctx context.Context, sel rpstore.SessionSelector) (int, error) {
	if sel.Subject != "" {
		sel = rpstore.SessionSelector{Subject: sel.Subject}
	}
	return s.Sessions.EndSessions(ctx, sel)
}

type unexpiring struct{ rpstore.BrowserSessions }

func (s unexpiring) PutBrowserSession(ctx context.Context, token string, value []byte, expires time.Time) error {
	return s.BrowserSessions.PutBrowserSession(ctx, token, value, expires.Add(time.Hour))
}

type shared map[string][]byte

func (s shared) BrowserSession(_ context.Context, token string) ([]byte, error) {
	return s[token], nil
}

func (s shared) PutBrowserSession(_ context.Context, token string, value []byte, _ time.Time) error {
	s[token] = value
	return nil
}

func (s shared) DeleteBrowserSession(_ context.Context, token string) error {
	delete(s, token)
	return nil
}

type relinking struct{ rpstore.AccountLinks }

func (s relinking) CreateAccountLink(ctx context.Context, l *rpstore.AccountLink) error {
	_ = s.DeleteAccountLink(ctx, l.Issuer, l.Subject)
	return s.AccountLinks.CreateAccountLink(ctx, l)
}

type unversioned struct{ rpstore.IdentityProviders }

func (s unversioned) PutIdentityProvider(ctx context.Context, p *rpstore.IdentityProvider) error {
	if current, err := s.IdentityProvider(ctx, p.UUID); err == nil {
		p.Version = current.Version
	}
	return s.IdentityProviders.PutIdentityProvider(ctx, p)
}

type manyDefaults struct{ rpstore.IdentityProviders }

func (s manyDefaults) ListIdentityProviders(ctx context.Context, sel rpstore.IdentityProviderSelector, start, count int) ([]rpstore.IdentityProvider, int, error) {
	sel.Default = false
	return s.IdentityProviders.ListIdentityProviders(ctx, sel, start, count)
}
