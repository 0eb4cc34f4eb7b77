package rpstore

import (
	"context"
	"time"
)

// IdentityProvider is an upstream identity provider that people sign in with
// through the broker. It never ends by itself. What each setting does is said
// at broker.IdentityProvider, which checks them too; here they are kept.
type IdentityProvider struct {
	// UUID is the key.
	UUID string
	// Identifier is unique. RequestedIdentifier is the part of it that was asked
	// for.
	Identifier          string
	RequestedIdentifier string
	DisplayName         string
	// Disabled providers are in no list of what is shown.
	Disabled bool

	AuthorizeEndpoint     string
	TokenEndpoint         string
	UserInfoEndpoint      string
	IntrospectionEndpoint string
	// Issuer is set where the endpoints are discovered and ID tokens verified.
	Issuer                   string
	JWKSURI                  string
	IDTokenSignedResponseAlg string

	ClientID string
	// SealedClientSecret is the client secret, sealed.
	SealedClientSecret             []byte
	ClientCredentialsHeaderEnabled bool

	GrantType               string
	Scope                   []string
	SendScopeInTokenRequest bool
	SignRequest             bool
	PKCE                    string
	ResponseMode            string
	AuthorizeParameters     []AuthorizeParameter

	// DomainMapping is the text as it was written, Domains what it selects: e-mail
	// domains in lower case, none twice.
	DomainMapping string
	Domains       []string
	// ShowIDPToUsers lists the provider where people choose one.
	ShowIDPToUsers bool
	// Default marks the one provider that is taken without a choice.
	Default      bool
	EndUserLogin bool
	// AllowedClientIDs is who may use the provider; none means everyone.
	AllowedClientIDs []string

	AttributeMapping          []AttributeMapping
	SubjectAttribute          string
	SendConfiguredAttributes  bool
	PromptForUserRegistration bool
	TrustEmail                bool
	AllowEmailLinking         bool

	CreatedAt time.Time
	UpdatedAt time.Time
	// Version is 1 at creation and grows by one with every change, also with one
	// that only takes Default away.
	Version int64
}

// AttributeMapping says under which name an attribute is passed on.
type AttributeMapping struct {
	Incoming string
	Outgoing string
}

// AuthorizeParameter is a parameter of the authorization request beside those
// of the protocol.
type AuthorizeParameter struct {
	Name  string
	Value string
}

// IdentityProviderSelector names identity providers: those that match every
// field that is set. The zero value matches all.
type IdentityProviderSelector struct {
	Identifier string
	// Domain is one of Domains, in lower case.
	Domain string
	// Default matches the default provider.
	Default bool
	// Shown matches those with ShowIDPToUsers that are not disabled.
	Shown bool
}

// IdentityProviders keeps the identity providers of the broker.
type IdentityProviders interface {
	// IdentityProvider returns a provider, or ErrNotFound.
	IdentityProvider(ctx context.Context, uuid string) (*IdentityProvider, error)
	// ListIdentityProviders returns at most count of the matching providers, from
	// the one with index start on, and how many there are in all. They come in the
	// order in which they were created, and of the same instant by UUID. It finds
	// them by indexes: ten thousand others cost next to nothing. Negative numbers
	// count as 0.
	ListIdentityProviders(ctx context.Context, sel IdentityProviderSelector, start, count int) (page []IdentityProvider, total int, err error)
	// PutIdentityProvider stores a provider if its stored version is p.Version,
	// and adds one to both; version 0 is one that is not stored. It returns
	// ErrConflict where that is not so or the identifier is another one's, and
	// ErrNotFound where the provider was deleted; of calls that race for a
	// version, or for an identifier, exactly one succeeds. CreatedAt stays what it
	// was at creation. A provider with Default takes it from the one that had it,
	// in the same atomic step: there is never a second one.
	PutIdentityProvider(ctx context.Context, p *IdentityProvider) error
	// DeleteIdentityProvider removes a provider of this version. It returns
	// ErrConflict where it has another one, and ErrNotFound where there is none.
	DeleteIdentityProvider(ctx context.Context, uuid string, version int64) error
}
