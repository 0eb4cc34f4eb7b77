package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/oidckit/oidckit/handlers/rpstore"
)

// Values of IdentityProvider.GrantType.
const (
	// GrantTypeAuthorization is the authorization code flow.
	GrantTypeAuthorization = "AUTHORIZATION"
	// GrantTypeImplicit takes an ID token from a form post.
	GrantTypeImplicit = "IMPLICIT"
	// GrantTypePassword asks people for the password of the provider (RFC 6749
	// §4.3, which RFC 9700 §2.4 advises against).
	GrantTypePassword = "PASSWORD"
)

// Values of IdentityProvider.PKCE; empty means PKCES256.
const (
	PKCES256 = "S256"
	PKCENone = "none"
)

// Values of IdentityProvider.ResponseMode; empty means what the grant type
// has.
const (
	ResponseModeQuery    = "query"
	ResponseModeFormPost = "form_post"
)

// MaskedSecret stands where a client secret is kept and not told. A record that
// comes back with it keeps its secret.
const MaskedSecret = "********"

// IdentityProvider is an upstream identity provider as people write it. The
// JSON names of the fields down to OAuthCallbackURL are those of the API that
// package admin serves, and always stand in an answer; those below are the kit's
// own, and stand there where they have a value.
type IdentityProvider struct {
	// DisplayName is what people choose by. Required.
	DisplayName string `json:"displayName"`
	// ShowIDPToUsers lists the provider on the page where people choose one.
	ShowIDPToUsers bool `json:"showIdpToUsers"`
	// PromptForUserRegistration shows a first-time user the app's registration
	// step before the login ends.
	PromptForUserRegistration bool `json:"promptForUserRegistration"`
	// SendConfiguredAttributes passes on the mapped attributes and no others;
	// without it the standard claims are passed on.
	SendConfiguredAttributes bool `json:"sendConfiguredAttributes"`
	// IsDefault takes the provider without a choice when nothing else decides. At
	// most one has it: a second one takes it from the first.
	IsDefault bool `json:"isDefault"`
	// EndUserLogin lets people log in to the app itself, and not only to clients
	// of the issuer.
	EndUserLogin bool `json:"endUserLogin"`
	// DomainMapping is an e-mail domain, or several with commas between them:
	// their addresses lead here, and addresses of other domains from here are
	// refused. A text without a dot is a label and does nothing.
	DomainMapping string `json:"domainMapping"`
	// AttributeMapping says what claims of the provider become.
	AttributeMapping []AttributeMapping `json:"attributeMapping"`
	// Identifier names the provider in addresses. At creation it is asked for in a
	// short form, which is joined with a slug of DisplayName; then it is fixed, and
	// either form leaves it as it is. Required.
	Identifier string `json:"identifier"`
	// ClientID and ClientSecret are those of the broker at the provider. The
	// secret reads MaskedSecret unless Registry.Reveal was asked. Required.
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	// Scope is what a login asks for. OPENID, EMAIL and PROFILE become lower case;
	// every other scope stays as it is.
	Scope []string `json:"scope"`
	// GrantType is AUTHORIZATION, IMPLICIT or PASSWORD. Required.
	GrantType string `json:"grantType"`
	// AuthorizeEndpoint, TokenEndpoint and UserInfoEndpoint are where a login
	// goes. Required without an Issuer; beside one they stand before what is
	// discovered.
	AuthorizeEndpoint string `json:"authorizeEndpoint"`
	TokenEndpoint     string `json:"tokenEndpoint"`
	UserInfoEndpoint  string `json:"userInfoEndpoint"`
	// IntrospectionEndpoint, if set, must call the access token active before
	// userinfo is asked.
	IntrospectionEndpoint string `json:"introspectionEndpoint"`
	// SignRequest sends the authorization request as a signed request object (RFC
	// 9101).
	SignRequest bool `json:"signRequest"`
	// SendScopeInTokenRequest repeats Scope in the token request.
	SendScopeInTokenRequest bool `json:"sendScopeInTokenRequest"`
	// ClientCredentialsHeaderEnabled sends ClientID and ClientSecret by HTTP Basic
	// rather than in the body.
	ClientCredentialsHeaderEnabled bool `json:"clientCredentialsHeaderEnabled"`
	// UUID is the key of the record. Set by Create.
	UUID string `json:"uuid"`
	// OAuthCallbackURL is what is registered at the provider as redirect URI, for
	// this record alone. Set by the registry.
	OAuthCallbackURL string `json:"oauthCallBackUrl"`

	// Disabled refuses every login through this provider.
	Disabled bool `json:"disabled,omitempty"`
	// Issuer is the provider's exact issuer identifier: endpoints and keys are
	// discovered (OpenID Connect Discovery 1.0 §4), and the ID token is verified.
	// Scope must have openid then.
	Issuer string `json:"issuer,omitempty"`
	// JWKSURI stands before the one that is discovered.
	JWKSURI string `json:"jwksUri,omitempty"`
	// IDTokenSignedResponseAlg is the one algorithm of ID tokens. Default RS256.
	IDTokenSignedResponseAlg string `json:"idTokenSignedResponseAlg,omitempty"`
	// PKCE is S256, the default, or none for a provider that refuses it.
	PKCE string `json:"pkce,omitempty"`
	// ResponseMode is query or form_post. Default: query, and form_post for
	// IMPLICIT.
	ResponseMode string `json:"responseMode,omitempty"`
	// AuthorizeParameters are sent with the authorization request.
	AuthorizeParameters []AuthorizeParameter `json:"authorizeParameters,omitempty"`
	// AllowedClientIDs are the clients of the issuer that may use this provider.
	// Default: all.
	AllowedClientIDs []string `json:"allowedClientIds,omitempty"`
	// SubjectAttribute is the path of what names a person for good at a provider
	// without Issuer. Default "sub".
	SubjectAttribute string `json:"subjectAttribute,omitempty"`
	// TrustEmail takes addresses of this provider for verified, whether it says so
	// or not.
	TrustEmail bool `json:"trustEmail,omitempty"`
	// AllowEmailLinking lets a verified address of a mapped domain lead to the
	// account that has it. DomainMapping must name the domains that the provider
	// is authoritative for.
	AllowEmailLinking bool `json:"allowEmailLinking,omitempty"`

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
	// Version grows with each change; see Registry.Replace.
	Version int64 `json:"-"`

	requested string
	sealed    []byte
}

