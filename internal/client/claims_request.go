package client

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// MaxClaimsRequest bounds a claims parameter, in bytes: it has to travel in an
// address.
const MaxClaimsRequest = 2 << 10

// claimsRequest is the claims parameter (OpenID Connect Core 1.0 §5.5): by its
// members userinfo and id_token, the claims that are asked for.
type claimsRequest map[string]json.RawMessage

// CheckClaimsRequest refuses what is no value of the claims parameter.
func CheckClaimsRequest(raw json.RawMessage) error {
	if len(raw) > MaxClaimsRequest {
		return errors.New("is too large for an address")
	}
	_, err := parseClaimsRequest(raw)
	return err
}

func parseClaimsRequest(raw json.RawMessage) (claimsRequest, error) {
	var members claimsRequest
	if len(raw) == 0 {
		return claimsRequest{}, nil
	}
	if err := strictjson.Unmarshal(raw, &members); err != nil || members == nil {
		return nil, errors.New("is no JSON object")
	}
	for _, name := range []string{"userinfo", "id_token"} {
		if _, err := members.of(name); err != nil {
			return nil, errors.New(name + " of it is no JSON object")
		}
	}
	return members, nil
}

// of returns the claims that are asked for in one place.
func (r claimsRequest) of(place string) (claims map[string]json.RawMessage, err error) {
	if raw, ok := r[place]; ok {
		if err = strictjson.Unmarshal(raw, &claims); err == nil && claims == nil && string(raw) != "null" {
			err = errors.New("no object")
		}
	}
	return claims, err
}

// put asks for further claims in one place; they come before those that are
// there.
func (r claimsRequest) put(place string, claims map[string]json.RawMessage) error {
	all, err := r.of(place)
	if err != nil {
		return err
	}
	if all == nil {
		all = make(map[string]json.RawMessage, len(claims))
	}
	maps.Copy(all, claims)
	r[place], err = json.Marshal(all)
	return err
}

// merge lets other win, claim by claim.
func (r claimsRequest) merge(other claimsRequest) error {
	for place, raw := range other {
		if place != "userinfo" && place != "id_token" {
			r[place] = raw
			continue
		}
		claims, err := other.of(place)
		if err == nil {
			err = r.put(place, claims)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// claimsParameter returns the claims parameter of a login, "" where it asks for
// none, and the acr_values parameter: acr is asked for in one way, never in both
// (OpenID Connect Core 1.0 §5.5.1.1). An issuer without the claims parameter is
// asked by the other; the answer is checked alike.
func (c *Client) claimsParameter(m *oidckit.ProviderMetadata, login oidckit.LoginRequest) (claims, acrValues string, err error) {
	acrValues = strings.Join(login.ACRValues, " ")
	essential := login.EssentialACR && acrValues != "" && m.ClaimsParameterSupported
	if c.cfg.PlainOAuth != nil || len(login.Claims) == 0 && !essential {
		return string(c.cfg.Claims), acrValues, nil
	}
	all, err := parseClaimsRequest(c.cfg.Claims)
	if err != nil {
		return "", "", err
	}
	own, err := parseClaimsRequest(login.Claims)
	if err == nil {
		err = all.merge(own)
	}
	if err == nil && essential {
		acrValues = ""
		err = all.putEssentialACR(login.ACRValues)
	}
	if err != nil {
		return "", "", err
	}
	text, err := json.Marshal(all)
	return string(text), acrValues, err
}

func (r claimsRequest) putEssentialACR(values []string) error {
	acr, err := json.Marshal(struct {
		Essential bool     `json:"essential"`
		Values    []string `json:"values"`
	}{true, values})
	if err != nil {
		return err
	}
	return r.put("id_token", map[string]json.RawMessage{"acr": acr})
}
