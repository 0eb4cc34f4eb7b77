package middleware

import (
	"container/heap"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
)

const (
	// defaultMaxRevocations bounds a deny list where nothing else is said.
	defaultMaxRevocations = 100_000
	// maxRevoked bounds what is revoked by name, in bytes.
	maxRevoked = 1024
	// denyMargin is for how long a revocation is kept beyond its time: a token
	// is taken until its exp and the leeway, and a clock that was set back
	// makes it valid again.
	denyMargin = maxLeeway + 15*time.Minute
	// maxDenied is as good as for ever, and can be added to.
	maxDenied = 100 * 365 * 24 * time.Hour
)

// ErrDenyListFull says that a revocation was not taken, because
// JWTConfig.MaxRevocations others are in force.
var ErrDenyListFull = errors.New("middleware: the deny list is full")

// Revocation names tokens that are refused although they have not expired:
// exactly one of TokenID, SessionID and Subject says which.
type Revocation struct {
	// Issuer is the issuer of the tokens, as in their claim iss. It may be
	// empty where the verifier has only one.
	Issuer string
	// TokenID is the jti of one token.
	TokenID string
	// SessionID is the sid of the tokens of one session.
	SessionID string
	// Subject is the sub of the tokens of one user or client.
	Subject string
	// ClientID, where it is set, narrows a session or subject to the tokens of
	// one client.
	ClientID string
	// AllowOfflineAccess spares tokens of a session whose scope has
	// offline_access: they outlive it (OpenID Connect Back-Channel Logout 1.0
	// §2.7).
	AllowOfflineAccess bool
	// IssuedBefore spares tokens of the session or subject that were issued at
	// that time or later by the issuer's clock, which tells whole seconds: a
	// fraction counts as the next one. Zero means now for a subject, and that
	// no token is spared for a session.
	IssuedBefore time.Time
	// Until is when the last of the tokens expires, and the revocation may be
	// forgotten. Required.
	Until time.Time
}

func (r *Revocation) validate() error {
	var errs []error
	named := 0
	for _, f := range []struct{ name, value string }{{"TokenID", r.TokenID}, {"SessionID", r.SessionID}, {"Subject", r.Subject}, {"ClientID", r.ClientID}} {
		if f.value != "" && f.name != "ClientID" {
			named++
		}
		if len(f.value) > maxRevoked {
			errs = append(errs, fmt.Errorf("%s is longer than %d bytes", f.name, maxRevoked))
		}
	}
	if named != 1 {
		errs = append(errs, errors.New("exactly one of TokenID, SessionID and Subject must be set"))
	}
	if r.TokenID != "" && (!r.IssuedBefore.IsZero() || r.ClientID != "") {
		errs = append(errs, errors.New("IssuedBefore and ClientID say nothing about one TokenID"))
	}
	if r.SessionID == "" && r.AllowOfflineAccess {
		errs = append(errs, errors.New("AllowOfflineAccess is about a SessionID"))
	}
	if r.Until.IsZero() {
		errs = append(errs, errors.New("Until is not set"))
	}
	return errors.Join(errs...)
}

// Revoke refuses tokens from now on, those that were seen before included,
// until they expire. It is kept in the memory of this verifier: every replica
// has to be told, and told again after a restart. A list that is full refuses
// with ErrDenyListFull, and forgets nothing in order to make room. Revoking
// twice extends the time. It is safe for concurrent use.
func (v *JWTVerifier) Revoke(r Revocation) error {
	if v == nil || v.issuers == nil {
		return errNotBuilt
	}
	issuer, err := v.issuers.named(r.Issuer)
	if err := errors.Join(err, r.validate()); err != nil {
		return fmt.Errorf("middleware: Revocation: %w", err)
	}
	return v.denied.revoke(issuer, r)
}

// revoke adds a revocation that is valid.
func (d *denyList) revoke(issuer string, r Revocation) error {
	k := deniedKey{issuer: issuer, client: strings.Clone(r.ClientID)}
	what := denied{before: noBound, allowOffline: r.AllowOfflineAccess}
	switch {
	case r.TokenID != "":
		k.by, k.value = byTokenID, r.TokenID
	case r.SessionID != "":
		k.by, k.value = bySessionID, r.SessionID
	default:
		k.by, k.value = bySubject, r.Subject
		what.before = wholeSeconds(time.Now())
	}
	if !r.IssuedBefore.IsZero() {
		what.before = wholeSeconds(r.IssuedBefore)
	}
	k.issuer, k.value = strings.Clone(k.issuer), strings.Clone(k.value)
	what.key = k
	return d.add(what, min(time.Until(r.Until), maxDenied)+denyMargin)
}

