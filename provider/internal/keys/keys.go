package keys

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

const (
	// refreshAfter is when a replica begins to read the keys anew, behind a
	// request.
	refreshAfter = 10 * time.Second
	// refreshEvery is how long a replica believes its copy of the keys: what
	// another one creates or revokes is seen within it.
	refreshEvery = 15 * time.Second
	// retryEvery spaces the attempts while the store is down.
	retryEvery = time.Second
	// staleWait is how long a request waits for newer keys than the known ones,
	// and patience how long none waits again after that was in vain.
	staleWait = 2 * time.Second
	patience  = time.Minute
	// loadTimeout bounds one load, detached from the request that asked.
	loadTimeout = 5 * time.Second
)

// Config is what a Manager needs.
type Config struct {
	Issuer string
	Store  opstore.Keys
	Box    *secret.Box
	// Algorithms are the JWS algorithms of which there is always a key.
	Algorithms []string
	// External are keys that live elsewhere. Of the algorithm of one that signs
	// no key is made.
	External []External
	// SelfSigned gives the keys made here a certificate.
	SelfSigned bool
	// RotateEvery is how long a key signs.
	RotateEvery time.Duration
	// PublishAhead is how long a key is published before it signs: longer
	// than relying parties cache the set.
	PublishAhead time.Duration
	// Retain is how long a key stays published after it signed last: the
	// longest lifetime of what it signs.
	Retain time.Duration
	Logger zerolog.Logger
	Events oidckit.EventSink
}

// Manager hands out signers and the published set. It is safe for concurrent
// use.
type Manager struct {
	cfg      Config
	snapshot atomic.Pointer[snapshot]
	// next is when the snapshot is to be read anew, in Unix nanoseconds.
	next atomic.Int64
	// limit is when the snapshot is too old to be believed while the store
	// answers.
	limit atomic.Int64
	// loading lets one load run at a time: an older one must not undo a newer.
	loading sync.Mutex
	again   again
	wg      sync.WaitGroup

	mu sync.Mutex
	// closed and shared are guarded by mu. shared is the load that is running.
	closed bool
	shared *sharedLoad
}

type sharedLoad struct {
	done chan struct{}
	s    *snapshot
	err  error
}

// New returns a Manager. It does not touch the store.
func New(cfg Config) *Manager { return &Manager{cfg: cfg} }

// Document is the published set, made once for each change.
type Document struct {
	Body []byte
	ETag string
}

type snapshot struct {
	keys []key
	doc  Document
	// certificates is the PEM of the keys that have any.
	certificates []Certificate
}

// key is a published key. signer is nil where it signs no more, or not yet, by
// the config.
type key struct {
	record   opstore.SigningKey
	signer   *jose.Signer
	public   crypto.PublicKey
	chain    [][]byte
	external bool
}

// Signer returns the active signer of an algorithm.
func (m *Manager) Signer(ctx context.Context, alg string) (*jose.Signer, error) {
	s, err := m.current(ctx)
	if err != nil {
		return nil, err
	}
	k := s.active(alg, time.Now())
	if k == nil {
		// Nobody has asked for so long that the last key has ended.
		if s, err = m.lookAgain(ctx, s); err != nil {
			return nil, err
		}
		k = s.active(alg, time.Now())
	}
	if k != nil {
		return k.signer, nil
	}
	return nil, fmt.Errorf("keys: no active %s key", alg)
}

// active returns the newest key that may sign now: one from elsewhere before
// those made here. Until its successor has
// come into force a key signs on beyond RetireAt: a store that is down must
// not end the issuing of tokens.
func (s *snapshot) active(alg string, now time.Time) *key {
	var best *key
	for i := range s.keys {
		k := &s.keys[i]
		if k.record.Algorithm == alg && k.external && k.signer != nil {
			return k
		}
		if k.record.Algorithm == alg && !k.external && !k.record.ActiveAt.After(now) && now.Before(k.record.ExpiresAt) &&
			(best == nil || k.record.Generation > best.record.Generation) {
			best = k
		}
	}
	return best
}

// JWKS returns the published set (RFC 7517 §5).
func (m *Manager) JWKS(ctx context.Context) (Document, error) {
	s, err := m.current(ctx)
	if err != nil {
		return Document{}, err
	}
	return s.doc, nil
}

// current returns the snapshot. While there is traffic it is read anew behind
// a request, before anybody has to doubt it; after a pause the first request
// waits for that, and so does who comes while no key is known. A store that is
// down leaves what is known in use.
func (m *Manager) current(ctx context.Context) (*snapshot, error) {
	s, now := m.snapshot.Load(), time.Now().UnixNano()
	switch {
	case s == nil:
		// The load bounds itself.
		return m.await(ctx, 2*loadTimeout)
	case now < m.next.Load():
		return s, nil
	case now < m.limit.Load():
		m.begin(ctx)
		return s, nil
	}
	if fresh, err := m.await(ctx, staleWait); err == nil {
		return fresh, nil
	}
	return s, nil
}

