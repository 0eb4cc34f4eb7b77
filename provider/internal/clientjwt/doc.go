// Package clientjwt reads the JWTs that clients sign: client assertions (RFC
// 7523) and request objects (RFC 9101). What both have in common is here: who
// may have signed, for whom it is meant, and when it counts.
//
//	v := &clientjwt.Verifier{Keys: keys, Secrets: box}
//	var c clientjwt.Claims
//	err := c.Read(j.Payload, nil)
//	err = c.CheckAudience(own)
//	err = c.CheckTimes(time.Now(), clientjwt.Times{Lifetime: 5 * time.Minute})
//	err = v.Verify(ctx, client, j, client.Metadata.TokenEndpointAuthSigningAlg)
//
// The cheap checks come first, so that junk spends no fetch of a client's
// keys; nothing is believed before Verify has returned nil. What the claims
// mean beyond this is for the callers to say.
//
// Specs: RFC 7519 §4.1, RFC 7523 §3, RFC 8725 §3, RFC 9101 §6.
package clientjwt
