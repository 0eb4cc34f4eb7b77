// Package clientsecret keeps those client secrets that a hash is not enough
// for: a client that signs with its secret (client_secret_jwt, request objects
// under HS256 to HS512) has it sealed beside the hash.
//
//	box := clientsecret.NewBox(ring, issuer)
//	client.SealedSecret = box.Seal(clientID, plain)
//	plain, err := box.Open(client)
//
// A sealed secret opens for its own issuer and client only. The package keeps
// nothing and compares nothing: package clientauth does.
//
// Specs: OpenID Connect Core 1.0 §9, RFC 7591 §3.2.1.
package clientsecret
