// Package client is the client's side of the protocol: what a relying party
// says to an authorization server, and what it believes of the answers. The
// relying party and the broker are built on it.
//
//	c, err := client.New(client.Config{Issuer: issuer, ClientID: id, RedirectURI: callback})
//	address, err := c.AuthorizationURL(ctx, client.AuthorizationRequest{State: state, Nonce: nonce, CodeVerifier: verifier})
//	resp, err := c.ParseResponse(r.URL.RawQuery)
//	err = c.CheckIssuer(ctx, resp)
//	tokens, err := c.Redeem(ctx, resp, verifier, expected)
//	id, err := c.CheckIDToken(ctx, expected, tokens)
//	claims, err := c.Claims(ctx, tokens, id)
//
// Later, Refresh brings new tokens, and its errors say what that means for the
// old ones; CheckRefreshedIDToken holds an ID token among them against the one
// before.
//
// An answer that must not be believed is a *Refusal; one that could not be had
// is ErrUnavailable. No error holds a token, a code or a secret.
//
// The package keeps nothing of a login: no cookie, no session, no state. It
// writes no response. Its metadata and its keys are cached, and it starts
// goroutines for them that Close ends.
//
// Specs: OpenID Connect Core 1.0, OpenID Connect Discovery 1.0 §2, OAuth 2.0
// Multiple Response Type Encoding Practices, OAuth 2.0 Form Post Response Mode,
// JWT Secured Authorization Response Mode (JARM), RFC 6749, RFC 7009, RFC 7033,
// RFC 7523, RFC 7591, RFC 7592, RFC 7636, RFC 8705, RFC 8707, RFC 9101, RFC 9126, RFC 9207.
package client