// wholeSeconds rounds up, in seconds since the epoch.
func wholeSeconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// deniedBy is the claim that a revocation is about.
type deniedBy uint8

const (
	byTokenID deniedBy = iota
	bySessionID
	bySubject
)

var deniedClaims = [...]string{byTokenID: "jti", bySessionID: "sid", bySubject: "sub"}

type deniedKey struct {
	issuer, value string
	// client is empty where it does not matter.
	client string
	by     deniedBy
}

// noBound spares no token, whenever it was issued.
const noBound = int64(1<<63 - 1)

// denied is one revocation in force.
type denied struct {
	key deniedKey
	// before is in seconds since the epoch.
	before int64
	// allowOffline spares tokens with offline_access.
	allowOffline bool
	// until is on the monotonic clock, which nobody sets.
	until time.Duration
	index int
}

// denyList holds revocations until they are over. It is safe for concurrent
// use.
type denyList struct {
	max     int
	started time.Time
	// revision changes with every addition. It is 0 while there was none.
	revision atomic.Uint64

	mu      sync.RWMutex
	entries map[deniedKey]*denied
	byTime  denyQueue
}

func newDenyList(limit int) *denyList {
	if limit == 0 {
		limit = defaultMaxRevocations
	}
	return &denyList{max: limit, started: time.Now(), entries: map[deniedKey]*denied{}}
}

// add denies for a time. One that is in force already only grows.
func (d *denyList) add(what denied, lasts time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Since(d.started)
	for len(d.byTime) > 0 && d.byTime[0].until <= now {
		delete(d.entries, heap.Pop(&d.byTime).(*denied).key)
	}
	if lasts <= 0 {
		return nil
	}
	what.until = now + lasts
	e := d.entries[what.key]
	if e == nil {
		if len(d.entries) >= d.max {
			return ErrDenyListFull
		}
		e = &what
		d.entries[what.key] = e
		heap.Push(&d.byTime, e)
	} else {
		e.before, e.until = max(e.before, what.before), max(e.until, what.until)
		e.allowOffline = e.allowOffline && what.allowOffline
		heap.Fix(&d.byTime, e.index)
	}
	d.revision.Add(1)
	return nil
}

// check refuses a token that was revoked. What it found holds until the list
// changes, and seen remembers that: one comparison for a token seen before.
func (d *denyList) check(id *oidckit.Identity, seen *atomic.Uint64) error {
	revision := d.revision.Load()
	if revision == seen.Load() {
		return nil
	}
	for by, value := range [...]string{byTokenID: id.TokenID, bySessionID: id.SessionID, bySubject: id.Subject} {
		if value == "" {
			continue
		}
		k := deniedKey{issuer: id.Issuer, value: value, by: deniedBy(by)}
		ofClient := k
		ofClient.client = id.ClientID
		if d.has(k, id) || d.has(ofClient, id) {
			return &TokenError{Claim: deniedClaims[by], Reason: "the token was revoked"}
		}
	}
	seen.Store(revision)
	return nil
}

func (d *denyList) has(k deniedKey, id *oidckit.Identity) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e := d.entries[k]
	if e == nil || e.allowOffline && id.Scope.Has(oidckit.ScopeOfflineAccess) {
		return false
	}
	// A token that does not tell when it was issued is spared by no time.
	return id.IssuedAt.IsZero() || id.IssuedAt.Unix() < e.before
}

// denyQueue has the revocation in front that is over first.
type denyQueue []*denied

func (q denyQueue) Len() int           { return len(q) }
func (q denyQueue) Less(i, j int) bool { return q[i].until < q[j].until }
func (q denyQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *denyQueue) Push(x any) {
	e := x.(*denied)
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *denyQueue) Pop() any {
	old := *q
	last := len(old) - 1
	e := old[last]
	old[last] = nil
	*q = old[:last]
	return e
}
