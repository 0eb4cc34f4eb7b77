// Package requestobject reads authorization requests that come as a JWT (RFC
// 9101, OpenID Connect Core 1.0 §6): by value in request, or by reference in
// request_uri.
//
//	r := &requestobject.Resolver{Issuer: iss, Verifier: v, HTTPClient: outbound}
//	params, err := r.Resolve(ctx, client, params)
//
// What the object says is the whole request: parameters beside it are not
// looked at, but for client_id and response_type, which must not contradict it
// (and response_type is taken from there where the object has none, because
// OpenID Connect demands it there). The object is signed by the client, with
// the algorithm it has registered; iss is the client, aud names the issuer,
// and it has neither expired nor a life as a client assertion. A request_uri
// is one that the client has registered, fragments aside, and is fetched anew
// each time: nothing is cached, so the hash in a fragment has nothing to tell.
//
// Errors say invalid_request_object or invalid_request_uri. Where they are
// told is for the caller to decide.
package requestobject
