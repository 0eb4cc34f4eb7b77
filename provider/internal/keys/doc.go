// Package keys is the issuer's signing keys: made on first use, kept sealed in
// the store, rotated on schedule by whichever replica gets there first.
//
//	m, err := keys.New(keys.Config{Store: set.Keys, Box: box, Algorithms: []string{"ES256", "RS256"}})
//	signer, err := m.Signer(ctx, "ES256")
//	doc, err := m.JWKS(ctx)
//
// A key is published PublishAhead before it signs, and stays published until
// the last token it signed has expired. Signing and publishing go on while the
// store is down, with the keys that are known. OpenID Connect Core 1.0 §10.1.1.
package keys
