package handlers

import (
	"context"
	"errors"
	"fmt"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
)

// FindIssuerRequest is what somebody has typed to say who they are.
type FindIssuerRequest struct {
	// Identifier is an e-mail address, an acct URI, a host or an https URL.
	Identifier string
	// Outbound says which addresses may be called for it. The zero value reaches
	// public ones only.
	Outbound Outbound
}

// FindIssuer asks the host of a person's identifier who its issuer is, by
// WebFinger (OpenID Connect Discovery 1.0 §2, RFC 7033). It makes one call,
// over https, of eight seconds at most.
//
// An error matches oidckit.InvalidRequest where the identifier is none,
// oidckit.ErrNotFound where its host names no issuer, and
// oidckit.TemporarilyUnavailable where the host could not be asked or its
// answer cannot be used. Its text does not repeat the identifier.
//
// The issuer is what that host says. Whether to trust it is for the app to
// decide; if any will do, Outbound.HTTPClient is for the calls that follow.
func FindIssuer(ctx context.Context, req FindIssuerRequest) (issuer string, err error) {
	c := req.Outbound.HTTPClient()
	defer c.CloseIdleConnections()
	issuer, err = client.FindIssuer(ctx, c, req.Identifier)
	switch {
	case err == nil:
		return issuer, nil
	case errors.Is(err, client.ErrIdentifier):
		return "", fmt.Errorf("handlers: %w: %w", oidckit.InvalidRequest, err)
	case errors.Is(err, client.ErrNoIssuer):
		return "", fmt.Errorf("handlers: %w: %w", oidckit.ErrNotFound, err)
	default:
		return "", fmt.Errorf("handlers: %w: %w", oidckit.TemporarilyUnavailable, err)
	}
}
