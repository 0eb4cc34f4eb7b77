package provider_test

import (
	"context"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// faults are memory stores that can be told to fail: a verb before it does
// anything, after it did it, or by an answer that no store should give.
type faults struct {
	set opstore.Set

	mu    sync.Mutex
	plan  map[string]fault
	calls map[string]int
	// first runs once, before a verb.
	first map[string]func()
}

type fault int

const (
	works fault = iota
	failsBefore
	failsAfter
	answersNothing
	panics
)

func (f *faults) open(issuer string) opstore.Set {
	f.set = opstore.NewMemory().Open(issuer)
	f.plan, f.calls, f.first = map[string]fault{}, map[string]int{}, map[string]func(){}
	return opstore.Set{
		Codes: faultyCodes{f}, Grants: faultyGrants{f}, Sessions: faultySessions{f}, Interactions: faultyInteractions{f},
		Consents: faultyConsents{f}, Keys: faultyKeys{f}, Users: faultyUsers{f}, Revocations: faultyRevocations{f}, Replay: faultyReplay{f},
		Deliveries: faultyDeliveries{f},
	}
}

// set tells what a verb does from now on.
func (f *faults) tell(verb string, what fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan[verb] = what
}

// all tells every verb.
func (f *faults) all(what fault) { f.tell("*", what) }

func (f *faults) count(verb string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[verb]
}

func (f *faults) next(verb string) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if run := f.first[verb]; run != nil {
		delete(f.first, verb)
		run()
	}
	f.calls[verb]++
	if f.plan["*"] != works {
		return f.plan["*"]
	}
	return f.plan[verb]
}

// one runs a verb with one result.
func one[T any](f *faults, verb string, run func() (T, error)) (T, error) {
	var none T
	switch f.next(verb) {
	case failsBefore:
		return none, errDown
	case failsAfter:
		v, err := run()
		if err == nil {
			err = errDown
		}
		return v, err
	case answersNothing:
		return none, nil
	case panics:
		panic("a driver's secret detail")
	}
	return run()
}

func none(f *faults, verb string, run func() error) error {
	_, err := one(f, verb, func() (struct{}, error) { return struct{}{}, run() })
	return err
}

type faultyCodes struct{ f *faults }

func (s faultyCodes) CreateCode(ctx context.Context, c *opstore.Code) error {
	return none(s.f, "CreateCode", func() error { return s.f.set.Codes.CreateCode(ctx, c) })
}

func (s faultyCodes) Code(ctx context.Context, h oidckit.TokenHash) (*opstore.Code, error) {
	return one(s.f, "Code", func() (*opstore.Code, error) { return s.f.set.Codes.Code(ctx, h) })
}

func (s faultyCodes) ConsumeCode(ctx context.Context, h oidckit.TokenHash) (*opstore.Code, error) {
	return one(s.f, "ConsumeCode", func() (*opstore.Code, error) { return s.f.set.Codes.ConsumeCode(ctx, h) })
}

type faultyGrants struct{ f *faults }

func (s faultyGrants) CreateGrant(ctx context.Context, g *opstore.Grant, first *opstore.RefreshToken) error {
	return none(s.f, "CreateGrant", func() error { return s.f.set.Grants.CreateGrant(ctx, g, first) })
}

func (s faultyGrants) RefreshToken(ctx context.Context, h oidckit.TokenHash) (*opstore.RefreshToken, *opstore.Grant, error) {
	type pair struct {
		t *opstore.RefreshToken
		g *opstore.Grant
	}
	p, err := one(s.f, "RefreshToken", func() (pair, error) {
		t, g, err := s.f.set.Grants.RefreshToken(ctx, h)
		return pair{t, g}, err
	})
	return p.t, p.g, err
}

func (s faultyGrants) RotateRefreshToken(ctx context.Context, h oidckit.TokenHash, next *opstore.RefreshToken, sealed []byte, at time.Time) error {
	return none(s.f, "RotateRefreshToken", func() error { return s.f.set.Grants.RotateRefreshToken(ctx, h, next, sealed, at) })
}

func (s faultyGrants) RevokeGrants(ctx context.Context, sel opstore.GrantSelector, until time.Time) ([]string, error) {
	return one(s.f, "RevokeGrants", func() ([]string, error) { return s.f.set.Grants.RevokeGrants(ctx, sel, until) })
}

func (s faultyGrants) ListGrants(ctx context.Context, sel opstore.GrantSelector, after string, limit int) ([]opstore.Grant, error) {
	return one(s.f, "ListGrants", func() ([]opstore.Grant, error) { return s.f.set.Grants.ListGrants(ctx, sel, after, limit) })
}

type faultySessions struct{ f *faults }

func (s faultySessions) CreateSession(ctx context.Context, v *opstore.Session) error {
	return none(s.f, "CreateSession", func() error { return s.f.set.Sessions.CreateSession(ctx, v) })
}

func (s faultySessions) Session(ctx context.Context, h oidckit.TokenHash) (*opstore.Session, error) {
	return one(s.f, "Session", func() (*opstore.Session, error) { return s.f.set.Sessions.Session(ctx, h) })
}

func (s faultySessions) UpdateSession(ctx context.Context, v *opstore.Session) error {
	return none(s.f, "UpdateSession", func() error { return s.f.set.Sessions.UpdateSession(ctx, v) })
}

func (s faultySessions) EndSessions(ctx context.Context, sel opstore.SessionSelector) ([]opstore.Session, error) {
	return one(s.f, "EndSessions", func() ([]opstore.Session, error) { return s.f.set.Sessions.EndSessions(ctx, sel) })
}

