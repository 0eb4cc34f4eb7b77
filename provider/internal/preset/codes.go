package preset

import (
	"context"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Codes refuses to spend a code for more scope than it was granted, where a
// request of the dialect names one: the standard has no scope there (RFC 6749
// §4.1.3). A code is spent by who has proved to be its client, so nobody else
// learns anything of it.
type Codes struct{ opstore.Codes }

type askedKey struct{}

// withAsked keeps the scope that a request of the dialect asks for.
func withAsked(ctx context.Context, scope string) context.Context {
	return context.WithValue(ctx, askedKey{}, scope)
}

// ConsumeCode implements opstore.Codes.
func (c Codes) ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	if raw, _ := ctx.Value(askedKey{}).(string); raw != "" {
		code, err := c.Codes.Code(ctx, hash)
		if err != nil {
			return code, err
		}
		if asked, err := oidckit.ParseScope(raw); err != nil || !code.Authorization.Scope.HasAll(asked) {
			return nil, oidckit.NewError(oidckit.InvalidScope, "scope exceeds what was granted")
		}
	}
	return c.Codes.ConsumeCode(ctx, hash)
}
