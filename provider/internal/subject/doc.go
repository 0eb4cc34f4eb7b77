// Package subject is by what name a client knows a person: the subject of the
// issuer itself, or a pairwise one that tells clients of different sectors
// nothing about each other's users (OpenID Connect Core 1.0 §8).
//
//	m := subject.New(salt)
//	sub := m.For(client, session.Subject)
//
// A pairwise subject depends on the salt, the client's sector identifier and
// the local subject, and on nothing else: it is the same on every replica and
// after every restart, and without the salt nobody can tell whose it is.
//
// There is no way back from a pairwise subject: who needs the local one keeps
// it beside, as grants, sessions and access tokens do.
package subject
