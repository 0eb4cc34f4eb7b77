package requestobject

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

func unsecured(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "."
}

// RFC 9101 §4: an object that nobody has signed needs the issuer's leave and
// the client's registration, and is an unsecured JWT of exactly its form (RFC
// 7519 §6).
func TestUnsignedObjects(t *testing.T) {
	const none = `{"alg":"none"}`
	good := unsecured(none, `{"scope":"openid"}`)
	for _, row := range []struct {
		name, registered, object string
		allow, ok                bool
	}{
		{"both agree", None, good, true, true},
		{"the issuer does not", None, good, false, false},
		{"the client has registered nothing", "", good, true, false},
		{"the client has registered another", "ES256", good, true, false},
		{"alg is another", None, unsecured(`{"alg":"ES256"}`, `{}`), true, false},
		{"alg in capitals", None, unsecured(`{"alg":"None"}`, `{}`), true, false},
		{"alg twice", None, unsecured(`{"alg":"none","alg":"none"}`, `{}`), true, false},
		{"no alg", None, unsecured(`{}`, `{}`), true, false},
		{"crit", None, unsecured(`{"alg":"none","crit":["x"]}`, `{}`), true, false},
		{"of another kind", None, unsecured(`{"alg":"none","typ":"at+jwt"}`, `{}`), true, false},
		{"a member twice", None, unsecured(none, `{"scope":"a","scope":"b"}`), true, false},
		{"no object", None, unsecured(none, `[]`), true, false},
		{"a line break", None, good[:6] + "\n" + good[6:], true, false},
		{"four parts", None, good + ".", true, false},
		{"one part", None, "e30.", true, false},
	} {
		r := &Resolver{Issuer: "https://op.example", AllowUnsigned: row.allow}
		client := &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: "app", RequestObjectSigningAlg: row.registered}}
		p, err := r.Resolve(t.Context(), client, wire.Params{"client_id": {"app"}, "request": {row.object}, "state": {"outside"}})
		switch {
		case row.ok && (err != nil || p.Get("scope") != "openid" || p.Get("state") != "" || p.Get("request") != ""):
			t.Errorf("%s: %v %v", row.name, p, err)
		case !row.ok && !errors.Is(err, oidckit.InvalidRequestObject):
			t.Errorf("%s: %v %v", row.name, p, err)
		}
	}
}
