package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/adminapi"
	"github.com/oidckit/oidckit/internal/jose"
)

// FieldError is what is wrong with one field of a record, by its JSON name.
type FieldError = adminapi.Field

// FieldErrors is everything that is wrong with a record, as an error.
type FieldErrors = adminapi.Fields

const (
	maxDisplayName = 256
	maxClientID    = 512
	maxSecret      = 4096
	maxScope       = 100
	maxClients     = 1000
	maxParameters  = 20
)

const missing = "is missing"

// fieldErrors gathers what is wrong.
type fieldErrors struct{ list FieldErrors }

func (e *fieldErrors) add(field, message string) {
	e.list = append(e.list, FieldError{Field: field, Message: message})
}

// require adds message unless ok, and that a value is missing where it is
// empty.
func (e *fieldErrors) require(field, value string, ok bool, message string) {
	switch {
	case value == "":
		e.add(field, missing)
	case !ok:
		e.add(field, message)
	}
}

// normalise puts a record into the form in which it is stored.
func normalise(p IdentityProvider) IdentityProvider {
	scope := make([]string, 0, len(p.Scope))
	for _, s := range p.Scope {
		switch lower := strings.ToLower(s); lower {
		case oidckit.ScopeOpenID, oidckit.ScopeEmail, oidckit.ScopeProfile:
			s = lower
		}
		if !slices.Contains(scope, s) {
			scope = append(scope, s)
		}
	}
	p.Scope = scope
	p.AttributeMapping = slices.Clone(p.AttributeMapping)
	p.AuthorizeParameters = slices.Clone(p.AuthorizeParameters)
	p.AllowedClientIDs = slices.Clone(p.AllowedClientIDs)
	return p
}

// check returns all that is wrong with a record in itself, in the order of the
// fields.
func (p *IdentityProvider) check(out Outbound) FieldErrors {
	e := &fieldErrors{}
	e.require("identifier", p.Identifier, validIdentifier(p.Identifier), "must be 1 to 63 of a-z, 0-9, _ and -, and no word with another meaning")
	e.require("displayName", p.DisplayName, validName(p.DisplayName), "is too long or has characters that do not belong in a name")
	p.checkEndpoints(e, out)
	// RFC 6749 appendix A.1, A.2
	e.require("clientId", p.ClientID, plainText(p.ClientID, maxClientID), "must be printable ASCII, 512 characters at most")
	e.require("clientSecret", p.ClientSecret, plainText(p.ClientSecret, maxSecret), "must be printable ASCII, 4096 characters at most")
	e.require("grantType", p.GrantType, slices.Contains([]string{GrantTypeAuthorization, GrantTypeImplicit, GrantTypePassword}, p.GrantType),
		"must be AUTHORIZATION, IMPLICIT or PASSWORD")
	p.checkScope(e)
	p.checkRequest(e)
	p.checkRouting(e)
	p.checkAttributes(e)
	return e.list
}

func (p *IdentityProvider) checkEndpoints(e *fieldErrors, out Outbound) {
	for _, f := range p.endpoints() {
		if f.value == "" {
			if f.required && p.Issuer == "" {
				e.add(f.name, missing)
			}
			continue
		}
		if err := out.checkURL(f.value); err != nil {
			e.add(f.name, err.Error())
		}
	}
	// OpenID Connect Discovery 1.0 §3
	if strings.Contains(p.Issuer, "?") {
		e.add("issuer", "must not carry a query")
	}
	if p.Issuer == "" {
		for _, f := range []endpoint{{name: "jwksUri", value: p.JWKSURI}, {name: "idTokenSignedResponseAlg", value: p.IDTokenSignedResponseAlg}} {
			if f.value != "" {
				e.add(f.name, "needs an issuer")
			}
		}
	}
	if p.IDTokenSignedResponseAlg != "" && !slices.Contains(jose.Algorithms(), p.IDTokenSignedResponseAlg) {
		e.add("idTokenSignedResponseAlg", "must be one of "+strings.Join(jose.Algorithms(), ", "))
	}
}

type endpoint struct {
	name, value string
	required    bool
}

// endpoints returns the addresses of the record.
func (p *IdentityProvider) endpoints() []endpoint {
	return []endpoint{
		{"authorizeEndpoint", p.AuthorizeEndpoint, true},
		{"tokenEndpoint", p.TokenEndpoint, true},
		{"userInfoEndpoint", p.UserInfoEndpoint, true},
		{"introspectionEndpoint", p.IntrospectionEndpoint, false},
		{"issuer", p.Issuer, false},
		{"jwksUri", p.JWKSURI, false},
	}
}

