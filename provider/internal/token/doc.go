// Package token is the token endpoint (RFC 6749 §3.2). The endpoint owns what
// all grants share: reading the form, authenticating the client, checking that
// the grant type is registered, writing the answer. A grant is one function:
//
//	type grant func(ctx context.Context, client *opstore.Client, p wire.Params) (*issue, error)
//
// The order in each is validate, consume, mint: a spent code without tokens
// may happen when a server dies, tokens from an unspent code never.
package token
