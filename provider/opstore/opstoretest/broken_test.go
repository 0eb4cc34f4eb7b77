package opstoretest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// TestBrokenStoresFail shows that the suite can fail: each row is a store with
// one mistake that servers have made, and the sentence that finds it.
func TestBrokenStoresFail(t *testing.T) {
	for _, row := range []struct {
		name     string
		sentence string
		checks   []check
		breaking func(*opstore.Set)
	}{
		{"codes are checked in one step and spent in another", "exactly one call consumes a code", codeChecks(),
			func(s *opstore.Set) { s.Codes = &checkThenSpend{Codes: s.Codes, spent: map[oidckit.TokenHash]bool{}} }},
		{"spent codes are forgotten", "a spent code is told with what is remembered of it", codeChecks(),
			func(s *opstore.Set) { s.Codes = forgetfulCodes{s.Codes} }},
		{"a spent code comes without its record", "a spent code is told with what is remembered of it", codeChecks(),
			func(s *opstore.Set) { s.Codes = namelessCodes{s.Codes} }},
		{"one record is shared by all callers", "codes are copied in and out", codeChecks(),
			func(s *opstore.Set) {
				s.Codes = &sharedCodes{Codes: s.Codes, all: map[oidckit.TokenHash]*opstore.Code{}}
			}},
		{"expiry is left to a sweeper", "an expired code is not found, however long its use is remembered", codeChecks(),
			func(s *opstore.Set) { s.Codes = unexpiringCodes{s.Codes} }},
		{"a field is forgotten", "a code is returned with every field", codeChecks(),
			func(s *opstore.Set) { s.Codes = lossyCodes{s.Codes} }},
		{"contexts are ignored", "an ended context stops the call and spends nothing", codeChecks(),
			func(s *opstore.Set) { s.Codes = deafCodes{s.Codes} }},
		{"rotation takes back its check", "exactly one call rotates a token, and one successor lives", allGrantChecks(),
			func(s *opstore.Set) { s.Grants = &looseRotation{Grants: s.Grants} }},
		{"a revocation does not outlast the grant", "a grant whose ID was revoked cannot be created until the given time", allGrantChecks(),
			func(s *opstore.Set) { s.Grants = unpreventing{s.Grants} }},
		{"a selector's fields are alternatives", "a selector matches grants by every field that is set", allGrantChecks(),
			func(s *opstore.Set) { s.Grants = eitherSelector{s.Grants} }},
		{"an update brings an ended session back", "an ended session never comes back", sessionChecks(),
			func(s *opstore.Set) { s.Sessions = upsertingSessions{s.Sessions} }},
		{"every caller gets the ended session", "of calls at once exactly one gets the ended session", sessionChecks(),
			func(s *opstore.Set) { s.Sessions = &generousSessions{Sessions: s.Sessions} }},
		{"a list forgets where it was", "sessions are listed by every field that is set, page by page", sessionChecks(),
			func(s *opstore.Set) { s.Sessions = restartingList{s.Sessions} }},
		{"a list of grants is not bounded", "grants are listed by every field that is set, page by page", allGrantChecks(),
			func(s *opstore.Set) { s.Grants = endlessList{s.Grants} }},
		{"a list has what has expired", "a user's consents are listed, page by page", consentChecks(),
			func(s *opstore.Set) { s.Consents = &undyingConsents{Consents: s.Consents} }},
		{"a delivery is claimed by everybody", "of calls at once exactly one claims a delivery", deliveryChecks(),
			func(s *opstore.Set) { s.Deliveries = &sharedDeliveries{Deliveries: s.Deliveries} }},
		{"a delivery that failed is forgotten", "a delivery is claimed again when its time has come", deliveryChecks(),
			func(s *opstore.Set) { s.Deliveries = oneShotDeliveries{s.Deliveries} }},
		{"deliveries are stored one by one", "deliveries are stored together or not at all", deliveryChecks(),
			func(s *opstore.Set) { s.Deliveries = singleDeliveries{s.Deliveries} }},
		{"an interaction is anyone's", "another session's call takes nothing", interactionChecks(),
			func(s *opstore.Set) { s.Interactions = openInteractions{s.Interactions} }},
		{"two keys share a generation", "of replicas that rotate at once exactly one wins", keyChecks(),
			func(s *opstore.Set) { s.Keys = &looseKeys{keyStore: s.Keys} }},
		{"the last revocation counts", "a second call never shortens the time, and can lengthen it", revocationChecks(),
			func(s *opstore.Set) { s.Revocations = &lastRevocation{until: map[string]time.Time{}} }},
		{"an opaque token does not end", "an expired access token is not found, and its hash is free", accessTokenChecks(),
			func(s *opstore.Set) { s.AccessTokens = undyingTokens{s.AccessTokens} }},
		{"an update looks first and writes later", "of updates at once to one version exactly one is made", registrationChecks(),
			func(s *opstore.Set) { s.Registrations = lastRegistration{s.Registrations} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			found := false
			for _, c := range row.checks {
				set := opstore.NewMemory().Open("https://op.example")
				row.breaking(&set)
				if c.Name == row.sentence {
					found = true
					if err := c.Run(t.Context(), set); err == nil {
						t.Errorf("%q passes", c.Name)
					}
				}
			}
			if !found {
				t.Errorf("no sentence %q", row.sentence)
			}
		})
	}
}

