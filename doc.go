// Package oidckit is the vocabulary that the three roles of the kit share:
// errors and their codes, scopes, metadata, claims, the identity of a request,
// events and the key ring.
//
// The roles are packages of their own, and an app imports those it has:
//
//   - middleware guards routes: RequireAuth for people with a session,
//     RequireBearer for APIs with access tokens.
//   - handlers is the relying party: login, callback and logout.
//   - provider is the issuer: discovery, authorization, tokens, userinfo.
//
// A guarded handler reads who is there from the context:
//
//	id, _ := oidckit.IdentityFromContext(r.Context())
//	fmt.Fprintln(w, "Hello,", id.Claims.Text("name"))
//
// The package starts nothing, calls nothing and imports the standard library
// only.
package oidckit
