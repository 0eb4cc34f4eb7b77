// Package authorize is the authorization endpoint (RFC 6749 §3.1, OpenID
// Connect Core 1.0 §3.1.2): it checks a request, decides whether the person
// must sign in or consent first, and answers with a code.
//
//	request ──check──► signed in? ──no──► login page ──► Continue
//	                      │yes                              │
//	                      ▼                                 ▼
//	                   consent? ──needed──► consent page ─► Grant / Deny
//	                      │no
//	                      ▼
//	                   code, state, iss
//
// Until somebody has signed in, a request waits sealed in the URL and the
// store knows nothing of it. After that it waits in a row bound to the
// session. The pages themselves are in package interaction.
package authorize