// AttributeMapping says what a claim becomes. IncomingAttribute is a path, a
// constant or a template; see Mapping. OutgoingAttribute is a claim's name, of
// which EMAIL and USERNAME mean email and preferred_username.
type AttributeMapping struct {
	IncomingAttribute string `json:"incomingAttribute"`
	OutgoingAttribute string `json:"outgoingAttribute"`
}

// AuthorizeParameter is a parameter of the authorization request beside those
// of the protocol.
type AuthorizeParameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// printedProvider is IdentityProvider without its methods.
type printedProvider IdentityProvider

// Format prints the record without the secret. JSON has it where it was
// revealed.
func (p IdentityProvider) Format(f fmt.State, verb rune) {
	if p.ClientSecret != "" {
		p.ClientSecret = MaskedSecret
	}
	p.sealed = nil
	fmt.Fprintf(f, fmt.FormatString(f, verb), printedProvider(p))
}

// Domains returns the e-mail domains of DomainMapping, in lower case; none
// where it is a label.
func (p *IdentityProvider) Domains() []string {
	domains, _ := parseDomainMapping(p.DomainMapping)
	return domains
}

// UsableBy reports whether a client of the issuer may use this provider.
func (p *IdentityProvider) UsableBy(clientID string) bool {
	return !p.Disabled && (len(p.AllowedClientIDs) == 0 || slices.Contains(p.AllowedClientIDs, clientID))
}

