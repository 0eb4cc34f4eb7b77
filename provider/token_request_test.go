package provider_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// refusal checks an error of the token endpoint (RFC 6749 §5.2).
func (r tokenResponse) refusal(t *testing.T, status int, code string) {
	t.Helper()
	if r.status != status || r.Error != code || r.Access != "" || r.Refresh != "" || r.ID != "" {
		t.Errorf("want %d %s, got %d %s", status, code, r.status, r.body)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Pragma") != "no-cache" ||
		r.header.Get("Content-Type") != "application/json" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers: %v", r.header)
	}
	// RFC 9110 §15.5.2
	if (status == http.StatusUnauthorized) != (r.header.Get("WWW-Authenticate") != "") {
		t.Errorf("WWW-Authenticate: %q", r.header.Get("WWW-Authenticate"))
	}
}

// ATK-216 and RFC 6749 §3.2: POST with a form, and nothing else. The code
// survives whatever was malformed.
func TestATK216TokenRequestForm(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	code := f.code()
	form := codeForm(code)
	send := func(method, query, contentType, body string) tokenResponse {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, f.base+"/token"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		req.SetBasicAuth("web", "web-secret")
		return f.do(req)
	}
	const formType = "application/x-www-form-urlencoded"
	var multi bytes.Buffer
	mw := multipart.NewWriter(&multi)
	for name, values := range form {
		if err := mw.WriteField(name, values[0]); err != nil {
			t.Fatal(err)
		}
	}
	mw.Close()
	twice := func(name string) string {
		f := codeForm(code)
		f.Add(name, f.Get(name))
		return f.Encode()
	}
	for _, row := range []struct {
		clause string
		res    tokenResponse
		status int
	}{
		{"ATK-216 GET", send("GET", "?"+form.Encode(), "", ""), 405},
		{"ATK-216 GET with a body", send("GET", "", formType, form.Encode()), 405},
		{"ATK-216 PUT", send("PUT", "", formType, form.Encode()), 405},
		{"ATK-216 JSON", send("POST", "", "application/json", `{"grant_type":"authorization_code","code":"`+code+`"}`), 400},
		{"ATK-216 multipart", send("POST", "", mw.FormDataContentType(), multi.String()), 400},
		{"ATK-216 no content type", send("POST", "", "", form.Encode()), 400},
		{"ATK-216 text", send("POST", "", "text/plain", form.Encode()), 400},
		{"ATK-216 two content types", send("POST", "", formType+", application/json", form.Encode()), 400},
		{"ATK-216 parameters in the query", send("POST", "?"+form.Encode(), formType, ""), 400},
		{"ATK-216 the code in the query", send("POST", "?code="+code, formType, change(form, "code", "").Encode()), 400},
		{"ATK-216 the grant type in the query", send("POST", "?grant_type=authorization_code", formType, change(form, "grant_type", "").Encode()), 400},
		{"ATK-217 grant_type twice", send("POST", "", formType, twice("grant_type")), 400},
		{"ATK-217 code twice", send("POST", "", formType, twice("code")), 400},
		{"ATK-217 redirect_uri twice", send("POST", "", formType, twice("redirect_uri")), 400},
		{"ATK-217 code_verifier twice", send("POST", "", formType, twice("code_verifier")), 400},
		{"ATK-217 client_id twice", send("POST", "", formType, form.Encode()+"&client_id=web&client_id=web"), 400},
		{"ATK-217 10 000 parameters", send("POST", "", formType, form.Encode()+strings.Repeat("&a=", 10_000)), 400},
		{"ATK-217 2 MB", send("POST", "", formType, form.Encode()+"&x="+strings.Repeat("a", 2<<20)), 413},
		{"broken escape", send("POST", "", formType, form.Encode()+"&x=%zz"), 400},
		{"semicolon", send("POST", "", formType, form.Encode()+";x=y"), 400},
		{"grant_type missing", send("POST", "", formType, change(form, "grant_type", "").Encode()), 400},
		{"code missing", send("POST", "", formType, change(form, "code", "").Encode()), 400},
	} {
		t.Run(row.clause, func(t *testing.T) { row.res.refusal(t, row.status, "invalid_request") })
	}
	t.Run("HEAD", func(t *testing.T) {
		a := f.send(f.client, f.newRequest(http.MethodHead, "/token", nil))
		if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
			t.Errorf("%d %q", a.status, a.header.Get("Allow"))
		}
	})
	// RFC 6749 §3.2: parameters without a value count as absent, unknown ones
	// are ignored, a charset is no other type.
	res := send("POST", "?code=other", formType+"; charset=UTF-8", form.Encode()+"&unheard_of=1&scope=openid+nonsense&refresh_token=")
	if res.status != http.StatusOK || res.Scope != "openid profile email" {
		t.Errorf("after all that the code must work: %d %s", res.status, res.body)
	}
}