// TestMixedIssuersFail shows that a store that ignores the issuer fails.
func TestMixedIssuersFail(t *testing.T) {
	for _, c := range issuerChecks() {
		set := opstore.NewMemory().Open("https://op.example")
		if err := c.Run(t.Context(), pair{set, set}); err == nil {
			t.Errorf("%q passes over one store for both issuers", c.Name)
		}
	}
}

// TestLooseReplayFails shows it for the shared contract of replays.
func TestLooseReplayFails(t *testing.T) {
	failed := false
	for _, c := range storetest.ReplayChecks() {
		failed = failed || c.Run(t.Context(), &looseReplay{used: map[string]bool{}}) != nil
	}
	if !failed {
		t.Error("a replay store that looks first and writes later passes")
	}
}

type checkThenSpend struct {
	opstore.Codes
	mu    sync.Mutex
	spent map[oidckit.TokenHash]bool
}

func (s *checkThenSpend) ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	c, err := s.Code(ctx, hash)
	s.mu.Lock()
	spent := s.spent[hash]
	s.mu.Unlock()
	if spent {
		return c, oidckit.ErrConsumed
	}
	runtime.Gosched()
	s.mu.Lock()
	s.spent[hash] = true
	s.mu.Unlock()
	return c, err
}

type forgetfulCodes struct{ opstore.Codes }

func (s forgetfulCodes) ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	c, err := s.Codes.ConsumeCode(ctx, hash)
	if errors.Is(err, oidckit.ErrConsumed) {
		return nil, oidckit.ErrNotFound
	}
	return c, err
}

type namelessCodes struct{ opstore.Codes }

func (s namelessCodes) ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	c, err := s.Codes.ConsumeCode(ctx, hash)
	if err != nil {
		return nil, err
	}
	return c, nil
}

type sharedCodes struct {
	opstore.Codes
	all map[oidckit.TokenHash]*opstore.Code
}

func (s *sharedCodes) CreateCode(ctx context.Context, c *opstore.Code) error {
	s.all[c.Hash] = c
	return s.Codes.CreateCode(ctx, c)
}

func (s *sharedCodes) Code(_ context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	return s.all[hash], nil
}

type unexpiringCodes struct{ opstore.Codes }

func (s unexpiringCodes) CreateCode(ctx context.Context, c *opstore.Code) error {
	late := *c
	late.ExpiresAt = c.ExpiresAt.Add(time.Hour)
	return s.Codes.CreateCode(ctx, &late)
}

type lossyCodes struct{ opstore.Codes }

func (s lossyCodes) CreateCode(ctx context.Context, c *opstore.Code) error {
	less := *c
	less.Authorization.AMR = nil
	return s.Codes.CreateCode(ctx, &less)
}

type deafCodes struct{ opstore.Codes }

func (s deafCodes) ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	return s.Codes.ConsumeCode(context.WithoutCancel(ctx), hash)
}

// looseRotation lets a second call for a token through.
type looseRotation struct {
	opstore.Grants
	once sync.Once
}

func (s *looseRotation) RotateRefreshToken(ctx context.Context, hash oidckit.TokenHash, next *opstore.RefreshToken, sealed []byte, at time.Time) error {
	err := s.Grants.RotateRefreshToken(ctx, hash, next, sealed, at)
	if errors.Is(err, oidckit.ErrConsumed) {
		s.once.Do(func() { err = nil })
	}
	return err
}

type unpreventing struct{ opstore.Grants }

func (s unpreventing) RevokeGrants(ctx context.Context, sel opstore.GrantSelector, _ time.Time) ([]string, error) {
	return s.Grants.RevokeGrants(ctx, sel, time.Time{})
}

type eitherSelector struct{ opstore.Grants }

func (s eitherSelector) RevokeGrants(ctx context.Context, sel opstore.GrantSelector, until time.Time) ([]string, error) {
	if sel.ID != "" {
		sel = opstore.GrantSelector{ID: sel.ID}
	}
	return s.Grants.RevokeGrants(ctx, sel, until)
}

type upsertingSessions struct{ opstore.Sessions }

func (s upsertingSessions) UpdateSession(ctx context.Context, session *opstore.Session) error {
	err := s.Sessions.UpdateSession(ctx, session)
	if errors.Is(err, oidckit.ErrNotFound) {
		return s.CreateSession(ctx, session)
	}
	return err
}

