package middleware_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

func TestIntrospectedIdentity(t *testing.T) {
	i := newIntrospector(t)
	_, v := newIntrospectedAPI(t, i, nil)
	now := time.Now().Unix()
	i.answer(goodToken, i.active(map[string]any{"iat": now - 5, "exp": now + 50, "auth_time": now - 9, "aud": []string{"https://other.example", audience}}))
	id, err := v.Verify(t.Context(), goodToken)
	if err != nil {
		t.Fatal(err)
	}
	claims := id.Claims
	if claims.Text("username") != "alice@example.com" || !claims.Bool("active") {
		t.Errorf("claims %s", claims)
	}
	got := *id
	got.Claims = nil
	want := oidckit.Identity{Issuer: i.URL, Subject: "alice", ClientID: "webapp", TokenID: "t-1", SessionID: "s-1", ACR: "gold", AMR: []string{"pwd", "otp"},
		Audience: []string{"https://other.example", audience}, Scope: oidckit.Scope{"openid", "orders:read"},
		IssuedAt: time.Unix(now-5, 0), ExpiresAt: time.Unix(now+50, 0), AuthTime: time.Unix(now-9, 0)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("identity %+v\nwant %+v", got, want)
	}
}

// RFC 7662 §2.2: all but active is optional; what tokens are refused for all
// the same can be allowed by name.
func TestIntrospectionOptionalMembers(t *testing.T) {
	i := newIntrospector(t)
	i.answer("bare", `{"active":true}`)
	strict, _ := newIntrospectedAPI(t, i, nil)
	strict.wantRefused(t, strict.get("Bearer bare"), 401, "invalid_token")
	log, event := strict.reported()
	strict.wantReason(t, log, event, "aud")
	if !strings.Contains(log, "IntrospectionConfig.AllowMissingAudience") {
		t.Errorf("the log names no setting: %s", log)
	}

	noSubject, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) { c.AllowMissingAudience = true })
	noSubject.wantRefused(t, noSubject.get("Bearer bare"), 401, "invalid_token")
	log, event = noSubject.reported()
	noSubject.wantReason(t, log, event, "sub")

	lenient := func(c *middleware.IntrospectionConfig) { c.AllowMissingAudience, c.AllowMissingSubject = true, true }
	g, v := newIntrospectedAPI(t, i, lenient)
	g.wantServed(t, g.get("Bearer bare"))
	id, err := v.Verify(t.Context(), "bare")
	if err != nil || id.Audience != nil || id.Subject != "" || !id.ExpiresAt.IsZero() || id.Issuer != i.URL {
		t.Errorf("identity %+v, %v", id, err)
	}
	// An audience that is there must be ours, allowed or not.
	i.answer("theirs", i.active(map[string]any{"aud": "https://other.example"}))
	g.wantRefused(t, g.get("Bearer theirs"), 401, "invalid_token")
}

// answered is an answer and what must come of it.
type answered struct {
	name, doc string
	// claim is what a refusal names.
	claim string
}

func TestIntrospectionRefusals(t *testing.T) {
	i := newIntrospector(t)
	g, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) { c.Cache.Disabled = true })
	now := time.Now().Unix()
	with := func(name string, value any) string { return i.active(map[string]any{name: value}) }
	for _, row := range []answered{
		{"ATK-151 false", `{"active":false}`, "active"},
		{"ATK-151 a string", with("active", "true"), "active"},
		{"ATK-151 a number", with("active", 1), "active"},
		{"ATK-151 missing", with("active", nil), "active"},
		{"ATK-151 null", strings.Replace(i.active(), `"active":true`, `"active":null`, 1), "active"},
		{"ATK-151 an array", with("active", []bool{true}), "active"},
		{"ATK-151 an object", with("active", map[string]bool{"active": true}), "active"},
		{"ATK-151 another case", strings.Replace(i.active(), `"active"`, `"Active"`, 1), "active"},
		{"ATK-151 true below", i.active(map[string]any{"active": nil, "token": map[string]bool{"active": true}}), "active"},
		{"ATK-151 an empty object", `{}`, "active"},
		{"not active, and junk besides", `{"active":false,"exp":"never","aud":7,"sub":null}`, "active"},

		{"ATK-045 prefix", with("aud", "https://api.exampl"), "aud"},
		{"ATK-045 trailing slash", with("aud", audience+"/"), "aud"},
		{"ATK-045 case", with("aud", "https://API.example"), "aud"},
		{"ATK-045 near misses in an array", with("aud", []string{audience + "/", "api.example"}), "aud"},
		{"aud missing", with("aud", nil), "aud"},
		{"aud an empty array", with("aud", []string{}), "aud"},
		{"aud partly no string", with("aud", []any{audience, 1}), "aud"},
		{"aud a list in a string", with("aud", audience+" https://other.example"), "aud"},
		{"RFC 8725 §3.8 another issuer's", with("iss", "https://other.example"), "iss"},
		{"iss with a slash", with("iss", i.URL+"/"), "iss"},
		{"iss an array", with("iss", []string{i.URL}), "iss"},
		{"sub missing", with("sub", nil), "sub"},

		{"exp passed", with("exp", now-61), "exp"},
		{"exp zero", with("exp", 0), "exp"},
		{"ATK-043 nbf ahead", with("nbf", now+62), "nbf"},
		{"ATK-043 iat an hour ahead", with("iat", now+3600), "iat"},

		{"a refresh token", with("token_type", "refresh_token"), "token_type"},
		{"a refresh token by another name", with("token_type", "Refresh"), "token_type"},
		{"an ID token", with("token_type", "ID"), "token_type"},
		{"token_type no string", with("token_type", []string{"Bearer"}), "token_type"},
		{"a refresh token by token_use", with("token_use", "refresh_token"), "token_use"},
		{"a refresh token by typ", with("typ", "Refresh"), "typ"},
		{"an ID token by token_use", with("token_use", "id"), "token_use"},
		{"a logout token", with("events", map[string]any{"x": map[string]any{}}), "events"},
		{"nonce", with("nonce", "n"), "nonce"},
		{"at_hash", with("at_hash", "h"), "at_hash"},
		{"RFC 9449 §6.2 a DPoP token bound to no key", with("token_type", "DPoP"), "cnf"},
	} {
		t.Run(row.name, func(t *testing.T) {
			i.answer("bad", row.doc)
			g.wantRefused(t, g.get("Bearer bad"), 401, "invalid_token")
			log, event := g.reported()
			g.wantReason(t, log, event, row.claim)
			g.wantServed(t, g.get("Bearer "+goodToken))
			g.reported()
		})
	}
	for name, doc := range map[string]string{
		"token_type in lower case": with("token_type", "bearer"), "token_type missing": with("token_type", nil),
		"token_type access_token": with("token_type", "access_token"), "token_use access_token": with("token_use", "access_token"),
		"typ Bearer":  with("typ", "Bearer"),
		"iss missing": with("iss", nil), "exp missing": with("exp", nil), "username null": strings.Replace(i.active(), `"alice@example.com"`, "null", 1),
		"exp passed within the leeway": with("exp", now-30), "nbf ahead within it": with("nbf", now+30),
	} {
		t.Run(name, func(t *testing.T) {
			i.answer("fine", doc)
			g.wantServed(t, g.get("Bearer fine"))
		})
	}
}