// ATK-218: grant types that are not there, or not for this client.
func TestATK218GrantTypes(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for _, row := range []struct {
		grant, client, code string
	}{
		{"password", "web", "unsupported_grant_type"},
		{"implicit", "web", "unsupported_grant_type"},
		{"Authorization_Code", "web", "unsupported_grant_type"},
		{"authorization_code ", "web", "unsupported_grant_type"},
		{"urn:ietf:params:oauth:grant-type:jwt-bearer", "web", "unsupported_grant_type"},
		{"urn:ietf:params:oauth:grant-type:device_code", "web", "unsupported_grant_type"},
		{"client_credentials", "other", "unauthorized_client"},
		{"client_credentials", "spa", "unauthorized_client"},
		{"authorization_code", "machine", "unauthorized_client"},
		{"refresh_token", "machine", "unauthorized_client"},
		{"refresh_token", "native", "unauthorized_client"},
	} {
		t.Run(row.grant+" by "+row.client, func(t *testing.T) {
			form := url.Values{"grant_type": {row.grant}, "username": {oidctest.Username}, "password": {oidctest.Password}, "code": {"x"}, "refresh_token": {"x"}}
			f.token(f.as(row.client, form)).refusal(t, http.StatusBadRequest, row.code)
		})
	}
}

// as adds the credentials of a client to a form, where it does not use Basic.
func (f *fixture) as(client string, form url.Values) url.Values {
	switch client {
	case "web":
		return form
	case "other":
		return change(form, "client_id", "other", "client_secret", "other-secret")
	case "machine":
		return change(form, "client_id", "machine", "client_secret", "machine-secret")
	default:
		return change(form, "client_id", client)
	}
}

