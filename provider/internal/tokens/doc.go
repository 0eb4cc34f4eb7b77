// Package tokens issues ID tokens (OpenID Connect Core 1.0 §2) and JWT access
// tokens (RFC 9068), and reads the issuer's own again.
//
//	access, err := issuer.AccessToken(ctx, tokens.Grantee{Client: c, Authorization: auth}, target)
//	idToken, err := issuer.IDToken(ctx, grantee, access.Token)
//	claims, err := issuer.ReadAccessToken(ctx, bearer)
//
// The jti of an access token begins with the ID of its grant, so that a token
// is found on the deny list by either.
package tokens