// generousSessions gives one ended session to two callers.
type generousSessions struct {
	opstore.Sessions
	mu   sync.Mutex
	last []opstore.Session
}

func (s *generousSessions) EndSessions(ctx context.Context, sel opstore.SessionSelector) ([]opstore.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended, err := s.Sessions.EndSessions(ctx, sel)
	if len(ended) == 0 {
		ended, s.last = s.last, nil
		return ended, err
	}
	s.last = ended
	return ended, err
}

type restartingList struct{ opstore.Sessions }

func (s restartingList) ListSessions(ctx context.Context, sel opstore.SessionSelector, _ string, limit int) ([]opstore.Session, error) {
	return s.Sessions.ListSessions(ctx, sel, "", limit)
}

type endlessList struct{ opstore.Grants }

func (s endlessList) ListGrants(ctx context.Context, sel opstore.GrantSelector, after string, limit int) ([]opstore.Grant, error) {
	return s.Grants.ListGrants(ctx, sel, after, limit+1)
}

type undyingConsents struct {
	opstore.Consents
	all []opstore.Consent
}

func (s *undyingConsents) PutConsent(ctx context.Context, c *opstore.Consent) error {
	s.all = append(s.all, *c)
	return s.Consents.PutConsent(ctx, c)
}

func (s *undyingConsents) ListConsents(context.Context, string, string, int) ([]opstore.Consent, error) {
	return s.all, nil
}

// sharedDeliveries gives what was claimed to the next caller too.
type sharedDeliveries struct {
	opstore.Deliveries
	mu   sync.Mutex
	last []opstore.Delivery
}

func (s *sharedDeliveries) ClaimDeliveries(ctx context.Context, limit int, hideUntil time.Time) ([]opstore.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.Deliveries.ClaimDeliveries(ctx, limit, hideUntil)
	all, s.last = append(all, s.last...), all
	return all, err
}

type oneShotDeliveries struct{ opstore.Deliveries }

func (s oneShotDeliveries) RetryDelivery(ctx context.Context, id string, _ time.Time) error {
	return s.DeleteDelivery(ctx, id)
}

type singleDeliveries struct{ opstore.Deliveries }

func (s singleDeliveries) CreateDeliveries(ctx context.Context, all []opstore.Delivery) error {
	for i := range all {
		if err := s.Deliveries.CreateDeliveries(ctx, all[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

type openInteractions struct{ opstore.Interactions }

func (s openInteractions) TakeInteraction(ctx context.Context, hash oidckit.TokenHash, _ string) (*opstore.Interaction, error) {
	i, err := s.Interaction(ctx, hash)
	if err != nil {
		return nil, err
	}
	return s.Interactions.TakeInteraction(ctx, hash, i.SessionID)
}

type keyStore opstore.Keys

// looseKeys moves a key whose generation is taken on to a free one.
type looseKeys struct {
	keyStore
	mu    sync.Mutex
	moved int64
}

func (s *looseKeys) CreateKey(ctx context.Context, k *opstore.SigningKey) error {
	err := s.keyStore.CreateKey(ctx, k)
	if errors.Is(err, oidckit.ErrConflict) {
		s.mu.Lock()
		s.moved++
		free := *k
		free.Generation = 1000 + s.moved
		s.mu.Unlock()
		return s.keyStore.CreateKey(ctx, &free)
	}
	return err
}

type lastRevocation struct{ until map[string]time.Time }

func (s *lastRevocation) Revoke(_ context.Context, id string, until time.Time) error {
	s.until[id] = until
	return nil
}

func (s *lastRevocation) Revoked(_ context.Context, ids ...string) (bool, error) {
	for _, id := range ids {
		if time.Now().Before(s.until[id]) {
			return true, nil
		}
	}
	return false, nil
}

// lastRegistration lets the last update win.
type lastRegistration struct{ opstore.Registrations }

func (s lastRegistration) UpdateRegistration(ctx context.Context, r *opstore.Registration) error {
	stored, err := s.Registration(ctx, r.Client.Metadata.ClientID)
	if err != nil {
		return err
	}
	r.Version = stored.Version
	return s.Registrations.UpdateRegistration(ctx, r)
}

type looseReplay struct {
	mu   sync.Mutex
	used map[string]bool
}

func (s *looseReplay) UseOnce(ctx context.Context, key string, _ time.Time) error {
	s.mu.Lock()
	used := s.used[key]
	s.mu.Unlock()
	if used {
		return oidckit.ErrConsumed
	}
	runtime.Gosched()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[key] = true
	return ctx.Err()
}

// undyingTokens keeps opaque tokens for longer than they count.
type undyingTokens struct{ opstore.AccessTokens }

func (u undyingTokens) CreateAccessToken(ctx context.Context, t *opstore.AccessToken) error {
	late := *t
	late.ExpiresAt = t.ExpiresAt.Add(time.Hour)
	return u.AccessTokens.CreateAccessToken(ctx, &late)
}
