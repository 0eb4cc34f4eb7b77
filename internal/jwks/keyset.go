package jwks

import (
	"context"
	"crypto"
	"fmt"
	"maps"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"

	"github.com/oidckit/oidckit/internal/jose"
)

// keySet is one set of keys with keyfunc's answer for each kid and algorithm.
// It is immutable.
type keySet struct {
	keys []jose.JWK
	// answers are for the tokens of all issuers, and where a kid or a missing
	// one may mean a key of an issuer's own, for that issuer's beside them.
	answers map[Ref]crypto.PublicKey
	// kids are what there are answers to, without an algorithm.
	kids map[Ref]bool
	// scoped says that there are keys of an issuer's own.
	scoped bool
}

// newKeySet takes over the keys of previous that did not change, so that they
// keep their identity. It returns how many keys were left out.
func newKeySet(keys []jose.JWK, previous *keySet, scope Scope) (*keySet, int, error) {
	s := &keySet{answers: map[Ref]crypto.PublicKey{}, kids: map[Ref]bool{{}: true}}
	store := &storage{MemoryJWKSet: jwkset.NewMemoryStorage()}
	given := make([]jwkset.JWK, 0, len(keys))
	skipped := 0
	for _, k := range keys {
		owner, served := ownerOf(k, scope)
		k.Key = previous.same(k.Key)
		j, err := toJWKSet(k)
		if err != nil || !served {
			skipped++
			continue
		}
		given = append(given, j)
		store.owners = append(store.owners, owner)
		s.keys = append(s.keys, k)
		s.kids[Ref{KeyID: k.KeyID, Issuer: owner}] = true
		s.kids[Ref{Issuer: owner}] = true
		s.scoped = s.scoped || owner != ""
	}

	ctx := context.Background()
	if err := store.KeyReplaceAll(ctx, given); err != nil {
		return nil, 0, fmt.Errorf("jwks: storing keys: %w", err)
	}
	resolver, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: store, UseWhitelist: []jwkset.USE{jwkset.UseSig}})
	if err != nil {
		return nil, 0, fmt.Errorf("jwks: %w", err)
	}
	for r := range s.kids {
		for _, alg := range jose.Algorithms() {
			r.Algorithm = alg
			lookup := resolver.KeyfuncCtx(context.WithValue(ctx, refKey{}, r))
			key, err := jose.Resolve(lookup, jose.Header{Algorithm: alg, KeyID: r.KeyID})
			if err == nil {
				s.answers[r] = key
			}
		}
	}
	return s, skipped, nil
}

// ownerOf returns the issuer that a key is for alone, "" for none, and false
// where it is for nobody who asks.
func ownerOf(k jose.JWK, scope Scope) (owner string, ok bool) {
	if k.Issuer == "" || scope == nil {
		return "", true
	}
	return scope(k.Issuer)
}

// find returns the key that a token means.
func (s *keySet) find(r Ref) crypto.PublicKey {
	if !s.scoped || !s.kids[Ref{KeyID: r.KeyID, Issuer: r.Issuer}] {
		r.Issuer = ""
	}
	return s.answers[r]
}

// known reports whether the issuer has the token's kid, whatever for.
func (s *keySet) known(r Ref) bool {
	return s.kids[Ref{KeyID: r.KeyID}] || s.scoped && s.kids[Ref{KeyID: r.KeyID, Issuer: r.Issuer}]
}

// same returns the set's own value of an equal key, or key.
func (s *keySet) same(key crypto.PublicKey) crypto.PublicKey {
	if s != nil {
		for i := range s.keys {
			if jose.SameKey(s.keys[i].Key, key) {
				return s.keys[i].Key
			}
		}
	}
	return key
}

// equal reports whether both sets answer every question alike.
func (s *keySet) equal(other *keySet) bool {
	if len(s.answers) != len(other.answers) || !maps.Equal(s.kids, other.kids) {
		return false
	}
	for r, key := range s.answers {
		if !jose.SameKey(key, other.answers[r]) {
			return false
		}
	}
	return true
}

func toJWKSet(k jose.JWK) (jwkset.JWK, error) {
	if k.Use != "" && k.Use != string(jwkset.UseSig) {
		return jwkset.JWK{}, fmt.Errorf("jwks: key %q is not for signatures", k.KeyID)
	}
	return jwkset.NewJWKFromKey(k.Key, jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.ALG(k.Algorithm), KID: k.KeyID, USE: jwkset.UseSig},
		Validate: jwkset.JWKValidateOptions{StrictPadding: true},
	})
}

// refKey carries what the token tells to the storage, whose interface knows
// only the kid.
type refKey struct{}

// storage is jwkset's memory storage with another way to choose: by kid, type,
// algorithm and issuer together, never the first of several.
type storage struct {
	*jwkset.MemoryJWKSet
	// owners has, for each key to be stored, the issuer that it is for alone.
	owners []string
	byKID  map[string][]candidate
	all    []candidate
}

type candidate struct {
	stored jwkset.JWK
	key    jose.JWK
	owner  string
}

// KeyReplaceAll stores the keys and the order in which KeyRead looks.
func (s *storage) KeyReplaceAll(ctx context.Context, given []jwkset.JWK) error {
	s.byKID = make(map[string][]candidate, len(given))
	s.all = make([]candidate, 0, len(given))
	for i, j := range given {
		m := j.Marshal()
		c := candidate{stored: j, key: jose.JWK{KeyID: m.KID, Algorithm: string(m.ALG), Key: j.Key()}, owner: s.owners[i]}
		s.byKID[m.KID] = append(s.byKID[m.KID], c)
		s.all = append(s.all, c)
	}
	return s.MemoryJWKSet.KeyReplaceAll(ctx, given)
}

// KeyRead returns the one key that a token with this kid can mean. Without a
// kid that is the only key that fits (OpenID Connect Core 1.0 §10.1); where
// two different keys fit it is none.
func (s *storage) KeyRead(ctx context.Context, kid string) (jwkset.JWK, error) {
	r, _ := ctx.Value(refKey{}).(Ref)
	candidates := s.all
	if kid != "" {
		candidates = s.byKID[kid]
	}
	var found *candidate
	for i := range candidates {
		c := &candidates[i]
		if c.owner != "" && c.owner != r.Issuer || !c.key.Fits(r.Algorithm) {
			continue
		}
		if found != nil && !jose.SameKey(found.key.Key, c.key.Key) {
			return jwkset.JWK{}, fmt.Errorf("%w: more than one fits", jwkset.ErrKeyNotFound)
		}
		found = c
	}
	if found == nil {
		return jwkset.JWK{}, jwkset.ErrKeyNotFound
	}
	return found.stored, nil
}
