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
// refresh_token with rotation, client_credentials), userinfo and logout. What
// else there is, is a field of Config, nil by default and named after what
// defines it: then it has neither route nor metadata.
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
// has expired. RotateKeys begins that now; RevokeKey is for emergencies: the
// key leaves the set at once, other replicas follow within 15 seconds, and
// relying parties when their copy of the set expires (5 minutes by
// Cache-Control). Config.SigningKeys are keys that live in a KMS;
// Config.Certificates gives the others certificates.
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
