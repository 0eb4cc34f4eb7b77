package clientsecret

import (
	"errors"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
)

const purpose = "provider client secrets"

// Box seals and opens the secrets of one issuer's clients. It is safe for
// concurrent use.
type Box struct {
	issuer string
	box    *secret.Box
}

// NewBox returns the box of an issuer. The ring must not be empty.
func NewBox(ring oidckit.Secrets, issuer string) *Box {
	return &Box{issuer: issuer, box: secret.NewBox(ring, purpose)}
}

// Seal returns a secret as opstore.Client.SealedSecret has it, bound to the
// issuer and the client.
func (b *Box) Seal(clientID, plain string) []byte {
	return b.box.Seal([]byte(plain), b.aad(clientID))
}

// errNone says that a client has no secret that can be opened.
var errNone = errors.New("clientsecret: the client has no sealed secret, or another key ring has sealed it")

// Open returns the secret of a client.
func (b *Box) Open(c *opstore.Client) ([]byte, error) {
	if len(c.SealedSecret) == 0 {
		return nil, errNone
	}
	plain, err := b.box.Open(c.SealedSecret, b.aad(c.Metadata.ClientID))
	if err != nil {
		return nil, errNone
	}
	return plain, nil
}

func (b *Box) aad(clientID string) []byte { return []byte(b.issuer + "\x00" + clientID) }

// Expired reports whether a client's secret has ended (RFC 7591 §3.2.1,
// client_secret_expires_at).
func Expired(c *opstore.Client, now time.Time) bool {
	return !c.SecretExpiresAt.IsZero() && !now.Before(c.SecretExpiresAt)
}