// stored returns the record as the store has it.
func (p *IdentityProvider) stored() *rpstore.IdentityProvider {
	s := &rpstore.IdentityProvider{
		UUID: p.UUID, Identifier: p.Identifier, RequestedIdentifier: p.requested, DisplayName: p.DisplayName, Disabled: p.Disabled,
		AuthorizeEndpoint: p.AuthorizeEndpoint, TokenEndpoint: p.TokenEndpoint, UserInfoEndpoint: p.UserInfoEndpoint,
		IntrospectionEndpoint: p.IntrospectionEndpoint,
		Issuer:                p.Issuer, JWKSURI: p.JWKSURI, IDTokenSignedResponseAlg: p.IDTokenSignedResponseAlg,
		ClientID: p.ClientID, SealedClientSecret: p.sealed, ClientCredentialsHeaderEnabled: p.ClientCredentialsHeaderEnabled,
		GrantType: p.GrantType, Scope: p.Scope, SendScopeInTokenRequest: p.SendScopeInTokenRequest, SignRequest: p.SignRequest,
		PKCE: p.PKCE, ResponseMode: p.ResponseMode,
		DomainMapping: p.DomainMapping, Domains: p.Domains(), ShowIDPToUsers: p.ShowIDPToUsers, Default: p.IsDefault,
		EndUserLogin: p.EndUserLogin, AllowedClientIDs: p.AllowedClientIDs, SubjectAttribute: p.SubjectAttribute,
		SendConfiguredAttributes: p.SendConfiguredAttributes, PromptForUserRegistration: p.PromptForUserRegistration,
		TrustEmail: p.TrustEmail, AllowEmailLinking: p.AllowEmailLinking,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Version: p.Version,
	}
	for _, m := range p.AttributeMapping {
		s.AttributeMapping = append(s.AttributeMapping, rpstore.AttributeMapping{Incoming: m.IncomingAttribute, Outgoing: m.OutgoingAttribute})
	}
	for _, a := range p.AuthorizeParameters {
		s.AuthorizeParameters = append(s.AuthorizeParameters, rpstore.AuthorizeParameter(a))
	}
	return s
}

// fromStore returns a stored record as people read it.
func (r *Registry) fromStore(s *rpstore.IdentityProvider) *IdentityProvider {
	p := &IdentityProvider{
		DisplayName: s.DisplayName, ShowIDPToUsers: s.ShowIDPToUsers, PromptForUserRegistration: s.PromptForUserRegistration,
		SendConfiguredAttributes: s.SendConfiguredAttributes, IsDefault: s.Default, EndUserLogin: s.EndUserLogin,
		DomainMapping: s.DomainMapping, AttributeMapping: []AttributeMapping{}, Identifier: s.Identifier,
		ClientID: s.ClientID, ClientSecret: MaskedSecret, Scope: append([]string{}, s.Scope...), GrantType: s.GrantType,
		AuthorizeEndpoint: s.AuthorizeEndpoint, TokenEndpoint: s.TokenEndpoint, UserInfoEndpoint: s.UserInfoEndpoint,
		IntrospectionEndpoint: s.IntrospectionEndpoint, SignRequest: s.SignRequest, SendScopeInTokenRequest: s.SendScopeInTokenRequest,
		ClientCredentialsHeaderEnabled: s.ClientCredentialsHeaderEnabled, UUID: s.UUID, OAuthCallbackURL: r.callback(s.UUID),
		Disabled: s.Disabled, Issuer: s.Issuer, JWKSURI: s.JWKSURI, IDTokenSignedResponseAlg: s.IDTokenSignedResponseAlg,
		PKCE: s.PKCE, ResponseMode: s.ResponseMode, AllowedClientIDs: s.AllowedClientIDs,
		SubjectAttribute: s.SubjectAttribute, TrustEmail: s.TrustEmail, AllowEmailLinking: s.AllowEmailLinking,
		CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Version: s.Version,
		requested: s.RequestedIdentifier, sealed: s.SealedClientSecret,
	}
	for _, m := range s.AttributeMapping {
		p.AttributeMapping = append(p.AttributeMapping, AttributeMapping{m.Incoming, m.Outgoing})
	}
	for _, a := range s.AuthorizeParameters {
		p.AuthorizeParameters = append(p.AuthorizeParameters, AuthorizeParameter(a))
	}
	return p
}