// ATK-220, ATK-222, ATK-224 and RFC 6749 §2.3: one way of authentication in a
// request, the one that was registered, and the same answer to every failure.
func TestClientAuthentication(t *testing.T) {
	special := webClient
	special.ClientID, special.ClientSecret = "sp:ecial", "p:a%2Bs+s w&ö=\x00"+strings.Repeat("x", 80)
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{webClient, otherClient, publicClient, special}})
	f.watch.secrets[special.ClientSecret] = "client secret"
	basic := func(id, secret string) string {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(id, secret)
		return r.Header.Get("Authorization")
	}
	escaped := url.QueryEscape
	for _, row := range []struct {
		clause string
		auth   []string
		form   []string
		status int
		code   string
	}{
		{"basic", []string{basic("web", "web-secret")}, nil, 400, "invalid_grant"},
		{"basic, and client_id in the body", []string{basic("web", "web-secret")}, []string{"client_id", "web"}, 400, "invalid_grant"},
		{"post", nil, []string{"client_id", "other", "client_secret", "other-secret"}, 400, "invalid_grant"},
		{"none", nil, []string{"client_id", "spa"}, 400, "invalid_grant"},
		{"scheme in lower case", []string{"basic " + basic("web", "web-secret")[6:]}, nil, 400, "invalid_grant"},
		{"ATK-222 encoded", []string{basic(escaped(special.ClientID), escaped(special.ClientSecret))}, nil, 400, "invalid_grant"},
		{"ATK-222 secret not encoded", []string{basic(escaped(special.ClientID), special.ClientSecret)}, nil, 400, "invalid_grant"},
		{"ATK-224 the first 72 bytes", []string{basic(escaped(special.ClientID), escaped(special.ClientSecret[:72]))}, nil, 401, "invalid_client"},
		{"ATK-224 up to the NUL", []string{basic(escaped(special.ClientID), escaped(special.ClientSecret[:strings.Index(special.ClientSecret, "\x00")]))}, nil, 401, "invalid_client"},
		{"nothing", nil, nil, 401, "invalid_client"},
		{"unknown client", []string{basic("nobody", "web-secret")}, nil, 401, "invalid_client"},
		{"wrong secret", []string{basic("web", "guess-guess-guess")}, nil, 401, "invalid_client"},
		{"secret cut short", []string{basic("web", "web-secre")}, nil, 401, "invalid_client"},
		{"secret and more", []string{basic("web", "web-secret ")}, nil, 401, "invalid_client"},
		{"empty secret", []string{basic("web", "")}, nil, 401, "invalid_client"},
		{"empty client", []string{basic("", "web-secret")}, nil, 401, "invalid_client"},
		{"no colon", []string{"Basic d2Vi"}, nil, 401, "invalid_client"},
		{"not base64", []string{"Basic ???"}, nil, 401, "invalid_client"},
		{"no credentials", []string{"Basic"}, nil, 401, "invalid_client"},
		{"another scheme", []string{"Bearer abc"}, nil, 401, "invalid_client"},
		{"confidential without its secret", nil, []string{"client_id", "other"}, 401, "invalid_client"},
		{"registered for basic, posted", nil, []string{"client_id", "web", "client_secret", "web-secret"}, 401, "invalid_client"},
		{"registered for post, basic", []string{basic("other", "other-secret")}, nil, 401, "invalid_client"},
		{"public with a secret", nil, []string{"client_id", "spa", "client_secret", "anything"}, 401, "invalid_client"},
		{"public by basic", []string{basic("spa", "anything")}, nil, 401, "invalid_client"},
		{"RFC 7521 §4.2 assertion alone", nil, []string{"client_id", "spa", "client_assertion", "a.b.c", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, 401, "invalid_client"},
		{"ATK-220 basic and body", []string{basic("web", "web-secret")}, []string{"client_id", "web", "client_secret", "web-secret"}, 400, "invalid_request"},
		{"ATK-220 basic and a secret in the body", []string{basic("web", "web-secret")}, []string{"client_secret", "web-secret"}, 400, "invalid_request"},
		{"ATK-220 basic and assertion", []string{basic("web", "web-secret")}, []string{"client_assertion", "a.b.c"}, 400, "invalid_request"},
		{"ATK-220 secret and assertion", nil, []string{"client_id", "other", "client_secret", "other-secret", "client_assertion_type", "x"}, 400, "invalid_request"},
		{"ATK-220 client_id differs", []string{basic("web", "web-secret")}, []string{"client_id", "other"}, 400, "invalid_request"},
		{"two headers", []string{basic("web", "web-secret"), basic("web", "web-secret")}, nil, 400, "invalid_request"},
		{"ATK-217 client_secret of 10 KB", nil, []string{"client_id", "other", "client_secret", strings.Repeat("s", 10<<10)}, 401, "invalid_client"},
	} {
		t.Run(row.clause, func(t *testing.T) {
			form := change(url.Values{"grant_type": {"authorization_code"}, "code": {"unknown-unknown-unknown"}}, row.form...)
			req := f.newRequest(http.MethodPost, "/token", form)
			req.Header["Authorization"] = row.auth
			res := f.do(req)
			res.refusal(t, row.status, row.code)
			if row.code == "invalid_client" && !strings.Contains(res.body, "client authentication failed") {
				t.Errorf("the answer tells why: %s", res.body)
			}
		})
	}
}

// ATK-251 and RFC 6749 §5.1: no answer of the endpoint is cached, none tells
// of the inside.
func TestATK251TokenResponseHeaders(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	res := f.tokens()
	if res.header.Get("Cache-Control") != "no-store" || res.header.Get("Pragma") != "no-cache" || res.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", res.header)
	}
	for _, res := range []tokenResponse{
		f.token(url.Values{}), f.token(codeForm("unknown-unknown-unknown")), f.token(refreshForm("unknown-unknown-unknown")),
		f.token(f.as("nobody", url.Values{})),
	} {
		if res.header.Get("Cache-Control") != "no-store" || strings.Contains(res.body, "goroutine") || strings.Contains(res.body, ".go:") {
			t.Errorf("%v %s", res.header, res.body)
		}
	}
}
