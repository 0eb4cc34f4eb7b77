package client

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// FuzzLogoutToken: what is accepted has every claim that a logout token must
// have and none that it must not, and encoding/json reads the same.
func FuzzLogoutToken(f *testing.F) {
	c := &Client{cfg: Config{Issuer: "https://id.example", ClientID: "app"}}
	now := time.Unix(1_800_000_000, 0)
	for _, seed := range []string{
		`{"iss":"https://id.example","aud":"app","iat":1800000000,"exp":1800000120,"jti":"j","sid":"s","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`,
		`{"iss":"https://id.example","aud":["app"],"iat":1800000000,"exp":1800000120,"jti":"j","sub":"s","events":{"http://schemas.openid.net/event/backchannel-logout":null}}`,
		`{"iss":"https://id.example","nonce":"n"}`, `{"events":[]}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		token, err := parseLogoutToken(payload)
		if err != nil || c.checkLogoutClaims(token, now) != nil {
			return
		}
		var plain struct {
			Issuer  string          `json:"iss"`
			Events  map[string]any  `json:"events"`
			Nonce   json.RawMessage `json:"nonce"`
			ID      string          `json:"jti"`
			Subject string          `json:"sub"`
			Session string          `json:"sid"`
			Expires float64         `json:"exp"`
		}
		if err := strictjson.Check(payload); err != nil {
			t.Fatalf("%q is no strict JSON: %v", payload, err)
		}
		if err := json.Unmarshal(payload, &plain); err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		event, isObject := plain.Events[logoutEvent].(map[string]any)
		if plain.Issuer != c.cfg.Issuer || !isObject || event == nil || plain.Nonce != nil || plain.ID != token.ID || plain.ID == "" ||
			plain.Subject != token.Subject || plain.Session != token.SessionID || plain.Subject+plain.Session == "" || plain.Expires == 0 {
			t.Fatalf("%q is accepted as %+v", payload, token)
		}
	})
}
