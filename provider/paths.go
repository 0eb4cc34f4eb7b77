package provider

import (
	"fmt"
	"path"
	"strings"
)

// Paths below the issuer that no config moves: the documents that define them
// fix them.
const (
	pathOpenIDConfiguration = "/.well-known/openid-configuration"
	pathServerMetadata      = "/.well-known/oauth-authorization-server"
)

// Paths says where the endpoints are, each below the issuer's own path. An
// empty field takes its default. Paths of features that are off are not served.
type Paths struct {
	// Authorization is /authorize, Token /token, Userinfo /userinfo and JWKS
	// /jwks.
	Authorization string
	Token         string
	Userinfo      string
	JWKS          string
	// Introspection is /introspect, Revocation /revoke.
	Introspection string
	Revocation    string
	// Registration is /register; each client's own address is there too, with
	// its client_id in the query.
	Registration string
	// EndSession is /end_session; its confirmation lies below it.
	EndSession string
	// CheckSession is /check_session.
	CheckSession string
	// Certificate is /certificate: the signing certificates as PEM.
	Certificate string
	// Login is /login, Consent /consent, and Account, where people see what
	// they have allowed, /account.
	Login   string
	Consent string
	Account string
}

// each calls fn with every field, by name, and with its default.
func (p *Paths) each(fn func(name string, field *string, value string)) {
	for _, f := range []struct {
		name  string
		field *string
		value string
	}{
		{"Authorization", &p.Authorization, "/authorize"}, {"Token", &p.Token, "/token"},
		{"Userinfo", &p.Userinfo, "/userinfo"}, {"JWKS", &p.JWKS, "/jwks"},
		{"Introspection", &p.Introspection, "/introspect"}, {"Revocation", &p.Revocation, "/revoke"},
		{"Registration", &p.Registration, "/register"}, {"EndSession", &p.EndSession, "/end_session"},
		{"CheckSession", &p.CheckSession, "/check_session"}, {"Certificate", &p.Certificate, "/certificate"},
		{"Login", &p.Login, "/login"}, {"Consent", &p.Consent, "/consent"}, {"Account", &p.Account, "/account"},
	} {
		fn(f.name, f.field, f.value)
	}
}

func (p Paths) withDefaults() Paths {
	p.each(func(_ string, field *string, value string) {
		if *field == "" {
			*field = value
		}
	})
	return p
}

// validate checks paths that have their defaults.
func (p Paths) validate() []error {
	var errs []error
	taken := map[string]string{pathOpenIDConfiguration: "the issuer's metadata", pathServerMetadata: "the issuer's metadata"}
	p.each(func(name string, field *string, _ string) {
		switch owner, used := taken[*field]; {
		// The path becomes part of patterns and of addresses that are compared.
		case !strings.HasPrefix(*field, "/") || *field == "/" || *field != path.Clean(*field) || strings.ContainsAny(*field, "{}?#%\\ "):
			errs = append(errs, fmt.Errorf("Paths.%s: %q must be a plain path that begins with a slash", name, *field))
		case used:
			errs = append(errs, fmt.Errorf("Paths.%s: %q is also the path of %s", name, *field, owner))
		default:
			taken[*field] = "Paths." + name
		}
	})
	return errs
}
