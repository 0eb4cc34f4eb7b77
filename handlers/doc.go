// Package handlers is the relying party: it logs people in at an OpenID
// provider and keeps their session.
//
//	sessions, err := handlers.NewSessions(handlers.SessionConfig{Secrets: secrets, Store: store})
//	rp, err := handlers.NewRelyingParty(handlers.Config{
//		Issuer: issuer, ClientID: id, ClientSecret: secret, BaseURL: base, Sessions: sessions,
//	})
//	mux := http.NewServeMux()
//	rp.Mount(mux) // /auth/login, /auth/callback, /auth/logout, /auth/backchannel-logout, …
//	mux.Handle("GET /me", middleware.RequireAuth(rp)(me))
//	http.ListenAndServe(addr, sessions.LoadAndSave(mux))
//
// # The routes
//
// Mount puts these under Config.Prefix, "/auth" unless set. login sends a person
// to the issuer and takes return_to, a local path to come back to; LoginURL makes
// such an address. A provider may start a login there too (iss, login_hint,
// target_link_uri), which leads nowhere but into the app. callback takes the
// answer. logout ends the session on POST and asks on GET; logged-out is where
// the issuer sends the person back. backchannel-logout hears of logouts
// elsewhere. Each failure is a page with a way on, in the app's own looks by
// Config.ErrorPage, a log line and an event.
//
// # What is checked
//
// State, nonce, PKCE, the issuer of the answer, the ID token with its signature
// and the subject of userinfo are checked without being asked for. A login under
// way is kept in a sealed cookie of its own, so that twenty tabs can log in at
// once and a visitor who never comes back leaves nothing in a store.
//
// # The session
//
// The session is a record in rpstore and the only authority; what the browser's
// session (package scs) carries is a handle to it. It ends after its idle and its
// absolute time, and wherever it is ended. The package guards no routes: that is
// middleware.RequireAuth, which takes a RelyingParty through an interface and
// puts the identity into the context; middleware.RequireACR and RequireAuthAge ask
// for a stronger or fresher login, and come back. Config.MapIdentity adds to what
// a session says of a person, or refuses them.
//
// # Calling APIs
//
// The session follows the grant that it was given: with offline_access among
// Config.Scopes tokens are refreshed before they end, by one replica for all, and
// Client, TokenSource and AccessToken call APIs with them. A grant that the issuer
// has ended ends the session; a refresh whose answer was lost costs a redirect,
// and nothing that a person was doing. Tokens never reach a browser, a log or an
// error text.
//
// # Logout
//
// A logout ends the session here, revokes its refresh token and goes on to the
// issuer's, unless Config.LocalLogout says not to. The back channel, and the front
// channel with Config.FrontchannelLogout, end it from elsewhere, on every replica
// within a second. EndSessions ends all sessions of a person or of the app, and
// EndSession that of a request.
//
// # Single-page apps
//
// A script asks Me who is signed in, and gets 401 with the login's address from a
// guard where a page would be redirected. CrossOriginProtection keeps other sites
// from posting to the app's routes.
//
// # Other issuers
//
// An issuer without a metadata document is described by Config.Metadata, one
// that knows no OpenID Connect by Config.OAuth2, and one that was built against
// the standards by Config.Legacy. Where an issuer demands it, the app signs
// (Config.ClientKeys) or shows a certificate (Config.HTTPClient), requests are
// pushed or signed (Config.PushedAuthorization, Config.RequestObjects), and
// answers come as a form or as a signed JWT (Config.ResponseMode), with tokens in
// them (Config.ResponseType). An app for any issuer finds it by FindIssuer and
// registers itself there: Config.ClientMetadata, Register.
//
// Specs: OpenID Connect Core 1.0, OpenID Connect RP-Initiated Logout 1.0,
// OpenID Connect Back-Channel Logout 1.0, OpenID Connect Front-Channel Logout 1.0,
// OpenID Connect Discovery 1.0 §2, OAuth 2.0 Multiple Response Type Encoding
// Practices, OAuth 2.0 Form Post Response Mode, JWT Secured Authorization
// Response Mode for OAuth 2.0 (JARM), RFC 6749, RFC 7009, RFC 7033, RFC 7517, RFC 7523, RFC
// 7591, RFC 7592, RFC 7636, RFC 8705, RFC 9101, RFC 9126, RFC 9207, RFC 9700.
package handlers
