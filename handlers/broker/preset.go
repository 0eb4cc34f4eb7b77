package broker

import (
	"regexp"
	"slices"
	"strings"
)

// Preset is how a well-known identity provider is set up: its endpoints, what to
// ask it for, how it wants clients to authenticate, and what its claims are
// called.
type Preset struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	// Parameters are asked for.
	Parameters []PresetParameter `json:"parameters"`
	// Record has {name} where a parameter goes. ClientID and ClientSecret are not
	// in it.
	Record IdentityProvider `json:"-"`
	// Notes are what an operator should know.
	Notes []string `json:"notes"`
}

// PresetParameter is a part of a preset that differs from customer to customer.
type PresetParameter struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Example     string `json:"example"`
	// Default stands for a parameter that is not given; without one it must be.
	Default string `json:"default,omitempty"`

	form *regexp.Regexp
}

// FindPreset returns the preset of a name.
func FindPreset(name string) (Preset, bool) {
	all := Presets()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// Fill returns the preset's record with parameters in it. Its error is
// FieldErrors, by the parameters' names.
func (p Preset) Fill(values map[string]string) (IdentityProvider, error) {
	var wrong FieldErrors
	var pairs []string
	for name := range values {
		if !slices.ContainsFunc(p.Parameters, func(q PresetParameter) bool { return q.Name == name }) {
			wrong = append(wrong, FieldError{Field: "parameters", Message: "has one that this preset does not have"})
			break
		}
	}
	for _, q := range p.Parameters {
		value := values[q.Name]
		if value == "" {
			value = q.Default
		}
		switch {
		case value == "":
			wrong = append(wrong, FieldError{Field: "parameters." + q.Name, Message: missing})
		case !q.form.MatchString(value):
			wrong = append(wrong, FieldError{Field: "parameters." + q.Name, Message: "does not look like " + q.Example})
		}
		pairs = append(pairs, "{"+q.Name+"}", value)
	}
	if len(wrong) > 0 {
		return IdentityProvider{}, wrong
	}
	r, fill := p.Record, strings.NewReplacer(pairs...)
	for _, field := range []*string{&r.Issuer, &r.AuthorizeEndpoint, &r.TokenEndpoint, &r.UserInfoEndpoint} {
		*field = fill.Replace(*field)
	}
	return normalise(r), nil
}
