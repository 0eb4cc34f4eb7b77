package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// upstream is the file of -endpoints: what is known by hand of an issuer that
// has no metadata document. It has the document's own members (RFC 8414 §2), of
// which the issuer may be left to -issuer, and beside them what says how its
// signatures are checked and what is not as the standards have it:
//
//	{
//	  "issuer": "https://id.example/moas",
//	  "authorization_endpoint": "https://id.example/moas/idp/openidsso",
//	  "token_endpoint": "https://id.example/moas/rest/oauth/token",
//	  "userinfo_endpoint": "https://id.example/moas/rest/oauth/getuserinfo",
//	  "end_session_endpoint": "https://id.example/moas/idp/oidc/logout",
//	  "certificate": "-----BEGIN CERTIFICATE-----\n…",
//	  "legacy": {"redirect_url_parameter": true, "client_secret_both": true}
//	}
//
// The keys are at jwks_uri, or stand in the file: as a set in jwks, or as one
// certificate or several certificates in PEM. With oauth2, as in
// {"subject_claim": "id"}, the issuer knows no OpenID Connect and needs no keys.
type upstream struct {
	oidckit.ProviderMetadata
	JWKS         json.RawMessage `json:"jwks"`
	Certificate  string          `json:"certificate"`
	Certificates []string        `json:"certificates"`
	// OAuth2 is there for a provider of plain OAuth 2.0.
	OAuth2 *struct {
		SubjectClaim string `json:"subject_claim"`
	} `json:"oauth2"`
	Legacy *struct {
		RedirectURLParameter  bool `json:"redirect_url_parameter"`
		ClientSecretBoth      bool `json:"client_secret_both"`
		ScopeInTokenRequest   bool `json:"scope_in_token_request"`
		RevokeByGet           bool `json:"revoke_by_get"`
		LogoutByGet           bool `json:"logout_by_get"`
		ExpiresInMilliseconds bool `json:"expires_in_milliseconds"`
		InsecureNoPKCE        bool `json:"insecure_no_pkce"`
	} `json:"legacy"`
}

// readUpstream names every member that is not known or not of its type.
func readUpstream(file string) (*upstream, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, fmt.Errorf("%s is no JSON object", file)
	}
	u := &upstream{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(members)) {
		one, err := json.Marshal(map[string]json.RawMessage{name: members[name]})
		if err == nil {
			d := json.NewDecoder(bytes.NewReader(one))
			d.DisallowUnknownFields()
			err = d.Decode(u)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return u, nil
}

// apply puts what is known by hand into the config of the relying party.
func (u *upstream) apply(c *handlers.Config) {
	if u == nil {
		return
	}
	c.Metadata, c.KeySet = &u.ProviderMetadata, u.JWKS
	for _, cert := range append(slices.Clone(u.Certificates), u.Certificate) {
		if cert != "" {
			c.Certificates = append(append(c.Certificates, cert...), '\n')
		}
	}
	if u.OAuth2 != nil {
		c.OAuth2 = &handlers.OAuth2{SubjectClaim: u.OAuth2.SubjectClaim}
	}
	if u.Legacy != nil {
		legacy := handlers.Legacy(*u.Legacy)
		c.Legacy = &legacy
	}
}

// useUpstream reads the file of -endpoints. Where the command line does not say
// otherwise, the issuer is the file's, and a provider of plain OAuth 2.0 is
// asked for no scope.
func (s *settings) useUpstream(given map[string]bool) (err error) {
	if s.endpoints == "" {
		return nil
	}
	if s.upstream, err = readUpstream(s.endpoints); err != nil {
		return err
	}
	switch {
	case s.upstream.Issuer == "":
		s.upstream.Issuer = s.issuer
	case !given["issuer"]:
		s.issuer = s.upstream.Issuer
	}
	if s.upstream.OAuth2 != nil && !given["scopes"] {
		s.scopes = ""
	}
	return nil
}
