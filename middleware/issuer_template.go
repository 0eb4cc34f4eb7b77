package middleware

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
)

const (
	// maxTenantName bounds the name of a tenant, in bytes.
	maxTenantName = 128
	// defaultMaxTenants is for how many tenants keys are kept.
	defaultMaxTenants = 256
)

// Tenants says which tenants of an issuer template are accepted: those that
// are listed, and those that Allow approves of. One of the two is required:
// anyone may be a tenant of a large provider.
type Tenants struct {
	// Allowed lists tenants, compared byte for byte.
	Allowed []string
	// Allow is asked for tenants that are not listed, with every token, before
	// anything is fetched for it and before its signature is checked: with
	// names that strangers choose. They have 1 to 128 letters, digits and the
	// characters "-._~". False refuses the token; an error says that nothing
	// is known, and the client gets 503. It must be safe for concurrent use,
	// quick, and end when ctx does.
	Allow func(ctx context.Context, tenant string) (bool, error)
	// Claim is the name of a claim that must hold the same tenant, such as
	// tid; "" means that the issuer alone tells.
	Claim string
	// MetadataURI is where one metadata document for all tenants is, with the
	// issuer template in place of an issuer (whatever stands between its
	// braces). Of that document only jwks_uri is used. "" means that each
	// tenant has metadata of its own, or that Keys says where keys are.
	MetadataURI string
	// Max is for how many tenants keys are kept at once, where each has its
	// own; default 256. Beyond it, tenants that have been quiet for a minute
	// make room for others, and without any, further ones get 503.
	Max int
}

func (t *Tenants) isZero() bool {
	return t.Allowed == nil && t.Allow == nil && t.Claim == "" && t.MetadataURI == "" && t.Max == 0
}

// validate adds every problem of an issuer template.
func (t *Tenants) validate(p *problems, issuer string) {
	if template, err := parseTemplate(issuer); err != nil {
		p.add("Issuer", "%w", err)
	} else if _, err := safeurl.Issuer(template.fill("x")); err != nil {
		p.add("Issuer", "%w", err)
	}
	if t.Allow == nil && len(t.Allowed) == 0 {
		p.add("Tenants", "says of no tenant that it is accepted; set Allowed or Allow")
	}
	for _, name := range t.Allowed {
		if !isTenantName(name) {
			p.add("Tenants.Allowed", "holds %s, which can be no tenant", quote(name))
		}
	}
	if t.MetadataURI != "" {
		if _, err := safeurl.Endpoint(t.MetadataURI); err != nil {
			p.add("Tenants.MetadataURI", "%w", err)
		}
	}
	if t.Max < 0 {
		p.add("Tenants.Max", "is negative")
	}
}

// template is a URL with one variable path segment.
type template struct{ before, name, after string }

// isTemplate reports whether a URL is meant as a template.
func isTemplate(uri string) bool { return strings.ContainsAny(uri, "{}") }

// parseTemplate demands exactly one segment in braces, and that in the path: a
// host that a token could choose would be anyone's.
func parseTemplate(uri string) (*template, error) {
	before, rest, _ := strings.Cut(uri, "{")
	name, after, closed := strings.Cut(rest, "}")
	if !closed || strings.ContainsAny(before+name+after, "{}") {
		return nil, errors.New("must hold exactly one {tenant}")
	}
	if name == "" || strings.IndexFunc(name, func(c rune) bool { return c > '~' || !isAlphanumeric(byte(c)) && c != '_' }) >= 0 {
		return nil, fmt.Errorf("holds {%s}, which is no name", name)
	}
	_, path, ok := strings.Cut(before, "://")
	if !ok || !strings.Contains(path, "/") || !strings.HasSuffix(before, "/") || after != "" && after[0] != '/' || strings.ContainsAny(before, "?#") {
		return nil, fmt.Errorf("may hold {%s} only as a whole segment of its path", name)
	}
	return &template{before, name, after}, nil
}

// fill puts a tenant into the template.
func (t *template) fill(tenant string) string { return t.before + tenant + t.after }

// tenant returns the tenant of an issuer that fits the template.
func (t *template) tenant(issuer string) (string, bool) {
	rest, ok := strings.CutPrefix(issuer, t.before)
	if !ok {
		return "", false
	}
	name, ok := strings.CutSuffix(rest, t.after)
	return name, ok && isTenantName(name)
}

// isTenantName keeps a stranger's name from being more than one segment.
func isTenantName(s string) bool {
	if s == "" || len(s) > maxTenantName || strings.Trim(s, ".") == "" {
		return false
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("-._~", s[i]) < 0 {
			return false
		}
	}
	return true
}

// overlaps reports whether an issuer could fit both. Either may be without a
// variable segment.
func overlaps(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		if as[i] != bs[i] && !isTemplate(as[i]) && !isTemplate(bs[i]) {
			return false
		}
	}
	return true
}

// allow asks the app about a tenant that is not listed. A panic of the app's
// is no judgement.
func (t *Tenants) allow(ctx context.Context, tenant string) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("Tenants.Allow panicked")
		}
	}()
	switch ok, err := t.Allow(ctx, tenant); {
	case err != nil:
		return fmt.Errorf("Tenants.Allow: %w", err)
	case !ok:
		return &TokenError{Claim: "iss", Setting: "Tenants", Reason: "tenant " + quote(tenant) + " is not accepted"}
	}
	return nil
}

// checkClaim demands that a token's own claim names the same tenant.
func (t *Tenants) checkClaim(tenant string, payload []byte) error {
	if t.Claim == "" {
		return nil
	}
	if named := oidckit.Claims(payload).Text(t.Claim); named != tenant {
		return &TokenError{Claim: t.Claim, Reason: "is " + quote(named) + ", and the issuer is that of tenant " + quote(tenant)}
	}
	return nil
}