// A bound token is not refused by the verifier and not taken by a guard that
// cannot check its binding.
func TestIntrospectedBinding(t *testing.T) {
	i := newIntrospector(t)
	g, v := newIntrospectedAPI(t, i, nil)
	i.answer("bound", i.active(map[string]any{"token_type": "DPoP", "cnf": map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}))
	id, err := v.Verify(t.Context(), "bound")
	if err != nil || id.Confirmation == nil || id.Confirmation.JWKThumbprint == "" {
		t.Fatalf("identity %+v, %v", id, err)
	}
	g.wantRefused(t, g.get("Bearer bound"), 401, "invalid_token")
}

// Answers that judge no token: the client keeps its token, and the next answer
// counts.
func TestIntrospectionAnswersThatCannotBeRead(t *testing.T) {
	i := newIntrospector(t)
	g, v := newIntrospectedAPI(t, i, nil)
	twice := func(member string) string { return "{" + member + "," + i.active()[1:] }
	for _, row := range []answered{
		{"ATK-037 active twice", twice(`"active":false`), "twice"},
		{"ATK-037 active twice, escaped", twice(`"activ\u0065":false`), "twice"},
		{"ATK-037 sub twice", twice(`"sub":"mallory"`), "twice"},
		{"ATK-039 trailing bytes", i.active() + "x", "after the value"},
		{"ATK-039 BOM", "\xef\xbb\xbf" + i.active(), "not an object"},
		{"ATK-039 invalid UTF-8", strings.Replace(i.active(), "alice", "alice\xff", 1), "UTF-8"},
		{"ATK-039 lone surrogate", strings.Replace(i.active(), `"alice"`, `"alice\ud800"`, 1), "surrogate"},
		{"ATK-040 null", "null", "not an object"},
		{"ATK-040 an array", "[" + i.active() + "]", "not an object"},
		{"ATK-040 true", "true", "not an object"},
		{"ATK-040 nothing", "", "empty"},
		{"cut short", i.active()[:40], "strict JSON"},
		{"nested too deeply", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "," + i.active()[1:], "deep"},
		{"exp a string", i.active(map[string]any{"exp": "9999999999"}), "exp"},
		{"exp null", strings.Replace(i.active(map[string]any{"exp": 7}), `"exp":7`, `"exp":null`, 1), "exp"},
		{"exp 1e300", strings.Replace(i.active(map[string]any{"exp": 7}), `"exp":7`, `"exp":1e300`, 1), "exp"},
		{"sub a number", i.active(map[string]any{"sub": 7}), "sub"},
		{"sub empty", i.active(map[string]any{"sub": ""}), "sub"},
		{"cnf a string", i.active(map[string]any{"cnf": "key"}), "cnf"},
		{"more than 1 MiB", `{"pad":"` + strings.Repeat("x", 1<<20) + `",` + i.active()[1:], "too large"},
	} {
		t.Run(row.name, func(t *testing.T) {
			i.answer("odd", row.doc)
			g.wantUnchecked(t, g.get("Bearer odd"), row.claim)
			i.answer("odd", i.active())
			g.wantServed(t, g.get("Bearer odd"))
			v.Forget("odd")
		})
	}
	for name, header := range map[string]string{"HTML": "text/html", "no type": "", "a JWT": "application/jwt", "signed": mediaTypeJWT} {
		t.Run(name, func(t *testing.T) {
			i.play(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{header}
				w.Write([]byte(i.active()))
			})
			defer i.play(nil)
			g.wantUnchecked(t, g.get("Bearer typed"), "the answer is")
		})
	}
}
