package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
)

// legacyFeatures are off unless the config names them.
func legacyFeatures() []string { return []string{"implicit", "password"} }

// featureTable has, for each name that "features" may hold, what switches it on
// with its settings there, which are nil where it is on by default.
func featureTable(pc *provider.Config, secrets oidckit.Secrets) map[string]func(json.RawMessage) error {
	plain := func(on func()) func(json.RawMessage) error {
		return func(raw json.RawMessage) error {
			on()
			return readSettings(raw, &struct{}{})
		}
	}
	return map[string]func(json.RawMessage) error{
		"account_page":        plain(func() { pc.AccountPage = &provider.AccountPage{} }),
		"certificates":        plain(func() { pc.Certificates = &provider.Certificates{} }),
		"frontchannel_logout": plain(func() { pc.FrontchannelLogout = &provider.FrontchannelLogout{} }),
		"introspection":       plain(func() { pc.Introspection = &provider.Introspection{} }),
		"revocation":          plain(func() { pc.Revocation = &provider.Revocation{} }),
		"session_management":  plain(func() { pc.SessionManagement = &provider.SessionManagement{} }),
		"implicit":            plain(func() { legacy(pc).Implicit = true }),
		"password":            plain(func() { legacy(pc).Password = &provider.PasswordGrant{} }),
		"backchannel_logout": func(raw json.RawMessage) error {
			var set struct {
				Attempts int `json:"attempts"`
			}
			err := readSettings(raw, &set)
			pc.BackchannelLogout = &provider.BackchannelLogout{Attempts: set.Attempts}
			return err
		},
		"hybrid": func(raw json.RawMessage) error {
			set := struct {
				AllowAccessTokens bool `json:"allow_access_tokens"`
			}{true}
			err := readSettings(raw, &set)
			pc.Hybrid = &provider.Hybrid{AllowAccessTokens: set.AllowAccessTokens}
			return err
		},
		"pairwise": func(raw json.RawMessage) (err error) {
			pc.Pairwise, err = pairwise(raw, secrets)
			return err
		},
		"registration": func(raw json.RawMessage) (err error) {
			pc.Registration, err = registration(raw)
			return err
		},
		"request_objects": func(raw json.RawMessage) error {
			var set struct {
				AllowUnsigned          bool `json:"allow_unsigned"`
				AllowParametersOutside bool `json:"allow_parameters_outside"`
			}
			err := readSettings(raw, &set)
			pc.RequestObjects = &provider.RequestObjects{AllowUnsigned: set.AllowUnsigned, AllowParametersOutside: set.AllowParametersOutside}
			return err
		},
	}
}

// legacy returns the settings of what is off by default, made where there are
// none yet.
func legacy(pc *provider.Config) *provider.Legacy {
	if pc.Legacy == nil {
		pc.Legacy = &provider.Legacy{}
	}
	return pc.Legacy
}

// applyFeatures switches on what is on by default and not false or null in the
// config, and what is named there.
func (c *config) applyFeatures(pc *provider.Config, secrets oidckit.Secrets) []error {
	var errs []error
	table := featureTable(pc, secrets)
	for name := range c.Features {
		if table[name] == nil {
			errs = append(errs, fmt.Errorf("features: %q is not a known feature", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		raw, named := c.Features[name]
		off := string(raw) == "false" || string(raw) == "null"
		if !named {
			off = slices.Contains(legacyFeatures(), name)
		}
		if off {
			continue
		}
		if err := table[name](raw); err != nil {
			errs = append(errs, fmt.Errorf("features.%s: %w", name, err))
		}
	}
	return errs
}

// readSettings reads the settings of a feature, and refuses members that mean
// nothing: a misspelt one would otherwise be silently off.
func readSettings(raw json.RawMessage, settings any) error {
	if raw == nil || string(raw) == "true" {
		return nil
	}
	if raw[0] != '{' {
		return errors.New("must be an object, true or false")
	}
	in := json.NewDecoder(bytes.NewReader(raw))
	in.DisallowUnknownFields()
	return in.Decode(settings)
}

// bearerToken is what can stand in an Authorization header.
var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// registration is open to whoever asks, unless an initial access token is set.
func registration(raw json.RawMessage) (*provider.Registration, error) {
	var set struct {
		InitialAccessToken *string `json:"initial_access_token"`
	}
	err := readSettings(raw, &set)
	switch token := set.InitialAccessToken; {
	case err != nil || token == nil:
		return &provider.Registration{AllowAnonymous: true}, err
	case !bearerToken.MatchString(*token):
		return &provider.Registration{AllowAnonymous: true}, errors.New("initial_access_token must be letters, digits and -._~+/ (RFC 6750 §2.1); null lets everybody register")
	default:
		return &provider.Registration{InitialAccessTokens: []oidckit.TokenHash{oidckit.HashToken(*token)}}, nil
	}
}

// pairwise subjects are made with a salt of the config's, or with one of the
// oldest key of the ring, which stays when others are put before it.
func pairwise(raw json.RawMessage, secrets oidckit.Secrets) (*provider.Pairwise, error) {
	var set struct {
		Salt string `json:"salt"`
	}
	err := readSettings(raw, &set)
	if set.Salt != "" {
		return &provider.Pairwise{Salt: []byte(set.Salt)}, err
	}
	return &provider.Pairwise{Salt: oldest(secrets, "pairwise salt", 32)}, err
}
