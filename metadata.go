package oidckit

// ProviderMetadata is what an issuer publishes about itself (OpenID Connect
// Discovery 1.0 §3, RFC 8414 §2). Members that no role of the kit reads or
// writes are left out.
type ProviderMetadata struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint,omitempty"`
	TokenEndpoint         string `json:"token_endpoint,omitempty"`
	UserinfoEndpoint      string `json:"userinfo_endpoint,omitempty"`
	JWKSURI               string `json:"jwks_uri,omitempty"`
	EndSessionEndpoint    string `json:"end_session_endpoint,omitempty"`
	IntrospectionEndpoint string `json:"introspection_endpoint,omitempty"`
	RevocationEndpoint    string `json:"revocation_endpoint,omitempty"`
	RegistrationEndpoint  string `json:"registration_endpoint,omitempty"`
	// PushedAuthorizationRequestEndpoint is RFC 9126 §5.
	PushedAuthorizationRequestEndpoint string `json:"pushed_authorization_request_endpoint,omitempty"`
	// MTLSEndpointAliases is RFC 8705 §5; nil where there are none.
	MTLSEndpointAliases *MTLSEndpointAliases `json:"mtls_endpoint_aliases,omitempty"`
	// CheckSessionIframe is OpenID Connect Session Management 1.0 §3.3.
	CheckSessionIframe string `json:"check_session_iframe,omitempty"`

	ScopesSupported                   []string `json:"scopes_supported,omitempty"`
	ResponseTypesSupported            []string `json:"response_types_supported,omitempty"`
	ResponseModesSupported            []string `json:"response_modes_supported,omitempty"`
	GrantTypesSupported               []string `json:"grant_types_supported,omitempty"`
	ACRValuesSupported                []string `json:"acr_values_supported,omitempty"`
	SubjectTypesSupported             []string `json:"subject_types_supported,omitempty"`
	IDTokenSigningAlgValuesSupported  []string `json:"id_token_signing_alg_values_supported,omitempty"`
	TokenEndpointAuthMethodsSupported []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	DisplayValuesSupported            []string `json:"display_values_supported,omitempty"`

	UserinfoSigningAlgValuesSupported                  []string `json:"userinfo_signing_alg_values_supported,omitempty"`
	RequestObjectSigningAlgValuesSupported             []string `json:"request_object_signing_alg_values_supported,omitempty"`
	TokenEndpointAuthSigningAlgValuesSupported         []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	IntrospectionEndpointAuthMethodsSupported          []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	IntrospectionEndpointAuthSigningAlgValuesSupported []string `json:"introspection_endpoint_auth_signing_alg_values_supported,omitempty"`
	// IntrospectionSigningAlgValuesSupported is RFC 9701 §7.
	IntrospectionSigningAlgValuesSupported          []string `json:"introspection_signing_alg_values_supported,omitempty"`
	RevocationEndpointAuthMethodsSupported          []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	RevocationEndpointAuthSigningAlgValuesSupported []string `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`

	PromptValuesSupported         []string `json:"prompt_values_supported,omitempty"`
	ClaimTypesSupported           []string `json:"claim_types_supported,omitempty"`
	ClaimsSupported               []string `json:"claims_supported,omitempty"`
	ClaimsLocalesSupported        []string `json:"claims_locales_supported,omitempty"`
	UILocalesSupported            []string `json:"ui_locales_supported,omitempty"`
	CodeChallengeMethodsSupported []string `json:"code_challenge_methods_supported,omitempty"`

	ClaimsParameterSupported  bool `json:"claims_parameter_supported"`
	RequestParameterSupported bool `json:"request_parameter_supported"`
	// RequestURIParameterSupported is always written: its absence means true.
	RequestURIParameterSupported bool `json:"request_uri_parameter_supported"`
	// RequireRequestURIRegistration is OpenID Connect Discovery 1.0 §3.
	RequireRequestURIRegistration bool `json:"require_request_uri_registration,omitempty"`

	// RequirePushedAuthorizationRequests is RFC 9126 §5.
	RequirePushedAuthorizationRequests bool `json:"require_pushed_authorization_requests,omitempty"`
	// RequireSignedRequestObject is RFC 9101 §10.5.
	RequireSignedRequestObject bool `json:"require_signed_request_object,omitempty"`

	// AuthorizationResponseIssParameterSupported is RFC 9207 §3.
	AuthorizationResponseIssParameterSupported bool `json:"authorization_response_iss_parameter_supported,omitempty"`

	BackchannelLogoutSupported        bool `json:"backchannel_logout_supported,omitempty"`
	BackchannelLogoutSessionSupported bool `json:"backchannel_logout_session_supported,omitempty"`

	FrontchannelLogoutSupported        bool `json:"frontchannel_logout_supported,omitempty"`
	FrontchannelLogoutSessionSupported bool `json:"frontchannel_logout_session_supported,omitempty"`

	ServiceDocumentation string `json:"service_documentation,omitempty"`
	OPPolicyURI          string `json:"op_policy_uri,omitempty"`
	OPTosURI             string `json:"op_tos_uri,omitempty"`
}

// MTLSEndpointAliases are the addresses at which an issuer asks for a client
// certificate, where those are not the usual ones (RFC 8705 §5).
type MTLSEndpointAliases struct {
	TokenEndpoint                      string `json:"token_endpoint,omitempty"`
	UserinfoEndpoint                   string `json:"userinfo_endpoint,omitempty"`
	IntrospectionEndpoint              string `json:"introspection_endpoint,omitempty"`
	RevocationEndpoint                 string `json:"revocation_endpoint,omitempty"`
	PushedAuthorizationRequestEndpoint string `json:"pushed_authorization_request_endpoint,omitempty"`
}
