package oidckit

import "fmt"

// ClientRegistration is what an issuer answers to a client that has registered
// itself (RFC 7591 §3.2.1, RFC 7592 §3). As JSON it can be kept and read again;
// printed, it shows neither the secret nor the token.
type ClientRegistration struct {
	ClientMetadata
	// ClientIDIssuedAt is in seconds since 1970, 0 where the issuer has not said.
	ClientIDIssuedAt int64 `json:"client_id_issued_at,omitempty"`
	// ClientSecretExpiresAt is there for every client with a secret, in seconds
	// since 1970; 0 is never.
	ClientSecretExpiresAt *int64 `json:"client_secret_expires_at,omitempty"`
	// RegistrationAccessToken opens the registration at RegistrationClientURI.
	// Both are empty where the issuer does not let clients come back.
	RegistrationAccessToken string `json:"registration_access_token,omitempty"`
	RegistrationClientURI   string `json:"registration_client_uri,omitempty"`
}

// printedRegistration is ClientRegistration without its methods.
type printedRegistration struct {
	ClientMetadata          printedMetadata
	ClientIDIssuedAt        int64
	ClientSecretExpiresAt   *int64
	RegistrationAccessToken string
	RegistrationClientURI   string
}

// Format prints the registration without the secret and the token. JSON has
// them.
func (r ClientRegistration) Format(f fmt.State, verb rune) {
	if r.ClientSecret != "" {
		r.ClientSecret = "redacted"
	}
	if r.RegistrationAccessToken != "" {
		r.RegistrationAccessToken = "redacted"
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), printedRegistration{
		printedMetadata(r.ClientMetadata), r.ClientIDIssuedAt, r.ClientSecretExpiresAt, r.RegistrationAccessToken, r.RegistrationClientURI,
	})
}
