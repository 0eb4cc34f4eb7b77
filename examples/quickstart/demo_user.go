package main

import (
	"context"
	"encoding/base32"
	"errors"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
)

const demoUser = "alice"

// demoAccount makes the demo user where there is none, and returns the
// password. The database knows its hash only; it can be printed at every start
// because it is derived from the key ring.
func demoAccount(ctx context.Context, accounts *provider.Accounts, secrets oidckit.Secrets) (string, error) {
	passwords := demoPasswords(secrets)
	_, err := accounts.Create(ctx, provider.Account{
		Username: demoUser,
		Password: passwords[0],
		Claims: map[string]any{
			"name": "Alice Example", "given_name": "Alice", "family_name": "Example", "preferred_username": demoUser,
			"email": "alice@example.com", "email_verified": true, "locale": "en",
		},
	})
	if err == nil {
		return passwords[0], nil
	}
	if !errors.Is(err, oidckit.ErrConflict) {
		return "", err
	}
	// After a new key was put in front, the password is still the old key's.
	for _, password := range passwords {
		_, err := accounts.CheckPassword(ctx, demoUser, password)
		if err == nil {
			return password, nil
		}
		if !errors.Is(err, oidckit.ErrUnauthenticated) {
			return "", err
		}
	}
	return "", errors.New("-secret: this is not the key ring that the database was made with")
}

// demoPasswords returns a password for each key of the ring: 80 bits, in
// groups that can be typed.
func demoPasswords(secrets oidckit.Secrets) []string {
	var passwords []string
	for _, key := range secrets.Derive("quickstart/demo user", 10) {
		text := strings.ToLower(base32.StdEncoding.EncodeToString(key))
		passwords = append(passwords, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
	}
	return passwords
}
