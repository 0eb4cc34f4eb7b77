package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
)

// maxConfig bounds the config file, in bytes.
const maxConfig = 4 << 20

// config is the file that -config names.
type config struct {
	Clients   []oidckit.ClientMetadata `json:"clients"`
	Users     []configUser             `json:"users"`
	Scopes    map[string]string        `json:"scopes"`
	Resources []configResource         `json:"resources"`
	// Features are parts of the issuer that can be switched; see featureTable.
	// One that is absent has its default.
	Features    map[string]json.RawMessage `json:"features"`
	SigningAlgs []string                   `json:"signing_algs"`
	RequirePKCE *bool                      `json:"require_pkce"`
	Lifetimes   map[string]string          `json:"lifetimes"`

	// demo is set where no file was named.
	demo bool
}

type configUser struct {
	Username     string         `json:"username"`
	Password     string         `json:"password"`
	PasswordHash string         `json:"password_hash"`
	Claims       map[string]any `json:"claims"`
}

type configResource struct {
	Resource          string   `json:"resource"`
	Scopes            []string `json:"scopes"`
	AccessTokenFormat string   `json:"access_token_format"`
	SigningAlg        string   `json:"signing_alg"`
	// ClientIDs are the clients that may introspect its tokens; absent means
	// the services of this file.
	ClientIDs []string `json:"client_ids"`
}

// loadConfig reads the file, or returns the demo where none is named.
func loadConfig(file string) (*config, error) {
	if file == "" {
		return demoConfig(), nil
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxConfig {
		return nil, fmt.Errorf("%s is larger than %d bytes", file, maxConfig)
	}
	c := &config{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := unknownMembers(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// unknownMembers refuses top-level names that mean nothing here: a misspelt
// one would otherwise be silently off.
func unknownMembers(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	known := []string{"clients", "users", "scopes", "resources", "features", "signing_algs", "require_pkce", "lifetimes"}
	var errs []error
	for name := range members {
		if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("%q is not a known member", name))
		}
	}
	return errors.Join(errs...)
}

// apply fills in the provider's config and returns all problems together.
func (c *config) apply(pc *provider.Config, secrets oidckit.Secrets) error {
	var errs []error
	pc.Scopes, pc.SigningAlgs = c.Scopes, c.SigningAlgs
	pc.AllowConfidentialWithoutPKCE = c.RequirePKCE != nil && !*c.RequirePKCE
	for _, r := range c.Resources {
		res := provider.Resource{
			Resource: r.Resource, Scopes: r.Scopes, SigningAlg: r.SigningAlg,
			AccessTokenFormat: r.AccessTokenFormat, ClientIDs: r.ClientIDs,
		}
		if res.ClientIDs == nil {
			res.ClientIDs = c.services()
		}
		pc.Resources = append(pc.Resources, res)
	}
	errs = append(errs, c.applyFeatures(pc, secrets)...)
	for _, m := range c.Clients {
		pc.Clients = append(pc.Clients, c.client(m))
	}
	for i, u := range c.Users {
		if err := u.account("").Validate(); err != nil {
			errs = append(errs, fmt.Errorf("users[%d]: %w", i, err))
		}
	}
	errs = append(errs, c.applyLifetimes(&pc.Lifetimes)...)
	return errors.Join(errs...)
}

// client fills in what a client of this file need not say: without a secret
// and a method it is public, without redirect URIs it acts for itself, without
// a scope it may ask for all there are.
func (c *config) client(m oidckit.ClientMetadata) oidckit.ClientMetadata {
	if m.ClientSecret == "" && m.TokenEndpointAuthMethod == "" {
		m.TokenEndpointAuthMethod = oidckit.AuthMethodNone
	}
	if len(m.RedirectURIs) == 0 && len(m.GrantTypes) == 0 && m.TokenEndpointAuthMethod != oidckit.AuthMethodNone {
		m.GrantTypes = []string{oidckit.GrantTypeClientCredentials}
	}
	if m.Scope == "" {
		names := []string{"openid", "profile", "email", "address", "phone", "offline_access"}
		for name := range c.Scopes {
			names = append(names, name)
		}
		for _, r := range c.Resources {
			names = append(names, r.Scopes...)
		}
		m.Scope = strings.Join(names, " ")
	}
	return m
}

// services are the clients that people do not sign in to and that can prove
// who they are: the APIs, for one.
func (c *config) services() []string {
	var ids []string
	for _, m := range c.Clients {
		if c.client(m).TokenEndpointAuthMethod != oidckit.AuthMethodNone && len(m.RedirectURIs) == 0 {
			ids = append(ids, m.ClientID)
		}
	}
	return ids
}

func (u configUser) account(subject string) provider.Account {
	claims := map[string]any{}
	if subject != "" {
		claims["sub"] = subject
	}
	for name, value := range u.Claims {
		claims[name] = value
	}
	return provider.Account{Username: u.Username, Password: u.Password, PasswordHash: u.PasswordHash, Claims: claims}
}

func (c *config) applyLifetimes(l *provider.Lifetimes) []error {
	fields := map[string]*time.Duration{
		"code": &l.Code, "access_token": &l.AccessToken, "refresh_token": &l.RefreshToken, "id_token": &l.IDToken,
	}
	var errs []error
	for name, text := range c.Lifetimes {
		field, known := fields[name]
		d, err := time.ParseDuration(text)
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("lifetimes: %q is not a known member", name))
		case err != nil || d <= 0:
			errs = append(errs, fmt.Errorf("lifetimes.%s: %q is not a duration such as 60s or 1h", name, text))
		default:
			*field = d
		}
	}
	return errs
}
