// Package userclaims decides which claims about a person a client is told
// (OpenID Connect Core 1.0 §5): by scope (§5.4), by name in the claims
// parameter (§5.5), and in which language (§5.2).
//
//	catalogue, err := userclaims.New(map[string][]string{"orders:read": {"customer_number"}})
//	wanted, err := userclaims.ParseRequest(`{"userinfo":{"email":{"essential":true}}}`)
//	names := catalogue.Within(wanted.Userinfo, mayHave)
//	body, err := catalogue.Append(body, claims, userclaims.Wanted{Scope: scope, Names: names})
//
// It adds to a document what its caller has begun; sub, iss and the other
// claims of the protocol are never taken from what is known about a person.
package userclaims