// begin starts a load, or finds the one that is running: all who come share it,
// and none ends it by leaving. It returns nil after Close.
func (m *Manager) begin(ctx context.Context) *sharedLoad {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	call := m.shared
	if call == nil {
		call = &sharedLoad{done: make(chan struct{})}
		m.shared = call
		m.wg.Go(func() { m.run(context.WithoutCancel(ctx), call) })
	}
	return call
}

func (m *Manager) run(ctx context.Context, call *sharedLoad) {
	call.s, call.err = m.survive(ctx)
	if call.err != nil {
		now := time.Now()
		m.limit.Store(now.Add(patience).UnixNano())
		m.next.Store(now.Add(retryEvery).UnixNano())
	}
	m.mu.Lock()
	m.shared = nil
	m.mu.Unlock()
	close(call.done)
	if call.err != nil && m.snapshot.Load() != nil {
		// A logger that panics must not end the process.
		defer func() { _ = recover() }()
		m.cfg.Logger.Error().Err(call.err).Msg("signing keys could not be read; the known ones stay in use")
	}
}

// await returns what a load brings, started or joined.
func (m *Manager) await(ctx context.Context, limit time.Duration) (*snapshot, error) {
	call := m.begin(ctx)
	if call == nil {
		return m.load(ctx)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-call.done:
		return call.s, call.err
	case <-timer.C:
		return nil, context.DeadlineExceeded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// survive is load where no request is there to answer for a store or a sink
// that panics: nothing else would keep the process alive.
func (m *Manager) survive(ctx context.Context) (s *snapshot, err error) {
	defer func() {
		if v := recover(); v != nil {
			s, err = nil, oidckit.NewError(oidckit.ServerError, "internal error").WithCause(fmt.Errorf("keys: a store or a sink panicked with a %T", v))
		}
	}()
	return m.load(ctx)
}

// Reload reads the keys from the store now.
func (m *Manager) Reload(ctx context.Context) error {
	_, err := m.load(ctx)
	return err
}

func (m *Manager) load(ctx context.Context) (*snapshot, error) {
	m.loading.Lock()
	defer m.loading.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	records, err := m.cfg.Store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	made, err := m.createDue(ctx, records, time.Now())
	if err != nil {
		return nil, err
	}
	if made {
		if records, err = m.cfg.Store.Keys(ctx); err != nil {
			return nil, err
		}
	}
	s, err := m.open(records)
	if err != nil {
		return nil, err
	}
	m.snapshot.Store(s)
	now := time.Now()
	m.limit.Store(now.Add(refreshEvery).UnixNano())
	m.next.Store(now.Add(refreshAfter).UnixNano())
	return s, nil
}

func (m *Manager) open(records []opstore.SigningKey) (*snapshot, error) {
	s := &snapshot{}
	previous := m.snapshot.Load()
	for _, e := range m.cfg.External {
		k, err := e.key()
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, *k)
	}
	for _, rec := range records {
		if s.find(rec.ID) != nil {
			m.cfg.Logger.Error().Str("kid", rec.ID).Msg("signing key left out: a configured one has its kid")
			continue
		}
		k := previous.find(rec.ID)
		if k == nil {
			var err error
			if k, err = m.openKey(rec); err != nil {
				// One key that does not open must not take the others away.
				m.cfg.Logger.Error().Err(err).Str("kid", rec.ID).Msg("signing key left out")
				continue
			}
		}
		k.record = rec
		s.keys = append(s.keys, *k)
	}
	set := make([]jose.JWK, 0, len(s.keys))
	for _, k := range s.keys {
		set = append(set, jose.JWK{KeyID: k.record.ID, Algorithm: k.record.Algorithm, Use: "sig", Key: k.public, Certificates: k.chain})
	}
	s.certificates = certificates(s, time.Now())
	body, err := jose.MarshalJWKS(set)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	s.doc = Document{Body: body, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	for _, alg := range m.cfg.Algorithms {
		if s.active(alg, time.Now()) == nil {
			return nil, fmt.Errorf("keys: no %s key can be opened; is the key ring the one that sealed it?", alg)
		}
	}
	return s, nil
}

func (s *snapshot) find(kid string) *key {
	if s == nil {
		return nil
	}
	for i := range s.keys {
		if s.keys[i].record.ID == kid {
			k := s.keys[i]
			return &k
		}
	}
	return nil
}

func (m *Manager) openKey(rec opstore.SigningKey) (*key, error) {
	der, err := m.cfg.Box.Open(rec.SealedKey, m.aad(rec.ID, rec.Algorithm))
	if err != nil {
		return nil, err
	}
	private, err := jose.ParsePrivateKey(der)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(rec.Algorithm, rec.ID, private)
	if err != nil {
		return nil, err
	}
	k := &key{record: rec, signer: signer, public: signer.Public()}
	if m.cfg.SelfSigned {
		der, err := selfSigned(m.cfg.Issuer, rec, private)
		if err != nil {
			return nil, err
		}
		k.chain = [][]byte{der}
	}
	return k, nil
}

// aad binds a sealed key to its issuer, kid and algorithm.
func (m *Manager) aad(kid, alg string) []byte {
	return []byte(m.cfg.Issuer + "\x00" + kid + "\x00" + alg)
}

// Close waits for a read under way and starts no further one.
func (m *Manager) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.wg.Wait()
	return nil
}
