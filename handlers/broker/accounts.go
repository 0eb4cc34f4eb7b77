package broker

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
)

// Login is a verified login at an identity provider.
type Login struct {
	// ProviderID and Provider name the record it came through: its UUID and its
	// identifier.
	ProviderID string `json:"provider_id"`
	Provider   string `json:"provider"`
	// Issuer and Subject are the person at the provider. For a provider without
	// an issuer, Issuer is "urn:uuid:" and the record's UUID.
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	// Claims is what the record's attribute mapping lets through, with email and
	// email_verified as they may be relied on.
	Claims oidckit.Claims `json:"claims"`
	// Email is the person's address where it may be relied on: the provider says
	// that it is verified, or the record trusts it. Empty otherwise.
	Email string `json:"email,omitempty"`
}

// Accounts is the accounts of one's own that people of identity providers
// have. It is safe for concurrent use.
type Accounts interface {
	// CreateAccount makes an account for a person who comes for the first time,
	// under a subject that the broker has drawn. An *oidckit.Error refuses the
	// person. It may be called again for the same subject where it did not return.
	CreateAccount(ctx context.Context, subject string, login Login) error
	// UpdateAccount tells of every later login, so that claims can follow the
	// provider's. It returns oidckit.ErrNotFound where there is no such account:
	// it is created then. An *oidckit.Error refuses the person.
	UpdateAccount(ctx context.Context, subject string, login Login) error
	// AccountByEmail returns the subject of the account whose own address was
	// verified to be this one, or oidckit.ErrNotFound. It is asked for records
	// with AllowEmailLinking alone.
	AccountByEmail(ctx context.Context, email string) (subject string, err error)
}

// errRegister says that a person has to register first.
var errRegister = errors.New("broker: the person has no account yet and must register")

// account returns whose account a login is for: that of the person's link, that
// of their verified address where the record allows it, or a new one (OpenID
// Connect Core 1.0 §5.7).
func (b *Broker) account(ctx context.Context, p *IdentityProvider, login Login) (string, error) {
	if b.cfg.Accounts == nil {
		return derivedSubject(login), nil
	}
	subject, err := b.linked(ctx, login)
	if !errors.Is(err, oidckit.ErrNotFound) {
		return subject, err
	}
	subject, err = b.ofEmail(ctx, p, login)
	switch {
	case err == nil:
		return b.link(ctx, subject, login, false)
	case !errors.Is(err, oidckit.ErrNotFound):
		return "", err
	case p.PromptForUserRegistration:
		return "", errRegister
	}
	return b.link(ctx, secret.ID(), login, true)
}

// linked returns the account that the person has, or ErrNotFound.
func (b *Broker) linked(ctx context.Context, login Login) (string, error) {
	l, err := b.cfg.Store.AccountLinks.AccountLink(ctx, login.Issuer, login.Subject)
	if err != nil {
		return "", err
	}
	err = b.cfg.Accounts.UpdateAccount(ctx, l.Account, login)
	if errors.Is(err, oidckit.ErrNotFound) {
		// It was linked by a login that did not come to its end.
		err = b.cfg.Accounts.CreateAccount(ctx, l.Account, login)
	}
	return l.Account, err
}

// ofEmail returns the account of a verified address in a domain that the
// provider is authoritative for, or ErrNotFound.
func (b *Broker) ofEmail(ctx context.Context, p *IdentityProvider, login Login) (string, error) {
	if !p.AllowEmailLinking || login.Email == "" || !slices.Contains(p.Domains(), emailDomain(login.Email)) {
		return "", oidckit.ErrNotFound
	}
	return b.cfg.Accounts.AccountByEmail(ctx, login.Email)
}

// link gives the person an account, which is made where it is new. The link
// comes first: of two logins at once one makes it, and the other one takes it.
func (b *Broker) link(ctx context.Context, subject string, login Login, create bool) (string, error) {
	err := b.cfg.Store.AccountLinks.CreateAccountLink(ctx, &rpstore.AccountLink{
		Issuer: login.Issuer, Subject: login.Subject, IdentityProvider: login.ProviderID, Account: subject,
		CreatedAt: time.Now().Truncate(time.Microsecond),
	})
	if errors.Is(err, oidckit.ErrConflict) {
		return b.linked(ctx, login)
	}
	if err != nil {
		return "", err
	}
	if !create {
		return subject, b.cfg.Accounts.UpdateAccount(ctx, subject, login)
	}
	err = b.cfg.Accounts.CreateAccount(ctx, subject, login)
	if err != nil {
		// Who is refused now may be let in later, as somebody new.
		if undo := b.cfg.Store.AccountLinks.DeleteAccountLink(ctx, login.Issuer, login.Subject); undo != nil {
			err = fmt.Errorf("%w (and the link stays: %w)", err, undo)
		}
		return "", err
	}
	return subject, nil
}

// derivedSubject names a person who has no account of one's own.
func derivedSubject(login Login) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(login.Issuer), login.Issuer, login.Subject))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
