package rpsql

import (
	"time"

	"github.com/oidckit/oidckit/handlers/rpstore"
)

const providerFormat = 1

// providerDoc has the fields of rpstore.IdentityProvider, in their order.
type providerDoc struct {
	UUID                string `json:"uuid"`
	Identifier          string `json:"identifier"`
	RequestedIdentifier string `json:"requested_identifier,omitempty"`
	DisplayName         string `json:"display_name"`
	Disabled            bool   `json:"disabled,omitempty"`

	AuthorizeEndpoint        string `json:"authorize_endpoint,omitempty"`
	TokenEndpoint            string `json:"token_endpoint,omitempty"`
	UserInfoEndpoint         string `json:"userinfo_endpoint,omitempty"`
	IntrospectionEndpoint    string `json:"introspection_endpoint,omitempty"`
	Issuer                   string `json:"issuer,omitempty"`
	JWKSURI                  string `json:"jwks_uri,omitempty"`
	IDTokenSignedResponseAlg string `json:"id_token_signed_response_alg,omitempty"`

	ClientID                       string `json:"client_id,omitempty"`
	SealedClientSecret             []byte `json:"sealed_client_secret,omitempty"`
	ClientCredentialsHeaderEnabled bool   `json:"client_credentials_header,omitempty"`

	GrantType               string                       `json:"grant_type,omitempty"`
	Scope                   []string                     `json:"scope,omitempty"`
	SendScopeInTokenRequest bool                         `json:"scope_in_token_request,omitempty"`
	SignRequest             bool                         `json:"sign_request,omitempty"`
	PKCE                    string                       `json:"pkce,omitempty"`
	ResponseMode            string                       `json:"response_mode,omitempty"`
	AuthorizeParameters     []rpstore.AuthorizeParameter `json:"authorize_parameters,omitempty"`

	DomainMapping    string   `json:"domain_mapping,omitempty"`
	Domains          []string `json:"domains,omitempty"`
	ShowIDPToUsers   bool     `json:"show,omitempty"`
	Default          bool     `json:"-"`
	EndUserLogin     bool     `json:"end_user_login,omitempty"`
	AllowedClientIDs []string `json:"allowed_client_ids,omitempty"`

	AttributeMapping          []rpstore.AttributeMapping `json:"attribute_mapping,omitempty"`
	SubjectAttribute          string                     `json:"subject_attribute,omitempty"`
	SendConfiguredAttributes  bool                       `json:"send_configured_attributes,omitempty"`
	PromptForUserRegistration bool                       `json:"prompt_for_registration,omitempty"`
	TrustEmail                bool                       `json:"trust_email,omitempty"`
	AllowEmailLinking         bool                       `json:"allow_email_linking,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"-"`
}

func newProviderDoc(p *rpstore.IdentityProvider) providerDoc {
	d := providerDoc(*p)
	d.CreatedAt, d.UpdatedAt = p.CreatedAt.UTC(), p.UpdatedAt.UTC()
	return d
}

func (d *providerDoc) record(version int64, isDefault bool) *rpstore.IdentityProvider {
	p := rpstore.IdentityProvider(*d)
	p.Version, p.Default = version, isDefault
	return &p
}
