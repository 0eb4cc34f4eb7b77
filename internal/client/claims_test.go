package client

import (
	"testing"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// Userinfo adds what the ID token has not, and nothing about the token itself;
// the result is a document that is read in one way.
func TestJoinClaims(t *testing.T) {
	for _, row := range []struct{ name, idToken, userinfo, want string }{
		{"no userinfo", `{"sub":"alice","a":1}`, "", `{"sub":"alice","a":1}`},
		{"both", `{"sub":"alice","a":1}`, `{"b":{"c":[1,2]},"sub":"alice"}`, `{"sub":"alice","a":1,"b":{"c":[1,2]}}`},
		{"the ID token wins", `{"name":"Token","sub":"alice"}`, `{"sub":"alice","name":"Userinfo"}`, `{"name":"Token","sub":"alice"}`},
		{"escaped names are the same name", `{"na\u006de":"Token","sub":"alice"}`, `{"sub":"alice","n\u0061me":"Userinfo"}`, `{"name":"Token","sub":"alice"}`},
		{"names are written anew", `{"sub":"alice"}`, `{"sub":"alice","a\"b\\":1}`, `{"sub":"alice","a\"b\\":1}`},
		{"protocol claims stay out", `{"sub":"alice"}`,
			`{"sub":"alice","iss":"x","aud":"x","exp":1,"iat":1,"nbf":1,"azp":"x","nonce":"x","acr":"gold","amr":["mfa"],"auth_time":1,"sid":"x","scope":"x","client_id":"x","ok":1}`,
			`{"sub":"alice","ok":1}`},
		{"another case is another claim", `{"sub":"alice","acr":"silver"}`, `{"sub":"alice","ACR":"gold"}`, `{"sub":"alice","acr":"silver","ACR":"gold"}`},
	} {
		var userinfo []byte
		if row.userinfo != "" {
			userinfo = []byte(row.userinfo)
		}
		got, err := joinClaims(&IDToken{Subject: "alice", Claims: []byte(row.idToken)}, userinfo)
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %s %v, want %s", row.name, got, err, row.want)
		}
		if err := strictjson.Check(got); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
