package middleware

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/rs/zerolog"
)

// fileLifetime is for how long a file of keys is believed, where nothing else
// is said: reading it again costs next to nothing.
const fileLifetime = 10 * time.Second

// KeySource says where an issuer's keys are: at most one of JWKSURI, JWKSFile,
// JWKS and PublicKeys, and with none of them, where the issuer's metadata says
// (OpenID Connect Discovery 1.0 §4, RFC 8414 §3). Keys that are symmetric,
// private, weak, or not meant for signatures are left out, and so are those
// that share a kid where a token could mean either. A key whose JWK has a
// member issuer, as in sets that the tenants of a provider share, verifies
// tokens of that issuer alone; a segment in braces in it stands for any.
//
// A provider in the same process needs no source of its own: with its
// LocalTransport in HTTPClient, its metadata and keys are read without the
// network.
type KeySource struct {
	// JWKSURI is where the issuer's JWK set is (RFC 7517 §5). With an issuer
	// template it may hold the same segment in braces, for a set per tenant;
	// without it, one set serves all tenants.
	JWKSURI string
	// JWKSFile is the path of a file with a JWK set. It is read when a key is
	// first needed, and again as it changes.
	JWKSFile string
	// JWKS is a JWK set that never changes.
	JWKS []byte
	// PublicKeys are keys that never change.
	PublicKeys []PublicKey
	// SoftLifetime is the age at which keys are fetched anew while they serve.
	// A key that the issuer has withdrawn is refused after that time at the
	// latest, while the issuer can be reached: where nothing was fetched for
	// that long, tokens wait for it, up to 5 seconds, and an issuer that takes
	// longer makes them fail as unchecked. Default 5 minutes, and 10 seconds
	// for a file.
	SoftLifetime time.Duration
	// HardLifetime is for how long keys serve while they cannot be fetched
	// anew. After that, tokens cannot be checked. Default 24 hours.
	HardLifetime time.Duration
}

// PublicKey is a key of an issuer that is known beforehand.
type PublicKey struct {
	// KeyID is the kid of tokens signed with the key. Tokens without a kid mean
	// the only key that fits their algorithm.
	KeyID string
	// Algorithm is the only one the key serves for; "" means every one that
	// fits it.
	Algorithm string
	// Key is a *rsa.PublicKey of 2048 to 8192 bits, an *ecdsa.PublicKey on
	// P-256, P-384 or P-521, or an ed25519.PublicKey.
	Key crypto.PublicKey
}

func (s *KeySource) isZero() bool {
	return s.JWKSURI == "" && s.JWKSFile == "" && s.JWKS == nil && s.PublicKeys == nil && s.SoftLifetime == 0 && s.HardLifetime == 0
}

// fixed reports whether the keys never change.
func (s *KeySource) fixed() bool { return s.JWKS != nil || s.PublicKeys != nil }

// shared reports whether one set of keys serves all tenants of a template.
func (s *KeySource) shared(t *Tenants) bool {
	return s.fixed() || s.JWKSFile != "" || s.JWKSURI != "" && !isTemplate(s.JWKSURI) || s.JWKSURI == "" && t.MetadataURI != ""
}

// validate adds every problem of the source of an issuer's keys.
func (s *KeySource) validate(p *problems, issuer string) {
	var set []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"JWKSURI", s.JWKSURI != ""}, {"JWKSFile", s.JWKSFile != ""}, {"JWKS", s.JWKS != nil}, {"PublicKeys", s.PublicKeys != nil}} {
		if f.set {
			set = append(set, f.name)
		}
	}
	if len(set) > 1 {
		p.add("Keys", "names more than one source: %s", strings.Join(set, ", "))
	}
	s.validateURI(p, issuer)
	if _, err := s.fixedKeys(issuer); err != nil {
		p.add("Keys."+set[len(set)-1], "%w", err)
	}
	if s.SoftLifetime < 0 {
		p.add("Keys.SoftLifetime", "is negative")
	}
	if s.HardLifetime < 0 || s.HardLifetime != 0 && s.HardLifetime < s.SoftLifetime {
		p.add("Keys.HardLifetime", "is less than SoftLifetime")
	}
}

func (s *KeySource) validateURI(p *problems, issuer string) {
	uri := s.JWKSURI
	if isTemplate(uri) {
		t, err := parseTemplate(uri)
		if own, _ := parseTemplate(issuer); err == nil && (own == nil || own.name != t.name) {
			err = errors.New("has a segment in braces that Issuer has not")
		}
		if err != nil {
			p.add("Keys.JWKSURI", "%w", err)
			return
		}
		uri = t.fill("x")
	}
	if uri == "" {
		return
	}
	if _, err := safeurl.Endpoint(uri); err != nil {
		p.add("Keys.JWKSURI", "%w", err)
	}
}

// fixedKeys reads the keys that never change; nil where there are none.
func (s *KeySource) fixedKeys(issuer string) (jwks.Source, error) {
	if !s.fixed() {
		return nil, nil
	}
	data := s.JWKS
	if s.PublicKeys != nil {
		keys := make([]jose.JWK, len(s.PublicKeys))
		for i, k := range s.PublicKeys {
			keys[i] = jose.JWK{KeyID: k.KeyID, Algorithm: k.Algorithm, Key: k.Key}
		}
		var err error
		if data, err = jose.MarshalJWKS(keys); err != nil {
			return nil, err
		}
	}
	keys, skipped, err := jose.ParseJWKS(data)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, errors.New("holds no key that could verify a signature")
	case skipped > 0 && s.PublicKeys != nil:
		return nil, errors.New("holds different keys with the same KeyID")
	}
	return jwks.Static(keys, keyScope(issuer)), nil
}

// keyring is the keys of one issuer, or of one tenant, and what fetches them.
type keyring struct {
	jwks.Source
	// issuer is for the texts of errors.
	issuer   string
	cache    *jwks.Cache
	metadata *discovery.Client
	// usedAt is when a token was last verified with these keys, in seconds on
	// the clock of tenantKeys.
	usedAt atomic.Int64
	// retired is set when these keys were given up for other tenants'.
	retired atomic.Bool
}

// newKeyring opens a source of keys that are fetched.
func newKeyring(issuer string, s *KeySource, fetch func(context.Context) ([]byte, error), logger zerolog.Logger) (*keyring, error) {
	soft := s.SoftLifetime
	if soft == 0 && s.JWKSFile != "" {
		soft = fileLifetime
	}
	k := &keyring{issuer: issuer}
	var err error
	k.cache, err = jwks.New(jwks.Config{
		Fetch: fetch, Failed: k.rediscover, SoftLifetime: soft, HardLifetime: s.HardLifetime,
		Scope: keyScope(issuer), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	k.Source = k.cache
	return k, nil
}

// rediscover has the metadata fetched anew that led to keys that could not be
// had: the issuer may have moved them.
func (k *keyring) rediscover() {
	if k.metadata != nil {
		k.metadata.Expire()
	}
}

// Close ends fetches under way.
func (k *keyring) Close() error {
	var err error
	if k.metadata != nil {
		err = k.metadata.Close()
	}
	if k.cache != nil {
		err = errors.Join(err, k.cache.Close())
	}
	return err
}
