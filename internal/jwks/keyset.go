package jwks

import (
	"context"
	"crypto"
	"fmt"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"

	"github.com/oidckit/oidckit/internal/jose"
)

type ref struct{ kid, alg string }

// keySet is one set of keys with keyfunc's answer for each kid and algorithm.
// It is immutable.
type keySet struct {
	keys    []jose.JWK
	answers map[ref]crypto.PublicKey
	kids    map[string]bool
}

// newKeySet takes over the keys of previous that did not change, so that they
// keep their identity. It returns how many keys were left out.
func newKeySet(keys []jose.JWK, previous *keySet) (*keySet, int, error) {
	s := &keySet{answers: map[ref]crypto.PublicKey{}, kids: map[string]bool{}}
	given := make([]jwkset.JWK, 0, len(keys))
	skipped := 0
	for _, k := range keys {
		k.Key = previous.same(k.Key)
		j, err := toJWKSet(k)
		if err != nil {
			skipped++
			continue
		}
		given = append(given, j)
		s.keys = append(s.keys, k)
		s.kids[k.KeyID] = true
	}
	// a token without kid asks among all keys, so a new fetch is no answer to it
	s.kids[""] = len(s.keys) > 0

	ctx := context.Background()
	store := &storage{MemoryJWKSet: jwkset.NewMemoryStorage()}
	if err := store.KeyReplaceAll(ctx, given); err != nil {
		return nil, 0, fmt.Errorf("jwks: storing keys: %w", err)
	}
	resolver, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: store, UseWhitelist: []jwkset.USE{jwkset.UseSig}})
	if err != nil {
		return nil, 0, fmt.Errorf("jwks: %w", err)
	}
	for _, alg := range jose.Algorithms() {
		lookup := resolver.KeyfuncCtx(context.WithValue(ctx, algorithmKey{}, alg))
		for kid := range s.kids {
			key, err := jose.Resolve(lookup, jose.Header{Algorithm: alg, KeyID: kid})
			if err == nil {
				s.answers[ref{kid, alg}] = key
			}
		}
	}
	return s, skipped, nil
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
	if other == nil || len(s.answers) != len(other.answers) {
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

// algorithmKey carries the token's algorithm to the storage, whose interface
// knows only the kid.
type algorithmKey struct{}

// storage is jwkset's memory storage with another way to choose: by kid, type
// and algorithm together, never the first of several.
type storage struct {
	*jwkset.MemoryJWKSet
	byKID map[string][]candidate
	all   []candidate
}

type candidate struct {
	stored jwkset.JWK
	key    jose.JWK
}

// KeyReplaceAll stores the keys and the order in which KeyRead looks.
func (s *storage) KeyReplaceAll(ctx context.Context, given []jwkset.JWK) error {
	s.byKID = make(map[string][]candidate, len(given))
	s.all = make([]candidate, 0, len(given))
	for _, j := range given {
		m := j.Marshal()
		c := candidate{stored: j, key: jose.JWK{KeyID: m.KID, Algorithm: string(m.ALG), Key: j.Key()}}
		s.byKID[m.KID] = append(s.byKID[m.KID], c)
		s.all = append(s.all, c)
	}
	return s.MemoryJWKSet.KeyReplaceAll(ctx, given)
}

// KeyRead returns the one key that a token with this kid can mean. Without a
// kid that is the only key that fits (OpenID Connect Core 1.0 §10.1); where
// two different keys fit it is none.
func (s *storage) KeyRead(ctx context.Context, kid string) (jwkset.JWK, error) {
	alg, _ := ctx.Value(algorithmKey{}).(string)
	candidates := s.all
	if kid != "" {
		candidates = s.byKID[kid]
	}
	var found *candidate
	for i := range candidates {
		c := &candidates[i]
		if !c.key.Fits(alg) {
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
