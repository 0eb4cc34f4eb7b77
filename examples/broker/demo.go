package main

import (
	"encoding/base64"

	"github.com/oidckit/oidckit"
)

// demoConfig is what the issuer has without a -config.
func demoConfig() *config {
	return &config{
		demo: true,
		Clients: []oidckit.ClientMetadata{{
			ClientID:                "webapp",
			ClientName:              "Demo web app",
			TokenEndpointAuthMethod: oidckit.AuthMethodNone,
			GrantTypes:              []string{oidckit.GrantTypeAuthorizationCode, oidckit.GrantTypeRefreshToken},
			RedirectURIs: []string{
				"http://localhost:8081/auth/callback", "http://localhost:8081/callback",
			},
			PostLogoutRedirectURIs: []string{
				"http://localhost:8081/auth/logged-out", "http://localhost:8081/logged-out", "http://localhost:8081/",
			},
		}, {
			ClientID:                "bff",
			ClientName:              "Demo single-page app",
			TokenEndpointAuthMethod: oidckit.AuthMethodNone,
			GrantTypes:              []string{oidckit.GrantTypeAuthorizationCode, oidckit.GrantTypeRefreshToken},
			RedirectURIs:            []string{"http://localhost:8083/auth/callback"},
			PostLogoutRedirectURIs:  []string{"http://localhost:8083/auth/logged-out"},
		}},
		Scopes: map[string]string{"orders:read": "Read your orders", "orders:write": "Place orders for you"},
		Resources: []configResource{{
			Resource: "http://localhost:8082", Scopes: []string{"orders:read", "orders:write"},
		}},
	}
}

// subjectOf gives a user without a sub one that is the same at every start.
func subjectOf(secrets oidckit.Secrets, username string) string {
	return base64.RawURLEncoding.EncodeToString(oldest(secrets, "subject/"+username, 16))
}

// oldest derives from the last key of the ring, so that what must stay the same
// does when a new key is put before it.
func oldest(secrets oidckit.Secrets, purpose string, length int) []byte {
	derived := secrets.Derive(purpose, length)
	return derived[len(derived)-1]
}
