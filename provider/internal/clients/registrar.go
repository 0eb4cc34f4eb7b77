package clients

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// Registrar registers clients while the issuer runs, for whoever asks: the
// client itself or an operator. Its fields are set once; it is safe for
// concurrent use.
type Registrar struct {
	Issuer     string
	Configured *Registry
	Policy     Policy
	Store      opstore.Registrations
	Grants     opstore.Grants
	// Outbound fetches what sector_identifier_uri names.
	Outbound *http.Client
	Logger   zerolog.Logger
	Events   oidckit.EventSink
}

// Draft is a client that is about to be stored.
type Draft struct {
	// Metadata was checked and has its defaults.
	Metadata oidckit.ClientMetadata
	// Secret is the client's new secret; "" where it keeps the one it has, or
	// needs none.
	Secret string
	// SecretExpiresAt ends a new secret; zero is never.
	SecretExpiresAt time.Time
	// AccessToken is the hash of a new client's registration access token.
	AccessToken oidckit.TokenHash
	// CreatedAt is when a new client was made; zero is now.
	CreatedAt time.Time
	// By is who registers, for the audit: the subject of an operator.
	By string
}

// Check is Check of the metadata, and CheckSector where nothing else is wrong.
func (r *Registrar) Check(ctx context.Context, m oidckit.ClientMetadata) (oidckit.ClientMetadata, []*Problem) {
	m, ps := Check(m, r.Policy)
	if len(ps) > 0 {
		return m, ps
	}
	p, cause := CheckSector(ctx, r.Outbound, &m)
	if cause != nil {
		r.Logger.Warn().Err(cause).Msg("sector_identifier_uri could not be fetched")
	}
	if p != nil {
		ps = append(ps, p)
	}
	return m, ps
}

// Create stores a new client. It returns oidckit.ErrConflict where the
// client_id is taken, by a configured client too.
func (r *Registrar) Create(ctx context.Context, d Draft) (*opstore.Registration, error) {
	if r.Configured.Has(d.Metadata.ClientID) {
		return nil, oidckit.ErrConflict
	}
	reg := &opstore.Registration{AccessToken: d.AccessToken}
	reg.Client.Metadata, reg.Client.CreatedAt = d.Metadata, d.CreatedAt
	if d.CreatedAt.IsZero() {
		reg.Client.CreatedAt = time.Now()
	}
	r.setSecret(&reg.Client, d)
	if err := r.Store.CreateRegistration(ctx, reg); err != nil {
		return nil, err
	}
	r.tell(ctx, oidckit.EventClientRegistered, d.Metadata.ClientID, d.By)
	return reg, nil
}

// Update puts other metadata in the place of a client's, as it was read. It
// returns oidckit.ErrConflict where another update came first.
func (r *Registrar) Update(ctx context.Context, reg *opstore.Registration, d Draft) error {
	reg.Client.Metadata = d.Metadata
	if d.Secret != "" || !NeedsSecret(&d.Metadata) {
		r.setSecret(&reg.Client, d)
	}
	if !SignsWithSecret(&d.Metadata) {
		reg.Client.SealedSecret = nil
	}
	if err := r.Store.UpdateRegistration(ctx, reg); err != nil {
		return err
	}
	r.tell(ctx, oidckit.EventClientUpdated, d.Metadata.ClientID, d.By)
	return nil
}

func (r *Registrar) setSecret(c *opstore.Client, d Draft) {
	r.Policy.SetSecret(c, d.Secret)
	c.SecretExpiresAt = time.Time{}
	if d.Secret != "" {
		c.SecretExpiresAt = d.SecretExpiresAt
	}
}

// Delete removes a client, with what it was granted, if its version is the
// given one or that is 0. From then on nobody finds the client, so that its
// codes and tokens are worth nothing; what is left of its grants is removed,
// and is not another one's should the client_id be given again
// (opstore.Client.Follows).
func (r *Registrar) Delete(ctx context.Context, clientID string, version int64, by string) error {
	if err := r.Store.DeleteRegistration(ctx, clientID, version); err != nil {
		return err
	}
	r.tell(ctx, oidckit.EventClientDeleted, clientID, by)
	if _, err := r.Grants.RevokeGrants(ctx, opstore.GrantSelector{ClientID: clientID}, time.Time{}); err != nil && !errors.Is(err, context.Canceled) {
		r.Logger.Error().Err(err).Str("client_id", clientID).Msg("the grants of a deleted client are still stored")
	}
	return nil
}

func (r *Registrar) tell(ctx context.Context, name oidckit.EventName, clientID, by string) {
	r.Logger.Info().Str("event", string(name)).Str("client_id", clientID).Str("by", by).Msg("a client was registered, changed or deleted")
	r.Events.Send(ctx, oidckit.Event{Name: name, Issuer: r.Issuer, ClientID: clientID, Subject: by})
}

// KeepsSecret reports whether the secret that a client has will do for other
// metadata.
func KeepsSecret(c *opstore.Client, m *oidckit.ClientMetadata) bool {
	if !NeedsSecret(m) {
		return true
	}
	return len(c.SecretHashes) > 0 && minSecret(m) <= minSecret(&c.Metadata)
}

// NewSecret returns a secret for a client, "" where it needs none.
func NewSecret(m *oidckit.ClientMetadata) string {
	if !NeedsSecret(m) {
		return ""
	}
	s := secret.Token()
	for len(s) < minSecret(m) {
		s += secret.Token()
	}
	return s
}
