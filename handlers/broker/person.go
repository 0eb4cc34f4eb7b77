package broker

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
)

// standardClaims are those about a person (OpenID Connect Core 1.0 §5.1) that
// are passed on where a record does not name its attributes.
var standardClaims = []string{
	"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "email",
	"gender", "birthdate", "zoneinfo", "locale", "phone_number", "address", "updated_at",
}

// person is who has logged in at a provider.
type person struct {
	login    Login
	authTime time.Time
	acr      string
	amr      []string
}

// newPerson reads the claims of a provider as its record says.
func newPerson(p *IdentityProvider, issuer, subject string, claims oidckit.Claims) (*person, error) {
	mapping, err := NewMapping(p.AttributeMapping)
	if err != nil {
		return nil, storeDown(err)
	}
	mapped, err := mapping.Apply(claims)
	if err != nil {
		return nil, refuse("claims", err)
	}
	who := &person{login: Login{ProviderID: p.UUID, Provider: p.Identifier, Issuer: issuer, Subject: subject}}
	out := map[string]any{}
	if !p.SendConfiguredAttributes {
		var all map[string]any
		if err := claims.Decode(&all); err != nil {
			return nil, refuse("claims", err)
		}
		for _, name := range standardClaims {
			if v, ok := all[name]; ok && v != nil {
				out[name] = v
			}
		}
	}
	maps.Copy(out, mapped)
	// How somebody has signed in comes back by the mapping alone.
	who.acr, _ = mapped["acr"].(string)
	who.amr = texts(mapped["amr"])
	delete(out, "acr")
	delete(out, "amr")

	email, _ := out["email"].(string)
	if email != "" {
		verified := p.TrustEmail || email == claims.Text("email") && claims.Bool("email_verified")
		out["email_verified"] = verified
		if verified {
			who.login.Email = email
		}
	}
	if err := checkDomain(p, who.login.Email); err != nil {
		return nil, err
	}
	who.login.Claims, err = json.Marshal(out)
	if err != nil {
		return nil, refuse("claims", err)
	}
	return who, nil
}

// checkDomain refuses addresses of other domains than those of the record.
func checkDomain(p *IdentityProvider, email string) error {
	domains := p.Domains()
	if len(domains) == 0 || slices.Contains(domains, emailDomain(email)) {
		return nil
	}
	return &failure{status: http.StatusForbidden, reason: "domain_refused", cause: errors.New("broker: no verified address of a domain of the record"),
		message: "Your account at this sign-in service has no verified e-mail address that may be used here. Please choose another one."}
}

// subjectAt returns what names a person for good in a document. A number is
// taken as it is written: as a float two people could become one.
func subjectAt(attribute string, document oidckit.Claims) (string, error) {
	path, err := parsePath(cmp.Or(attribute, "sub"))
	if err != nil {
		return "", err
	}
	var all map[string]any
	if err := document.Decode(&all); err != nil {
		return "", err
	}
	v, _ := path.find(all)
	subject := ""
	switch v := v.(type) {
	case string:
		subject = v
	case json.Number:
		subject = v.String()
	}
	if strings.TrimSpace(subject) == "" || len(subject) > 255 {
		return "", errors.New("broker: userinfo does not say who the person is")
	}
	return subject, nil
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
