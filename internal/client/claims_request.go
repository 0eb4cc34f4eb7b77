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
	if _, err := members.essentialACR(); err != nil {
		return nil, err
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

// anyACR stands for an acr of whatever value.
const anyACR = ""

// essentialACR returns the values one of which the document demands of acr, none
// where it demands no acr (OpenID Connect Core 1.0 §5.5.1, §5.5.1.1).
func (r claimsRequest) essentialACR() ([]string, error) {
	claims, err := r.of("id_token")
	// §5.5.1: null asks for it as a voluntary claim
	if raw, asked := claims["acr"]; err != nil || !asked || strictjson.Value(raw).Kind() == strictjson.KindNull {
		return nil, err
	}
	var acr struct {
		Essential bool     `json:"essential"`
		Value     string   `json:"value"`
		Values    []string `json:"values"`
	}
	if err := strictjson.Unmarshal(claims["acr"], &acr); err != nil {
		return nil, errors.New("asks for acr in a way that is none")
	}
	switch {
	case !acr.Essential:
		return nil, nil
	case acr.Value != "":
		return []string{acr.Value}, nil
	case len(acr.Values) > 0:
		return acr.Values, nil
	}
	return []string{anyACR}, nil
}

// DemandedACR returns what the acr of the answer to a login is held against, for
// Expected: what a guard has asked for, or else what a claims parameter makes
// essential.
func (c *Client) DemandedACR(login oidckit.LoginRequest) ([]string, error) {
	if len(login.ACRValues) > 0 {
		return login.ACRValues, nil
	}
	all, err := c.claimsRequest(login)
	if err != nil {
		return nil, err
	}
	return all.essentialACR()
}

// claimsRequest is what every login asks for and what this one does.
func (c *Client) claimsRequest(login oidckit.LoginRequest) (claimsRequest, error) {
	all, err := parseClaimsRequest(c.cfg.Claims)
	if err != nil {
		return nil, err
	}
	own, err := parseClaimsRequest(login.Claims)
	if err != nil {
		return nil, err
	}
	return all, all.merge(own)
}

// claimsParameter returns the claims parameter of a login, "" where it asks for
// none, and the acr_values parameter: acr is asked for in one way, never in both
// (OpenID Connect Core 1.0 §5.5.1.1). An issuer without the claims parameter is
// asked by the other; the answer is checked alike.
func (c *Client) claimsParameter(m *oidckit.ProviderMetadata, login oidckit.LoginRequest) (claims, acrValues string, err error) {
	acrValues = strings.Join(login.ACRValues, " ")
	if c.cfg.PlainOAuth != nil {
		return "", acrValues, nil
	}
	all, err := c.claimsRequest(login)
	if err != nil {
		return "", "", err
	}
	demanded, err := all.essentialACR()
	if err != nil {
		return "", "", err
	}
	essential := acrValues != "" && (len(demanded) > 0 || login.EssentialACR && m.ClaimsParameterSupported)
	if len(login.Claims) == 0 && !essential {
		return string(c.cfg.Claims), acrValues, nil
	}
	if essential {
		if err := all.putEssentialACR(login.ACRValues); err != nil {
			return "", "", err
		}
		if m.ClaimsParameterSupported {
			acrValues = ""
		}
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
