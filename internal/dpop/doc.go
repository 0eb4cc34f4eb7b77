// Package dpop checks proofs of possession (RFC 9449): that the one who sends
// a request has the private key that its token is, or is to be, bound to.
//
//	checker := dpop.New(dpop.Config{Origins: []string{"https://api.example"}, Replay: store})
//	proof, err := checker.Check(r.Context(), r.Header.Values("DPoP"), dpop.Request{
//		Method: r.Method, Path: dpop.Path(r), AccessToken: token, Thumbprint: jkt,
//	})
//
// An error is an *oidckit.Error: the code that the client is to be told, with
// the reason as its cause. The package reads no access tokens, writes no
// answers, and learns the server's own name from its configuration only: Host
// and X-Forwarded-* are a stranger's word.
//
// Specs: RFC 9449 §4.3, §8, §9, §11.1; RFC 7638; RFC 3986 §6.2.2, §6.2.3.
package dpop
