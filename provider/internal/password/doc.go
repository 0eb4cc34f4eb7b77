// Package password hashes and checks the passwords of people with argon2id
// (RFC 9106), in the PHC string form.
//
//	hash, err := hasher.Hash(ctx, "correct horse")
//	ok, err := hasher.Check(ctx, hash, "correct horse")
//
// How many run at once is bounded, so that a flood of logins queues instead of
// filling the memory.
package password
