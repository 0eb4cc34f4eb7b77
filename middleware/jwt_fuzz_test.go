package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	josev4 "github.com/go-jose/go-jose/v4"
	"github.com/oidckit/oidckit/middleware"
)

// FuzzVerifyDifferential signs any header and payload with the issuer's own
// key. What the verifier takes, go-jose takes, and reads the same claims in
// it; no claim stands in it twice, and none was found under another spelling.
func FuzzVerifyDifferential(f *testing.F) {
	// Processes that fuzz side by side share the corpus and not the key.
	const issuer = "https://issuer.example"
	iss := newIssuer(f)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: issuer, Audience: audience, AllowTypJWT: true,
		Keys: middleware.KeySource{JWKS: marshal(f, iss.keys...)}})
	if err != nil {
		f.Fatal(err)
	}
	defer v.Close()
	good := string(iss.claims(map[string]any{"iss": issuer}))
	f.Add(header(""), good)
	f.Add(header(`,"crit":["exp"]`), good)
	f.Add(`{"alg":"ES256","ALG":"none","typ":"JWT"}`, strings.Replace(good, `"sub"`, `"SUB":"mallory","sub"`, 1))
	f.Add(header(""), strings.Replace(good, `"sub"`, `"sub":"mallory","sub"`, 1))
	f.Add(header(""), strings.Replace(good, `"sub"`, `"\u0073ub"`, 1))
	f.Add(header(""), strings.Replace(good, `"aud":"`+audience+`"`, `"aud":["x","`+audience+`"]`, 1))
	f.Add(header(""), strings.Replace(good, `"exp":`, `"exp":1e0`, 1))
	f.Add(header(""), strings.Replace(good, "alice", `al\ud83d\ude00\/ice`, 1))
	key := testKey(f, "ES256").Public()
	f.Fuzz(func(t *testing.T, header, payload string) {
		token := forge(t, header, []byte(payload))
		id, err := v.Verify(t.Context(), token)
		if err != nil {
			if id != nil {
				t.Fatalf("an identity beside %v", err)
			}
			return
		}
		jws, err := josev4.ParseSignedCompact(token, []josev4.SignatureAlgorithm{josev4.ES256})
		if err != nil {
			// It judges members of the header that we ignore.
			if strings.Contains(header, "jwk") || strings.Contains(header, "x5c") || strings.Contains(header, "nonce") {
				return
			}
			t.Fatalf("go-jose refuses %q: %v", token, err)
		}
		verified, err := jws.Verify(key)
		if err != nil || string(verified) != payload {
			t.Fatalf("go-jose does not verify %q: %v", token, err)
		}
		if name := repeated(verified); name != "" {
			t.Fatalf("%q stands twice in %s", name, payload)
		}
		var claims map[string]any
		if err := json.Unmarshal(verified, &claims); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		if claims["iss"] != id.Issuer || claims["sub"] != id.Subject || id.Issuer != issuer || id.Subject == "" || !slices.Contains(id.Audience, audience) {
			t.Fatalf("%+v is not what %s says", id, payload)
		}
		if exp, ok := claims["exp"].(float64); !ok || int64(exp) != id.ExpiresAt.Unix() || time.Since(id.ExpiresAt) > 61*time.Second {
			t.Fatalf("%+v is not what %s says", id, payload)
		}
		switch aud := claims["aud"].(type) {
		case string:
			if aud != audience {
				t.Fatalf("taken for %q", aud)
			}
		case []any:
			if !slices.Contains(aud, any(audience)) {
				t.Fatalf("taken for %q", aud)
			}
		default:
			t.Fatalf("taken for %v", aud)
		}
	})
}

// repeated returns a member name that an object of the document has twice.
func repeated(doc []byte) string {
	dec := json.NewDecoder(bytes.NewReader(doc))
	type level struct {
		object, value bool
		names         map[string]bool
	}
	var open []level
	for {
		token, err := dec.Token()
		if err != nil {
			return ""
		}
		top := len(open) - 1
		delim, isDelim := token.(json.Delim)
		switch {
		case isDelim && (delim == '}' || delim == ']'):
			open = open[:top]
			continue
		case top >= 0 && open[top].object && !open[top].value:
			name, _ := token.(string)
			if open[top].names[name] {
				return name
			}
			open[top].names[name] = true
			open[top].value = true
			continue
		case top >= 0:
			open[top].value = false
		}
		if isDelim {
			open = append(open, level{object: delim == '{', names: map[string]bool{}})
		}
	}
}

// FuzzTenantIssuer: whatever a token names as its issuer, the one that is
// taken for a tenant's is on the template's own host and path.
func FuzzTenantIssuer(f *testing.F) {
	const template = "https://login.example/{tenant}/v2.0"
	var asked string
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: template, Audience: audience, AllowTypJWT: true,
		Tenants: middleware.Tenants{Allow: func(_ context.Context, tenant string) (bool, error) {
			asked = tenant
			return true, nil
		}},
		Keys: middleware.KeySource{JWKS: marshal(f, newIssuer(f).keys...)}})
	if err != nil {
		f.Fatal(err)
	}
	defer v.Close()
	for _, iss := range []string{"https://login.example/a/v2.0", "https://login.example/a/../v2.0", "https://login.example//v2.0",
		"https://login.example/a%2f/v2.0", "https://login.example/a/b/v2.0", "https://login.example.evil/a/v2.0"} {
		f.Add(iss)
	}
	f.Fuzz(func(t *testing.T, iss string) {
		claims, err := json.Marshal(map[string]any{"iss": iss, "aud": audience, "sub": "alice", "exp": time.Now().Unix() + 60})
		if err != nil {
			t.Fatal(err)
		}
		asked = ""
		id, err := v.Verify(t.Context(), forge(t, `{"alg":"ES256","kid":"kid-ES256"}`, claims))
		if (err == nil) != (asked != "") {
			t.Fatalf("%q: asked about %q, %v", iss, asked, err)
		}
		if err != nil {
			return
		}
		u, err := url.Parse(iss)
		if err != nil || u.Scheme != "https" || u.Host != "login.example" || u.User != nil || u.RawQuery+u.Fragment != "" || u.RawPath != "" {
			t.Fatalf("taken: %q", iss)
		}
		if u.JoinPath().String() != iss || strings.Count(u.Path, "/") != 2 || id.Issuer != strings.Replace(template, "{tenant}", asked, 1) {
			t.Fatalf("taken: %q as %q", iss, asked)
		}
	})
}
