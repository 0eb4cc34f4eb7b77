package tokens

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/oidckit/oidckit/internal/storetest"
)

// What is written member by member is what encoding/json would have written.
func TestClaimsAreWrittenWhole(t *testing.T) {
	id, access := storetest.Fill(&idClaims{}), storetest.Fill(&accessClaims{})
	id.Nonce, id.ACR = "\"\\<>&\u2028 \x00 ü \xff", "urn:mace:silver"
	for _, c := range []struct {
		claims interface{ appendTo([]byte) []byte }
	}{{id}, {access}, {&idClaims{Issuer: "i", Subject: "s", Audience: "a", ExpiresAt: 2, IssuedAt: 1}}} {
		want, err := json.Marshal(c.claims)
		if err != nil {
			t.Fatal(err)
		}
		got := c.claims.appendTo(nil)
		var a, b any
		if err := json.Unmarshal(want, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &b); err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s\n%s %v", got, want, err)
		}
		if !bytes.HasPrefix(got, []byte(`{"iss":`)) {
			t.Errorf("%s", got)
		}
	}
}
