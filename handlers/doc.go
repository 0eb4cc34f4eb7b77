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
// State, nonce, PKCE, the issuer of the answer, the ID token with its
// signature and the subject of userinfo are checked without being asked for. A
// login under way is kept in a sealed cookie of its own, so that twenty tabs
// can log in at once and a visitor who never comes back leaves nothing in a
// store. The session itself is a record in rpstore and the only authority:
// what the browser's session (package scs) carries is a handle to it.
//
// An issuer without a metadata document is described by Config.Metadata, one
// that knows no OpenID Connect by Config.OAuth2, and one that was built against
// the standards by Config.Legacy.
//
// The session follows the grant that it was given: tokens are refreshed before
// they end, by one replica for all, and AccessToken, TokenSource and Client call
// APIs with them. A grant that the issuer has ended ends the session; a refresh
// whose answer was lost costs a redirect, and nothing that a person was doing.
//
// A single-page app asks Me who is signed in; CrossOriginProtection keeps other
// sites from posting to the app's routes; Config.ErrorPage shows failures as
// the app looks. An app for any issuer registers itself there: FindIssuer,
// Config.ClientMetadata, Register.
//
// The package guards no routes: that is middleware.RequireAuth, which takes a
// RelyingParty through an interface. Tokens never reach a browser, a log or an
// error text.
//
// Where an issuer demands it, answers come as a form or as a signed JWT
// (Config.ResponseMode), with tokens in them (Config.ResponseType). A provider
// may start a login: the login route takes iss, login_hint and target_link_uri,
// and leads nowhere but into the app.
//
// Specs: OpenID Connect Core 1.0, OpenID Connect RP-Initiated Logout 1.0,
// OpenID Connect Back-Channel Logout 1.0, OpenID Connect Front-Channel Logout 1.0,
// OpenID Connect Discovery 1.0 §2, OAuth 2.0 Multiple Response Type Encoding
// Practices, OAuth 2.0 Form Post Response Mode, JWT Secured Authorization
// Response Mode for OAuth 2.0 (JARM), RFC 6749, RFC 7009, RFC 7033, RFC 7517, RFC 7523, RFC
// 7591, RFC 7592, RFC 7636, RFC 8705, RFC 9101, RFC 9126, RFC 9207, RFC 9700.
package handlers
