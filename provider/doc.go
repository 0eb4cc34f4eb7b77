// Package provider is the issuer: an OpenID provider and OAuth 2.0
// authorization server as one http.Handler.
//
//	p, err := provider.New(provider.Config{
//		Issuer:  "https://login.example.com",
//		Secrets: secrets,
//		Stores:  store.Open("https://login.example.com"),
//		Clients: []oidckit.ClientMetadata{{ClientID: "app", …}},
//	})
//	mux.Handle("/", p)
//
// It serves discovery, the key set, the authorization endpoint with login and
// consent pages, the token endpoint (authorization_code with PKCE,
// refresh_token with rotation, client_credentials), userinfo and logout. An app
// with its own login page sets Config.LoginURL and calls LoginRequest,
// CompleteLogin and FailLogin.
//
// The zero value of every field is the strict one. Nothing is read or called
// in New: an issuer whose database is down starts, answers 503 where it needs
// the database, and recovers by itself. Check tells early.
//
// It does not register clients dynamically and has no implicit or password
// grant. Specifications: RFC 6749, 6750, 7636, 8414, 8707, 9068, 9207, 9700;
// OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0.
package provider
