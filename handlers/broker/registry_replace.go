package broker

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
)

// Replace puts a record in the place of the one with its UUID, if that has a
// version, or whatever version it has where that is 0, and returns it. The
// identifier stays what it is; p has it in its short or its full form. A masked
// secret keeps the secret that is there.
//
// It returns FieldErrors, oidckit.ErrNotFound, or oidckit.ErrConflict where the
// record has another version. A replacement that is sent again, because its
// answer was lost, succeeds again.
func (r *Registry) Replace(ctx context.Context, p IdentityProvider, version int64) (*IdentityProvider, error) {
	p = normalise(p)
	var replaced *IdentityProvider
	err := r.anyVersion(ctx, p.UUID, 0, func(current *IdentityProvider) error {
		next := p
		if wrong := r.checkReplacement(ctx, &next, current); len(wrong) > 0 {
			return wrong
		}
		changed := changedFields(current, &next, r.sameSecret(current, &next))
		if version != 0 && current.Version != version {
			if current.Version != version+1 || len(changed) > 0 {
				return errStale
			}
			replaced = current
			return nil
		}
		return r.put(ctx, current, &next, changed, &replaced)
	})
	if errors.Is(err, errStale) {
		return nil, oidckit.ErrConflict
	}
	return replaced, err
}

// errStale ends the attempts at a change to a version that is gone.
var errStale = errors.New("broker: the record has another version")

// checkReplacement checks a record that is to follow the current one, and gives
// it what stays.
func (r *Registry) checkReplacement(ctx context.Context, next, current *IdentityProvider) FieldErrors {
	wrong := next.check(r.out)
	if next.Identifier == current.Identifier || next.Identifier == current.requested {
		// The full form may be longer than one that is asked for.
		wrong = without(wrong, "identifier")
	} else if next.Identifier != "" {
		wrong = append(without(wrong, "identifier"), FieldError{Field: "identifier", Message: "is fixed at creation"})
	}
	if next.ClientSecret == MaskedSecret && movesSecret(next, current) {
		wrong = append(wrong, FieldError{Field: "clientSecret",
			Message: "must be given again: the record leads to another host now, and the secret that is kept was not meant for it"})
	}
	wrong = append(wrong, r.lookup(ctx, next, wrong)...)
	next.UUID, next.Identifier, next.requested = current.UUID, current.Identifier, current.requested
	next.CreatedAt, next.Version, next.sealed = current.CreatedAt, current.Version, current.sealed
	return wrong
}

func without(list FieldErrors, field string) FieldErrors {
	var rest FieldErrors
	for _, e := range list {
		if e.Field != field {
			rest = append(rest, e)
		}
	}
	return rest
}

// movesSecret reports whether a record would send the client secret to a host
// that it was not sent to before: whoever may change records must not learn a
// secret by pointing one at a server of theirs.
func movesSecret(next, current *IdentityProvider) bool {
	for _, f := range []struct{ next, current string }{
		{next.TokenEndpoint, current.TokenEndpoint},
		{next.IntrospectionEndpoint, current.IntrospectionEndpoint},
		{next.Issuer, current.Issuer},
	} {
		if f.next != "" && originOf(f.next) != originOf(f.current) && originOf(f.next) != originOf(current.TokenEndpoint) {
			return true
		}
	}
	return false
}

func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || raw == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// sameSecret reports whether a replacement leaves the secret as it is.
func (r *Registry) sameSecret(current, next *IdentityProvider) bool {
	if next.ClientSecret == MaskedSecret {
		return true
	}
	plain, err := r.open(current)
	return err == nil && secret.Equal(plain, next.ClientSecret)
}

func (r *Registry) put(ctx context.Context, current, next *IdentityProvider, changed []string, replaced **IdentityProvider) error {
	switch plain, err := r.open(current); {
	case next.ClientSecret != MaskedSecret:
		next.sealed = r.seal(next.UUID, next.ClientSecret)
	case err == nil:
		// Under the key that seals now.
		next.sealed = r.seal(next.UUID, plain)
	}
	next.UpdatedAt = time.Now().Truncate(time.Microsecond)
	before, err := r.preferredBefore(ctx, next)
	if err != nil {
		return err
	}
	s := next.stored()
	if err := r.store.PutIdentityProvider(ctx, s); err != nil {
		return err
	}
	*replaced = r.fromStore(s)
	r.report(ctx, oidckit.EventIdentityProviderUpdated, next.UUID, changed)
	r.reportLostDefault(ctx, before, next)
	return nil
}
