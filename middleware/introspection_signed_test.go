package middleware_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
)

// ATK-158: signed answers that are another's, of another kind, or altered.
func TestSignedIntrospectionAnswers(t *testing.T) {
	i := newIntrospector(t)
	now := time.Now().Unix()
	answer := i.active()
	claims := func(member, value string) string {
		m := map[string]string{"iss": fmt.Sprintf("%q", i.URL), "aud": fmt.Sprintf("%q", apiClientID), "iat": fmt.Sprint(now), "token_introspection": answer}
		m[member] = value
		var parts []string
		for k, v := range m {
			if v != "" {
				parts = append(parts, fmt.Sprintf("%q:%s", k, v))
			}
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	sign := func(typ, doc string) string {
		token, err := i.signer.Sign(typ, []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const typ = "token-introspection+jwt"
	good := sign(typ, claims("", ""))
	head, rest, _ := strings.Cut(good, ".")
	payload, _, _ := strings.Cut(rest, ".")
	active := func(v string) string { return sign(typ, claims("token_introspection", v)) }
	for _, row := range []struct{ name, answer, mediaType, reason string }{
		{"ATK-158 typ JWT", sign("JWT", claims("", "")), mediaTypeJWT, "typ"},
		{"ATK-158 typ at+jwt", sign("at+jwt", claims("", "")), mediaTypeJWT, "typ"},
		{"ATK-158 no typ", sign("", claims("", "")), mediaTypeJWT, "typ"},
		{"ATK-158 iss", sign(typ, claims("iss", `"https://other.example"`)), mediaTypeJWT, "iss"},
		{"ATK-158 no iss", sign(typ, claims("iss", "")), mediaTypeJWT, "iss"},
		{"ATK-158 aud", sign(typ, claims("aud", `"another api"`)), mediaTypeJWT, "aud"},
		{"ATK-158 aud, a list", sign(typ, claims("aud", `["another api"]`)), mediaTypeJWT, "aud"},
		{"ATK-158 no aud", sign(typ, claims("aud", "")), mediaTypeJWT, "aud"},
		{"no iat", sign(typ, claims("iat", "")), mediaTypeJWT, "iat"},
		{"iat an hour ago", sign(typ, claims("iat", fmt.Sprint(now-3600))), mediaTypeJWT, "iat"},
		{"iat ahead", sign(typ, claims("iat", fmt.Sprint(now+3600))), mediaTypeJWT, "iat"},
		{"exp passed", sign(typ, claims("exp", fmt.Sprint(now-3600))), mediaTypeJWT, "exp"},
		{"no answer in it", sign(typ, claims("token_introspection", "")), mediaTypeJWT, "token_introspection"},
		{"an answer that is text", active(`"{}"`), mediaTypeJWT, "token_introspection"},
		{"ATK-037 two answers in it", sign(typ, claims("token_introspection", `{"active":false},"token_introspection":`+answer)), mediaTypeJWT, "twice"},
		{"ATK-001 alg none", b64([]byte(`{"alg":"none","typ":"`+typ+`"}`)) + "." + payload + ".AAAA", mediaTypeJWT, "alg"},
		{"another algorithm", b64([]byte(`{"alg":"ES384","typ":"`+typ+`"}`)) + "." + payload + ".AAAA", mediaTypeJWT, "alg"},
		{"another key", strings.Replace(good, head, b64([]byte(`{"alg":"ES256","kid":"other","typ":"`+typ+`"}`)), 1), mediaTypeJWT, "key"},
		{"payload altered", head + "." + b64([]byte(claims("token_introspection", i.active(map[string]any{"sub": "mallory"})))) + good[strings.LastIndexByte(good, '.'):],
			mediaTypeJWT, "signature"},
		{"signature cut off", head + "." + payload + ".", mediaTypeJWT, "signed answer"},
		{"a plain answer", answer, "application/json", "RequireSignedAnswers"},
		{"a plain answer that says it is signed", answer, mediaTypeJWT, "signed answer"},
		{"a signed answer of another type", good, "application/jwt", "RequireSignedAnswers"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) { c.RequireSignedAnswers, c.SignedAnswerAlg = true, "ES256" })
			say := func(mediaType, answer string) {
				i.play(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", mediaType)
					w.Write([]byte(answer))
				})
			}
			say(row.mediaType, row.answer)
			g.wantUnchecked(t, g.get("Bearer "+goodToken), row.reason)
			say(mediaTypeJWT, good)
			g.wantServed(t, g.get("Bearer "+goodToken))
			say(mediaTypeJWT, active(`{"active":false}`))
			g.wantRefused(t, g.get("Bearer another"), 401, "invalid_token")
		})
	}
	t.Run("asked for, and not answered so", func(t *testing.T) {
		g, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) { c.AskSignedAnswers = true })
		i.play(nil)
		g.wantServed(t, g.get("Bearer "+goodToken))
	})
	t.Run("made out to the resource", func(t *testing.T) {
		g, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) {
			c.AskSignedAnswers, c.SignedAnswerAlg, c.SignedAnswerAudience, c.Keys.JWKSURI = true, "ES256", audience, i.URL+"/keys"
		})
		i.play(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaTypeJWT)
			fmt.Fprint(w, sign("application/"+typ, claims("aud", fmt.Sprintf("[%q]", audience))))
		})
		g.wantServed(t, g.get("Bearer "+goodToken))
	})
}

// A signed answer without a kid is checked with the key that has taken the
// place of the last one, and with none that names another issuer.
func TestSignedAnswersAfterAReplacedKey(t *testing.T) {
	i := newIntrospector(t)
	answerOf := func(signer *jose.Signer) {
		doc := fmt.Sprintf(`{"iss":%q,"aud":%q,"iat":%d,"token_introspection":%s}`, i.URL, apiClientID, time.Now().Unix(), i.active())
		token, err := signer.Sign("token-introspection+jwt", []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		i.play(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaTypeJWT)
			fmt.Fprint(w, token)
		})
	}
	newSigner := func() *jose.Signer {
		key, err := jose.GenerateKey("ES256")
		if err != nil {
			t.Fatal(err)
		}
		s, err := jose.NewSigner("ES256", "", key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	signed := func(c *middleware.IntrospectionConfig) { c.RequireSignedAnswers, c.SignedAnswerAlg = true, "ES256" }
	first, second, stranger := newSigner(), newSigner(), newSigner()

	i.signer = first
	answerOf(first)
	g, _ := newIntrospectedAPI(t, i, signed)
	g.wantServed(t, g.get("Bearer "+goodToken))
	i.signer = second
	answerOf(second)
	g.wantServed(t, g.get("Bearer after-it"))
	answerOf(stranger)
	g.wantUnchecked(t, g.get("Bearer by-a-stranger"), "signature")

	for issuer, served := range map[string]bool{i.URL: true, "https://other.example": false} {
		g, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) {
			signed(c)
			c.Keys.JWKS = marshal(t, jose.JWK{Issuer: issuer, Algorithm: "ES256", Use: "sig", Key: second.Public()})
		})
		answerOf(second)
		if resp := g.get("Bearer " + goodToken); served {
			g.wantServed(t, resp)
		} else {
			g.wantUnchecked(t, resp, "no key")
		}
	}
}
