package middleware_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/oidckit/oidckit/middleware"
)

// FuzzIntrospectionResponse: what is accepted is strict JSON by another
// decoder's judgement too, with active true, one of our audiences and nobody
// else's issuer; and the identity is that document's.
func FuzzIntrospectionResponse(f *testing.F) {
	for _, seed := range []string{
		timelessAnswer, `{"active":true}`, `{"active":false}`, `{"active":"true"}`, `{}`, `null`, `[]`, ``,
		`{"active":true,"active":false,"sub":"a","aud":"` + audience + `"}`,
		`{"active":true,"sub":"\ud800","aud":["` + audience + `"]}`,
		`{"active":true,"sub":"a","aud":["x","` + audience + `"],"iss":"https://issuer.example","exp":9999999999,"nbf":1,"iat":1.5,"token_type":"bearer"}`,
		`{"active":true,"sub":"a","aud":"` + audience + `","cnf":{"jkt":"x"},"token_type":"DPoP","amr":["pwd"],"auth_time":1e9}`,
		timelessAnswer + "x", "\xef\xbb\xbf" + timelessAnswer,
	} {
		f.Add([]byte(seed))
	}
	var doc []byte
	v, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{Issuer: "https://issuer.example", Endpoint: "https://issuer.example/introspect",
		Audience: audience, ClientID: "a", ClientSecret: "b", Cache: middleware.IntrospectionCache{Disabled: true},
		HTTPClient: &http.Client{Transport: &transport{fn: func(*http.Request) (*http.Response, error) { return reply(200, string(doc)) }}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { v.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		doc = data
		id, err := v.Verify(t.Context(), "token")
		if err != nil {
			if id != nil {
				t.Error("an identity beside an error")
			}
			return
		}
		var got struct {
			Active jsontext.Value `json:"active"`
			Sub    string         `json:"sub"`
			Aud    any            `json:"aud"`
			Iss    *string        `json:"iss"`
		}
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("accepted what is no strict JSON: %v", err)
		}
		if string(got.Active) != "true" || got.Sub == "" || id.Subject != got.Sub || got.Iss != nil && *got.Iss != id.Issuer || id.Issuer != "https://issuer.example" {
			t.Errorf("accepted %s", data)
		}
		list, _ := got.Aud.([]any)
		if got.Aud != any(audience) && !slices.Contains(list, any(audience)) {
			t.Errorf("accepted for another audience: %s", data)
		}
	})
}
