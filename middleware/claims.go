package middleware

import (
	"context"
	"errors"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

var errFound = errors.New("found")

// Claims returns the verified claims of the request's identity as a T, by the
// rules of encoding/json but with exact names. Claims that T has no field for
// are left out. The error is oidckit.ErrUnauthenticated where no guard has
// verified an identity, and any other one where a claim is of another type
// than its field.
func Claims[T any](ctx context.Context) (T, error) {
	var claims T
	id, ok := oidckit.IdentityFromContext(ctx)
	if !ok {
		return claims, oidckit.ErrUnauthenticated
	}
	err := id.Claims.Decode(&claims)
	return claims, err
}

// claimAt returns the value at a path of member names. A null is no value.
func claimAt(claims oidckit.Claims, path ...string) (strictjson.Value, bool) {
	at := strictjson.Value(claims)
	for _, name := range path {
		var next strictjson.Value
		err := at.Object(func(n []byte, v strictjson.Value) error {
			if string(n) == name {
				next = v
				return errFound
			}
			return nil
		})
		if !errors.Is(err, errFound) {
			return nil, false
		}
		at = next
	}
	return at, at.Kind() != strictjson.KindNull && at.Kind() != strictjson.KindInvalid
}
