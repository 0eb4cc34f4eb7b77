// Package authorize is the authorization endpoint (RFC 6749 §3.1, OpenID
// Connect Core 1.0 §3.1.2): it checks a request, decides whether the person
// must sign in or consent first, and answers with a code, with tokens of the
// implicit and hybrid flows (§3.2, §3.3) or with both, in the response mode that
// the request asks for. Errors go the same way.
//
//	request ──check──► signed in? ──no──► login page ──► Continue
//	                      │yes                              │
//	                      ▼                                 ▼
//	                   consent? ──needed──► consent page ─► Grant / Deny
//	                      │no
//	                      ▼
//	                   code, tokens, state, iss
//
// Until somebody has signed in, a request waits sealed in the URL and the
// store knows nothing of it. After that it waits in a row bound to the
// session. The pages themselves are in package interaction; which response types
// and claims there are is for packages responsetype and userclaims to say.
package authorize
