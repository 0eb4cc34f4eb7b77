package clientkeys

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// defaultMaxClients is Config.MaxClients where it is 0.
const defaultMaxClients = 1024

var (
	// ErrNoKey says that a client has no key that could have signed: none at
	// all, none with this kid and algorithm, or none that could be fetched.
	ErrNoKey = errors.New("clientkeys: no such key")
	// ErrSignature says that the client has the key and has not signed.
	ErrSignature = errors.New("clientkeys: signature does not verify")
)

// Config is what Keys are made of.
type Config struct {
	// HTTPClient fetches from addresses that clients have given: it is guarded
	// and follows no redirects. Required.
	HTTPClient *http.Client
	// MaxClients bounds the registered clients whose keys are held; 0 means
	// 1024. Configured ones are held beside, all of them.
	MaxClients int
	Logger     zerolog.Logger
}

// Keys finds the keys of clients. It is safe for concurrent use.
type Keys struct {
	cfg Config

	mu     sync.Mutex
	closed bool
	// order has the held sources of registered clients, the last used first,
	// configured those that no registration can make leave.
	order      *list.List
	configured *list.List
	held       map[origin]*list.Element
	// leaving are caches that are being closed.
	leaving sync.WaitGroup
}

// origin names where the keys of a client come from. Metadata that changes
// makes another one, so that keys which were withdrawn serve no longer.
type origin struct {
	clientID string
	uri      string
	set      [sha256.Size]byte
	// configured tells in which of the two lists it is.
	configured bool
}

type source struct {
	origin origin
	keys   jwks.Source
	// cache is keys where they are fetched, else nil.
	cache *jwks.Cache
}

// New returns Keys that hold nothing yet.
func New(cfg Config) *Keys {
	if cfg.MaxClients <= 0 {
		cfg.MaxClients = defaultMaxClients
	}
	return &Keys{cfg: cfg, order: list.New(), configured: list.New(), held: map[origin]*list.Element{}}
}

// Verify checks that one of the client's keys has signed the token under the
// algorithm in its header, which the caller has found to be allowed. Errors are
// ErrNoKey and ErrSignature, wrapped with their cause.
func (k *Keys) Verify(ctx context.Context, c *opstore.Client, j *jose.JWS) error {
	keys, err := k.source(c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	ref := jwks.Ref{KeyID: j.Header.KeyID, Algorithm: j.Header.Algorithm}
	key, err := keys.Find(ctx, ref)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	if j.Verify(ref.Algorithm, key) == nil {
		return nil
	}
	// A token without kid may be signed with a key that came after this one.
	if key, err = keys.Renew(ctx, ref, key); err != nil || j.Verify(ref.Algorithm, key) != nil {
		return ErrSignature
	}
	return nil
}

var (
	errNothing = errors.New("the client has registered no keys")
	errClosed  = errors.New("closed")
)

// source returns the client's keys, where they are held or not.
func (k *Keys) source(c *opstore.Client) (jwks.Source, error) {
	o := origin{clientID: c.Metadata.ClientID, uri: c.Metadata.JWKSURI, configured: c.CreatedAt.IsZero()}
	switch {
	case len(c.Metadata.JWKS) > 0:
		o.uri, o.set = "", sha256.Sum256(c.Metadata.JWKS)
	case o.uri == "":
		return nil, errNothing
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	order := k.order
	if o.configured {
		order = k.configured
	}
	if e := k.held[o]; e != nil {
		order.MoveToFront(e)
		return e.Value.(*source).keys, nil
	}
	if k.closed {
		return nil, errClosed
	}
	s, err := k.open(o, c.Metadata.JWKS)
	if err != nil {
		return nil, err
	}
	k.held[o] = order.PushFront(s)
	if k.order.Len() > k.cfg.MaxClients {
		k.drop(k.order, k.order.Back())
	}
	return s.keys, nil
}

// open makes a source. It fetches nothing.
func (k *Keys) open(o origin, set []byte) (*source, error) {
	if o.uri == "" {
		keys, _, err := jose.ParseJWKS(set)
		if err != nil {
			return nil, err
		}
		return &source{origin: o, keys: jwks.Static(keys, nil)}, nil
	}
	cache, err := jwks.New(jwks.Config{Fetch: k.fetch(o.uri), Logger: k.cfg.Logger.With().Str("client_id", o.clientID).Logger()})
	if err != nil {
		return nil, err
	}
	return &source{origin: o, keys: cache, cache: cache}, nil
}

// drop forgets a source. Its caller holds mu; the end of a fetch under way is
// waited for elsewhere.
func (k *Keys) drop(order *list.List, e *list.Element) {
	s := order.Remove(e).(*source)
	delete(k.held, s.origin)
	if s.cache != nil {
		k.leaving.Go(func() { s.cache.Close() })
	}
}

// Close ends the fetches that are under way and allows no further ones. It may
// be called more than once.
func (k *Keys) Close() error {
	k.mu.Lock()
	k.closed = true
	for _, order := range []*list.List{k.order, k.configured} {
		for order.Len() > 0 {
			k.drop(order, order.Back())
		}
	}
	k.mu.Unlock()
	k.leaving.Wait()
	return nil
}