func (s faultySessions) ListSessions(ctx context.Context, sel opstore.SessionSelector, after string, limit int) ([]opstore.Session, error) {
	return one(s.f, "ListSessions", func() ([]opstore.Session, error) { return s.f.set.Sessions.ListSessions(ctx, sel, after, limit) })
}

type faultyInteractions struct{ f *faults }

func (s faultyInteractions) CreateInteraction(ctx context.Context, i *opstore.Interaction) error {
	return none(s.f, "CreateInteraction", func() error { return s.f.set.Interactions.CreateInteraction(ctx, i) })
}

func (s faultyInteractions) Interaction(ctx context.Context, h oidckit.TokenHash) (*opstore.Interaction, error) {
	return one(s.f, "Interaction", func() (*opstore.Interaction, error) { return s.f.set.Interactions.Interaction(ctx, h) })
}

func (s faultyInteractions) TakeInteraction(ctx context.Context, h oidckit.TokenHash, sid string) (*opstore.Interaction, error) {
	return one(s.f, "TakeInteraction", func() (*opstore.Interaction, error) { return s.f.set.Interactions.TakeInteraction(ctx, h, sid) })
}

type faultyConsents struct{ f *faults }

func (s faultyConsents) PutConsent(ctx context.Context, c *opstore.Consent) error {
	return none(s.f, "PutConsent", func() error { return s.f.set.Consents.PutConsent(ctx, c) })
}

func (s faultyConsents) Consent(ctx context.Context, sub, client string) (*opstore.Consent, error) {
	return one(s.f, "Consent", func() (*opstore.Consent, error) { return s.f.set.Consents.Consent(ctx, sub, client) })
}

func (s faultyConsents) DeleteConsent(ctx context.Context, sub, client string) error {
	return none(s.f, "DeleteConsent", func() error { return s.f.set.Consents.DeleteConsent(ctx, sub, client) })
}

func (s faultyConsents) ListConsents(ctx context.Context, sub, after string, limit int) ([]opstore.Consent, error) {
	return one(s.f, "ListConsents", func() ([]opstore.Consent, error) { return s.f.set.Consents.ListConsents(ctx, sub, after, limit) })
}

type faultyDeliveries struct{ f *faults }

func (s faultyDeliveries) CreateDeliveries(ctx context.Context, all []opstore.Delivery) error {
	return none(s.f, "CreateDeliveries", func() error { return s.f.set.Deliveries.CreateDeliveries(ctx, all) })
}

func (s faultyDeliveries) ClaimDeliveries(ctx context.Context, limit int, hideUntil time.Time) ([]opstore.Delivery, error) {
	return one(s.f, "ClaimDeliveries", func() ([]opstore.Delivery, error) {
		return s.f.set.Deliveries.ClaimDeliveries(ctx, limit, hideUntil)
	})
}

func (s faultyDeliveries) RetryDelivery(ctx context.Context, id string, next time.Time) error {
	return none(s.f, "RetryDelivery", func() error { return s.f.set.Deliveries.RetryDelivery(ctx, id, next) })
}

func (s faultyDeliveries) DeleteDelivery(ctx context.Context, id string) error {
	return none(s.f, "DeleteDelivery", func() error { return s.f.set.Deliveries.DeleteDelivery(ctx, id) })
}

type faultyKeys struct{ f *faults }

func (s faultyKeys) CreateKey(ctx context.Context, k *opstore.SigningKey) error {
	return none(s.f, "CreateKey", func() error { return s.f.set.Keys.CreateKey(ctx, k) })
}

func (s faultyKeys) Keys(ctx context.Context) ([]opstore.SigningKey, error) {
	return one(s.f, "Keys", func() ([]opstore.SigningKey, error) { return s.f.set.Keys.Keys(ctx) })
}

func (s faultyKeys) DeleteKey(ctx context.Context, id string) error {
	return none(s.f, "DeleteKey", func() error { return s.f.set.Keys.DeleteKey(ctx, id) })
}

type faultyUsers struct{ f *faults }

func (s faultyUsers) CreateUser(ctx context.Context, u *opstore.User) error {
	return none(s.f, "CreateUser", func() error { return s.f.set.Users.CreateUser(ctx, u) })
}

func (s faultyUsers) User(ctx context.Context, sub string) (*opstore.User, error) {
	return one(s.f, "User", func() (*opstore.User, error) { return s.f.set.Users.User(ctx, sub) })
}

func (s faultyUsers) UserByUsername(ctx context.Context, name string) (*opstore.User, error) {
	return one(s.f, "UserByUsername", func() (*opstore.User, error) { return s.f.set.Users.UserByUsername(ctx, name) })
}

func (s faultyUsers) UpdateUser(ctx context.Context, u *opstore.User) error {
	return none(s.f, "UpdateUser", func() error { return s.f.set.Users.UpdateUser(ctx, u) })
}

type faultyRevocations struct{ f *faults }

func (s faultyRevocations) Revoke(ctx context.Context, id string, until time.Time) error {
	return none(s.f, "Revoke", func() error { return s.f.set.Revocations.Revoke(ctx, id, until) })
}

func (s faultyRevocations) Revoked(ctx context.Context, ids ...string) (bool, error) {
	return one(s.f, "Revoked", func() (bool, error) { return s.f.set.Revocations.Revoked(ctx, ids...) })
}

type faultyReplay struct{ f *faults }

func (s faultyReplay) UseOnce(ctx context.Context, key string, expires time.Time) error {
	return none(s.f, "UseOnce", func() error { return s.f.set.Replay.UseOnce(ctx, key, expires) })
}
