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
// refresh_token with rotation, client_credentials), userinfo and logout by the
// app. What else there is, is a field of Config, nil by default and named after
// what defines it: then it has neither route nor metadata.
//
//   - Hybrid and Legacy: response types beside code, the password grant, presets
//   - Registration, ClientAdmin, Pairwise: clients and what they know of people
//   - RequestObjects: signed authorization requests
//   - Introspection, Revocation: questions about tokens, and their end
//   - BackchannelLogout, FrontchannelLogout, SessionManagement: who hears of a
//     logout
//   - SigningKeys, Certificates: keys from elsewhere, and their certificates
//   - AccountPage, Languages: pages for people
//
// # Pages
//
// The built-in pages need no scripts, and speak the languages in
// Config.Languages. An app that wants its own sets
//
//   - Config.LoginURL, and answers with LoginRequest (for whom, how strong, in
//     what language), then CompleteLogin or FailLogin;
//   - Config.ConsentURL, and answers with ConsentRequest (who asks whom for
//     what, in words), then CompleteConsent, for all of it or a part, or
//     DenyConsent.
//
// Each request is completed once. A consent is bound to the session that was
// asked, and remembered for Lifetimes.Consent; Config.AccountPage lets people
// see what they have allowed, and withdraw it. A request for a page of the
// issuer's own goes through the same login page: its LoginRequest has no
// ClientID, and a ReturnTo.
//
// # Clients
//
// Clients are those of Config.Clients, and those in Stores.Registrations, where
// clients put themselves (Config.Registration) and operators put them
// (Config.ClientAdmin). Registered clients are looked up for each request and
// never cached: one that was changed or deleted is so at once, on every replica,
// with all that it was granted. A client knows a person by the subject of the
// account, or by a pairwise one (Config.Pairwise).
//
//	Registration: &provider.Registration{InitialAccessTokens: []oidckit.TokenHash{oidckit.HashToken(token)}},
//	ClientAdmin:  &provider.ClientAdmin{Guard: func(next http.Handler) http.Handler {
//		return middleware.RequireBearer(v)(middleware.RequireScope("clients")(next))
//	}},
//
// A client proves itself as its metadata says: a secret in the header or the
// form, a JWT under its secret or its own key (jwks, jwks_uri), or not at all.
// Addresses that clients give are called as Config.Outbound has it: none on
// loopback or in private networks, unless it allows them.
//
// # Tokens
//
// Access tokens are JWTs, or opaque for a Resource with AccessTokenFormat
// AccessTokenOpaque, whose API asks at the introspection endpoint:
//
//	Resources:     []provider.Resource{{Resource: api, ClientIDs: []string{"api"}, AccessTokenFormat: provider.AccessTokenOpaque}},
//	Introspection: &provider.Introspection{},
//	Revocation:    &provider.Revocation{},
//
// A client is told of its own tokens, and of those for the resources that name
// it. Revoking a refresh token ends all that came of its grant; an API that
// verifies JWTs by their signature alone hears of it by Config.Events.
//
// # Logout
//
// An app ends the session at the end_session endpoint, where the person is
// asked unless id_token_hint shows who it is about. With
//
//	BackchannelLogout:  &provider.BackchannelLogout{},
//	FrontchannelLogout: &provider.FrontchannelLogout{},
//	SessionManagement:  &provider.SessionManagement{},
//
// the other apps of the session hear of it: by a signed call that lies in
// Stores.Deliveries until it has arrived or is given up, by a frame in the page
// of the logout, and by session_state, which is in every authorization response.
//
// # Legacy and presets
//
// Config.Legacy is what RFC 9700 advises against: Implicit, Password, and
// Preset, which serves clients that were written to a vendor's pages with their
// paths and spellings. A preset also switches Introspection, Revocation and
// Certificates on, and loosens what Preset lists.
//
//	Legacy: &provider.Legacy{Preset: provider.PresetSignicat},
//
// # Users
//
// Users are the accounts in Stores.Users (Accounts), or the app's own
// (Config.Users). Wrong passwords are slowed down by name and by address, in
// each process by itself.
//
// # Keys
//
// Signing keys are made, kept sealed in Stores.Keys and rotated by whichever
// replica finds it due: a key is published for an hour before it signs, signs
// for Lifetimes.SigningKey, and stays published until the last token it signed
// has expired. RotateKeys begins that now: the new key signs after an hour, and
// other replicas publish it within 15 seconds. RevokeKey is for emergencies: the
// key leaves the set at once, other replicas follow within 15 seconds, and
// relying parties when their copy of the set expires (5 minutes by
// Cache-Control). Config.SigningKeys are keys that live in a KMS;
// Config.Certificates gives the others certificates.
//
// # Operators
//
// DisableUser shuts a person out of everything at once, EnableUser lets the
// account in again. ListSessions and EndSessions, ListGrants and RevokeGrants,
// ListConsents and WithdrawConsent are for support and for audits:
//
//	n, err := p.EndSessions(ctx, opstore.SessionSelector{Subject: subject})
//
// # Replicas and issuers
//
// Replicas share the stores and the key ring, and nothing else: opsql on
// PostgreSQL for what must survive, opredis for the sessions if wanted. All
// must reach the primary.
//
//	stores := database.Open(issuer)
//	stores.Sessions = sessions.Open(issuer)
//
// A process can be several issuers, in one database and under one ring: one
// Provider each, with the stores that Open gives for its identifier. What one
// has made is nothing to the others.
//
// # What fails
//
// The zero value of every field is the strict one. Nothing is read or called
// in New: an issuer whose database is down starts, answers 503 where it needs
// the database, and recovers by itself. Check tells early.
//
// Specifications: RFC 6749, 6750, 7517, 7636, 8414, 8707, 9068, 9207, 9700;
// OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0, and those
// that the features name.
package provider
