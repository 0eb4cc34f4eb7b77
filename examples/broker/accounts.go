package main

import (
	"context"
	"errors"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/provider"
)

// accounts are the issuer's users: those who come from identity providers, kept
// in the database with what the provider last said of them, and those of the
// config file.
type accounts struct{ brokered, local *provider.Accounts }

func newAccounts(brokered, local *provider.Accounts) *accounts {
	return &accounts{brokered: brokered, local: local}
}

// Claims implements provider.Users.
func (a *accounts) Claims(ctx context.Context, subject string) (oidckit.Claims, error) {
	claims, err := a.brokered.Claims(ctx, subject)
	if errors.Is(err, oidckit.ErrNotFound) {
		return a.local.Claims(ctx, subject)
	}
	return claims, err
}

// CheckPassword implements provider.Users: people of identity providers have no
// password here.
func (a *accounts) CheckPassword(ctx context.Context, username, password string) (oidckit.Authentication, error) {
	return a.local.CheckPassword(ctx, username, password)
}

// CreateAccount implements broker.Accounts.
func (a *accounts) CreateAccount(ctx context.Context, subject string, login broker.Login) error {
	claims, err := claimsOf(subject, login)
	if err != nil {
		return err
	}
	_, err = a.brokered.Create(ctx, provider.Account{Username: subject, Claims: claims})
	if errors.Is(err, oidckit.ErrConflict) {
		// The call before this one did not come to its end.
		return a.UpdateAccount(ctx, subject, login)
	}
	return err
}

// UpdateAccount implements broker.Accounts.
func (a *accounts) UpdateAccount(ctx context.Context, subject string, login broker.Login) error {
	claims, err := claimsOf(subject, login)
	if err != nil {
		return err
	}
	return a.brokered.SetClaims(ctx, subject, claims)
}

// AccountByEmail implements broker.Accounts: this program verifies no address
// of its own, so that none leads to an account.
func (a *accounts) AccountByEmail(context.Context, string) (string, error) {
	return "", oidckit.ErrNotFound
}

func claimsOf(subject string, login broker.Login) (map[string]any, error) {
	var claims map[string]any
	if err := login.Claims.Decode(&claims); err != nil {
		return nil, err
	}
	claims["sub"] = subject
	return claims, nil
}
