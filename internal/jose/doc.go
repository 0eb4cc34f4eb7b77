// Package jose reads, checks and makes the signed tokens of the kit: JWS in
// compact form (RFC 7515) under asymmetric algorithms (RFC 7518, RFC 8037),
// and the keys they need as JWK sets (RFC 7517) and PKCS #8.
//
//	key, _ := jose.GenerateKey("ES256")
//	s, _ := jose.NewSigner("ES256", "k1", key)
//	token, _ := s.Sign("at+jwt", claims)
//
//	t, err := jose.Parse(token)
//	err = t.Verify("ES256", key.Public())
//
// A caller names the algorithm it expects; what the header says is never
// believed by itself (RFC 8725 §3.1). HMAC is for what a client signs with a
// secret that it shares with its issuer, and is verified by VerifyHMAC alone.
// The package has no "none", no JWE and no JSON serialization, follows no URL
// and takes no key out of a header, but for ParseProof. It does not read
// claims and does not choose keys over a network.
package jose
