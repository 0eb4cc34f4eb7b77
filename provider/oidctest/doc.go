// Package oidctest runs a real issuer for the tests of apps that use one.
//
//	func TestLogin(t *testing.T) {
//		op := oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
//			ClientID: "app", TokenEndpointAuthMethod: "none",
//			RedirectURIs: []string{"http://127.0.0.1/callback"},
//		}}})
//		browser := op.NewBrowser(t)
//		callback, err := browser.Authorize(authorizationURL)
//	}
//
// It is the provider package over memory stores behind an httptest server, not
// an imitation; the Browser fills in its pages as a person would, without
// running scripts. Everything ends with the test.
//
// The issuer misbehaves where it is told to, and for as long:
//
//	op.AccessToken(t, oidctest.Token{Claims: map[string]any{"aud": "https://other.example"}})
//	op.IDToken(t, oidctest.Token{Signed: oidctest.ByNobody})
//	op.RotateKeys(t)
//	op.RevokeKeyOf(t, token)
//	op.Down(t)
//	op.Hold(t, oidctest.EndpointToken)
//	op.Break(t, oidctest.EndpointJWKS, oidctest.Endless(`{"keys":[`))
//	op.Break(t, oidctest.EndpointToken, oidctest.Answer(200, "text/html", "<p>Sorry"))
//	op.Break(t, oidctest.EndpointUserinfo, oidctest.EditJSON(func(answer map[string]any) { answer["sub"] = "mallory" }))
//	op.EditIDTokens(t, oidctest.Token{Claims: map[string]any{"nonce": "of another login"}})
//	op.EditAuthorizationResponses(t, func(q url.Values) { q.Set("iss", "https://other.example") })
//
// What it was asked meanwhile is in Requests. An app that reaches the issuer
// through Provider.LocalTransport passes the faults by: they stand in the
// server.
//
// Specs: those of package provider; RFC 7515, RFC 7519 and RFC 9068 for tokens.
package oidctest
