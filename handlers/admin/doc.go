// Package admin is the REST API by which operators manage the identity
// providers of package broker.
//
//	api, err := admin.New(admin.Config{
//		Registry: registry,
//		Guard: func(next http.Handler) http.Handler {
//			return bearer(middleware.RequireScope("idps:write")(next))
//		},
//	})
//	…
//	api.Mount(mux)
//
// Below Config.Prefix there are
//
//	GET    ?startIndex=0&count=10   the records, page by page
//	POST                            a new record; Idempotency-Key makes it repeatable
//	GET    /{uuid}                  a record, with its ETag
//	PUT    /{uuid}                  another one in its place; If-Match
//	DELETE /{uuid}                  If-Match
//	GET    /openapi.json            the API's description (OpenAPI 3.1)
//
// and, which store nothing,
//
//	GET    /presets                 how well-known providers are set up
//	POST   /import                  a record from a preset, or from a provider's metadata
//	POST   /test, /{uuid}/test      a try of everything but a login
//	POST   /preview                 what an attribute mapping makes of sample claims
//
// Every answer with a body is an envelope: status, statusCode, message,
// timestamp and details, with what was asked for on success, idp or idpList for
// one, and on failure errors, one for each wrong field. A field that is not known
// is refused.
//
// Who may call is a choice that must be made: a guard of the app's, which package
// middleware can be composed to, or the CustomerKey header scheme of older
// clients. What the guard answers is the guard's. A guard that leaves an
// oidckit.Identity in the context is named in the events of the changes.
//
// The package keeps nothing and checks no record; both is the registry's.
//
// Specs: RFC 9110 §13 (conditional requests), RFC 6585 §3, OpenAPI 3.1.
package admin
