package broker

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// seal binds a secret to its record: copied into another one it opens nothing.
func (r *Registry) seal(uuid, plain string) []byte { return r.box.Seal([]byte(plain), []byte(uuid)) }

func (r *Registry) open(p *IdentityProvider) (string, error) {
	plain, err := r.box.Open(p.sealed, []byte(p.UUID))
	if err != nil {
		r.log.Error().Str("identity_provider", p.UUID).Msg("a client secret cannot be opened: its key is not in Secrets")
		return "", fmt.Errorf("broker: the client secret of %s: %w", p.UUID, err)
	}
	return string(plain), nil
}

// Reveal puts the client secret of a record that this registry has returned into
// its ClientSecret: for a login, and for an API that was told to answer secrets.
func (r *Registry) Reveal(p *IdentityProvider) error {
	plain, err := r.open(p)
	if err != nil {
		return err
	}
	p.ClientSecret = plain
	return nil
}

// resealPage is how many records Reseal reads at a time.
const resealPage = 100

// Reseal seals the secrets of all records under the first key of Secrets and
// returns how many there were, after which the other keys are not needed for
// them. A record that changes meanwhile is sealed by its change.
func (r *Registry) Reseal(ctx context.Context) (int, error) {
	sealed := 0
	for start := 0; ; start += resealPage {
		page, _, err := r.store.ListIdentityProviders(ctx, rpstore.IdentityProviderSelector{}, start, resealPage)
		if err != nil {
			return sealed, err
		}
		for i := range page {
			plain, err := r.open(r.fromStore(&page[i]))
			if err != nil {
				return sealed, err
			}
			page[i].SealedClientSecret = r.seal(page[i].UUID, plain)
			err = r.store.PutIdentityProvider(ctx, &page[i])
			if err != nil && !errors.Is(err, oidckit.ErrConflict) && !errors.Is(err, oidckit.ErrNotFound) {
				return sealed, err
			}
			sealed++
		}
		if len(page) < resealPage {
			return sealed, nil
		}
	}
}

// newUUID returns the key of a new record: a random one, or with an idempotency
// key the one that the same creation by the same person has got before. It
// depends on the whole record, so that another record under the same key is
// another one.
func (r *Registry) newUUID(ctx context.Context, p *IdentityProvider, key string) string {
	var b [16]byte
	if key == "" {
		rand.Read(b[:])
	} else {
		doc, err := json.Marshal(p)
		if err != nil {
			panic("broker: " + err.Error())
		}
		mac := hmac.New(sha256.New, r.key)
		for _, part := range [][]byte{[]byte(by(ctx)), []byte(key), doc} {
			sum := sha256.Sum256(part)
			mac.Write(sum[:])
		}
		copy(b[:], mac.Sum(nil))
	}
	// RFC 9562 §5.4: version 4
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// by is who makes a change: "" where the guard says nothing.
func by(ctx context.Context) string {
	if id, ok := oidckit.IdentityFromContext(ctx); ok {
		return id.Subject
	}
	return ""
}
