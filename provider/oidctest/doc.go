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
package oidctest