func (p *IdentityProvider) checkScope(e *fieldErrors) {
	if len(p.Scope) > maxScope {
		e.add("scope", "has more than 100 elements")
		return
	}
	for i, s := range p.Scope {
		// RFC 6749 §3.3
		if parsed, err := oidckit.ParseScope(s); err != nil || len(parsed) != 1 {
			e.add(fmt.Sprintf("scope[%d]", i), "is no scope: it has spaces, quotation marks or other characters that a scope has not")
		}
	}
	// OpenID Connect Core 1.0 §3.1.2.1
	if p.Issuer != "" && !slices.Contains(p.Scope, oidckit.ScopeOpenID) {
		e.add("scope", "must have openid where there is an issuer")
	}
}

// ownParameters are those that the broker sets itself.
var ownParameters = []string{
	"response_type", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"response_mode", "request", "request_uri", "login_hint", "prompt", "max_age", "acr_values", "ui_locales", "id_token_hint",
}

func (p *IdentityProvider) checkRequest(e *fieldErrors) {
	if !slices.Contains([]string{"", PKCES256, PKCENone}, p.PKCE) {
		e.add("pkce", "must be S256 or none")
	}
	if !slices.Contains([]string{"", ResponseModeQuery, ResponseModeFormPost}, p.ResponseMode) {
		e.add("responseMode", "must be query or form_post")
	}
	if p.GrantType == GrantTypeImplicit {
		if p.Issuer == "" {
			e.add("issuer", "is missing: IMPLICIT takes an ID token, which only an issuer's keys verify")
		}
		// OAuth 2.0 Multiple Response Types §3.0
		if p.ResponseMode == ResponseModeQuery {
			e.add("responseMode", "must be form_post for IMPLICIT")
		}
	}
	if len(p.AuthorizeParameters) > maxParameters {
		e.add("authorizeParameters", "has more than 20 elements")
		return
	}
	seen := map[string]bool{}
	for i, a := range p.AuthorizeParameters {
		field := fmt.Sprintf("authorizeParameters[%d]", i)
		switch {
		case !plainText(a.Name, 64), strings.Contains(a.Name, " "), !plainText(a.Value, 1024):
			e.add(field, "must have a name and a value of printable ASCII")
		case slices.Contains(ownParameters, a.Name):
			e.add(field, "is a parameter that the broker sets")
		case seen[a.Name]:
			e.add(field, "stands twice")
		}
		seen[a.Name] = true
	}
}

func (p *IdentityProvider) checkRouting(e *fieldErrors) {
	domains, err := parseDomainMapping(p.DomainMapping)
	if err == nil && strings.ContainsFunc(p.DomainMapping, misleading) {
		err = errors.New("has characters that do not belong in a name")
	}
	if err != nil {
		e.add("domainMapping", err.Error())
	}
	if p.AllowEmailLinking && err == nil && len(domains) == 0 {
		e.add("allowEmailLinking", "needs a domainMapping with the domains that the provider is authoritative for")
	}
	if len(p.AllowedClientIDs) > maxClients {
		e.add("allowedClientIds", "has more than 1000 elements")
		return
	}
	for i, id := range p.AllowedClientIDs {
		if !plainText(id, maxClientID) {
			e.add(fmt.Sprintf("allowedClientIds[%d]", i), "must be printable ASCII")
		}
	}
}

func (p *IdentityProvider) checkAttributes(e *fieldErrors) {
	if _, err := NewMapping(p.AttributeMapping); err != nil {
		wrong, _ := errors.AsType[FieldErrors](err)
		e.list = append(e.list, wrong...)
	}
	if p.SubjectAttribute == "" {
		return
	}
	if _, err := parsePath(p.SubjectAttribute); err != nil {
		e.add("subjectAttribute", err.Error())
	}
	// OpenID Connect Core 1.0 §5.7
	if p.Issuer != "" {
		e.add("subjectAttribute", "is only for a provider without issuer; with one it is sub")
	}
}

// plainText reports whether a text is printable ASCII, of 1 to limit bytes.
func plainText(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func validName(s string) bool {
	return len(s) <= maxDisplayName && strings.TrimSpace(s) != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, misleading)
}

// misleading holds what hides or turns text, and what is markup.
func misleading(r rune) bool {
	return r == '<' || r == '>' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}
