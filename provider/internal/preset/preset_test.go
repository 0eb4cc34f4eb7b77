package preset

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

type clients map[string]string

func (c clients) Client(_ context.Context, id string) (*opstore.Client, error) {
	method, ok := c[id]
	if !ok {
		return nil, oidckit.ErrNotFound
	}
	return &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: id, TokenEndpointAuthMethod: method}}, nil
}

func newToken(t *testing.T, d Dialect) Token {
	t.Helper()
	set := opstore.NewMemory().Open("https://op.example")
	now := time.Now()
	auth := opstore.Authorization{GrantID: "g", Subject: "alice", Scope: oidckit.Scope{"openid", "email"}}
	code := &opstore.Code{Hash: oidckit.HashToken("the-code"), ClientID: "basic", Authorization: auth, ExpiresAt: now.Add(time.Minute), KeepUntil: now.Add(time.Hour)}
	if err := set.Codes.CreateCode(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	spent := *code
	spent.Hash = oidckit.HashToken("spent")
	if err := set.Codes.CreateCode(t.Context(), &spent); err != nil {
		t.Fatal(err)
	}
	if _, err := set.Codes.ConsumeCode(t.Context(), spent.Hash); err != nil {
		t.Fatal(err)
	}
	g := &opstore.Grant{ID: "g", ClientID: "post", Authorization: auth, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	first := &opstore.RefreshToken{Hash: oidckit.HashToken("the-refresh-token"), ExpiresAt: now.Add(time.Hour)}
	if err := set.Grants.CreateGrant(t.Context(), g, first); err != nil {
		t.Fatal(err)
	}
	return Token{Dialect: d, Codes: set.Codes, Grants: set.Grants, Clients: clients{
		"basic": oidckit.AuthMethodClientSecretBasic, "post": oidckit.AuthMethodClientSecretPost, "a b": oidckit.AuthMethodClientSecretBasic,
	}}
}

// seen is the request that a strict endpoint gets, as text.
func seen(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	out := form.Encode()
	if id, secret, ok := r.BasicAuth(); ok {
		out += " Basic " + id + ":" + secret
	}
	if r.URL.RawQuery != "" {
		out += " query " + r.URL.RawQuery
	}
	return out
}

func TestToken(t *testing.T) {
	for _, row := range []struct {
		name                string
		dialect             Dialect
		query, body, header string
		want                string
	}{
		{"A2 redirect_url", MiniOrange, "", "redirect_url=x&grant_type=y", "", "grant_type=y&redirect_uri=x"},
		{"A2 both, equal", MiniOrange, "", "redirect_url=x&redirect_uri=x", "", "redirect_uri=x"},
		{"A2 both, different", MiniOrange, "", "redirect_url=x&redirect_uri=y", "", "invalid_request"},
		{"redirect_url elsewhere", Signicat, "", "redirect_url=x", "", "redirect_url=x"},
		{"A2 the scope of the code", MiniOrange, "", "grant_type=authorization_code&code=the-code&scope=openid/Email", "", "code=the-code&grant_type=authorization_code&scope=openid+email"},
		{"A2 more than the code's", MiniOrange, "", "redirect_url=x&grant_type=authorization_code&code=the-code&scope=openid+profile", "", "invalid_scope"},
		{"A2 both secrets, more than the code's", MiniOrange, "", "grant_type=authorization_code&code=the-code&scope=profile&client_id=basic&client_secret=s", "basic:s", "invalid_scope"},
		{"RFC 6749 §2.3.1 a secret elsewhere, no scope is looked at", MiniOrange, "", "grant_type=authorization_code&code=the-code&scope=profile&client_id=basic&client_secret=s", "", "client_id=basic&code=the-code&grant_type=authorization_code&scope=profile Basic basic:s"},
		{"A2 slashes, more than the code's", MiniOrange, "", "grant_type=authorization_code&code=the-code&scope=openid/profile", "", "invalid_scope"},
		{"RFC 6749 §4.1.3 in standard form, no scope is looked at", MiniOrange, "", "grant_type=authorization_code&code=the-code&scope=openid+profile", "", "code=the-code&grant_type=authorization_code&scope=openid+profile"},
		{"A2 an unknown code is for the endpoint", MiniOrange, "", "grant_type=authorization_code&code=x&scope=profile", "", "code=x&grant_type=authorization_code&scope=profile"},
		{"A2 body, registered for the header", MiniOrange, "", "client_id=basic&client_secret=s", "", "client_id=basic Basic basic:s"},
		{"A2 header, registered for the body", MiniOrange, "", "", "post:s", "client_id=post&client_secret=s"},
		{"A2 where they belong", MiniOrange, "", "client_id=post&client_secret=s", "", "client_id=post&client_secret=s"},
		{"A2 both, for the endpoint", MiniOrange, "", "client_id=basic&client_secret=s", "basic:s", "client_id=basic&client_secret=s Basic basic:s"},
		{"an unknown client, for the endpoint", MiniOrange, "", "client_id=x&client_secret=s", "", "client_id=x&client_secret=s"},
		{"RFC 6749 §2.3.1 encoded in the header", MiniOrange, "", "client_id=a+b&client_secret=s%25", "", "client_id=a+b Basic a+b:s%25"},
		{"no query here", MiniOrange, "code=x", "grant_type=y", "", "grant_type=y"},
		{"repeated", MiniOrange, "", "scope=a&scope=b", "", "invalid_request"},
		{"a scope that is an address", MiniOrange, "", "scope=https%3A%2F%2Fapi.example%2Fread", "", "scope=https%3A%2F%2Fapi.example%2Fread"},

		{"B2 the query alone", Signicat, "grant_type=authorization_code&code=the-code&redirect_uri=r&client_secret=s", "", "", "client_id=basic&code=the-code&grant_type=authorization_code&redirect_uri=r Basic basic:s"},
		{"B2 more than the code's", Signicat, "grant_type=authorization_code&code=the-code&client_secret=s&scope=profile", "", "", "invalid_scope"},
		{"B2 no secret, nobody is named", Signicat, "grant_type=authorization_code&code=the-code&scope=profile", "", "", "code=the-code&grant_type=authorization_code&scope=profile"},
		{"B2 the client of a spent code", Signicat, "grant_type=authorization_code&code=spent&client_secret=s", "", "", "client_id=basic&code=spent&grant_type=authorization_code Basic basic:s"},
		{"B2 the client of a refresh token", Signicat, "grant_type=refresh_token&refresh_token=the-refresh-token&client_secret=s", "", "", "client_id=post&client_secret=s&grant_type=refresh_token&refresh_token=the-refresh-token"},
		{"B2 query and body", Signicat, "grant_type=x", "code=y", "", "code=y&grant_type=x"},
		{"B2 the same in both", Signicat, "grant_type=x", "grant_type=x", "", "invalid_request"},
		{"B2 repeated in the query", Signicat, "grant_type=x&grant_type=x", "", "", "invalid_request"},
		{"B2 another client_id stays", Signicat, "grant_type=authorization_code&code=the-code&client_id=post&client_secret=s", "", "", "client_id=post&client_secret=s&code=the-code&grant_type=authorization_code"},
		{"B2 an unknown code names nobody", Signicat, "grant_type=authorization_code&code=x&client_secret=s", "", "", "client_secret=s&code=x&grant_type=authorization_code"},
		{"B2 the header names the client", Signicat, "grant_type=authorization_code&code=the-code", "", "post:s", "client_id=post&client_secret=s&code=the-code&grant_type=authorization_code"},
	} {
		var body io.Reader
		if row.body != "" || !row.dialect.Query {
			body = strings.NewReader(row.body)
		}
		r := httptest.NewRequest(http.MethodPost, "/token?"+row.query, body)
		if body != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if id, secret, ok := strings.Cut(row.header, ":"); ok {
			r.SetBasicAuth(id, secret)
		}
		got := ""
		tok := newToken(t, row.dialect)
		err := tok.Wrap(func(_ http.ResponseWriter, r *http.Request) error {
			got = seen(r)
			// Only who has proved to be the code's client comes to spend it.
			if strings.Contains(got, "the-code") && !strings.Contains(row.name, "nobody") {
				_, err := Codes{tok.Codes}.ConsumeCode(r.Context(), oidckit.HashToken("the-code"))
				return err
			}
			return nil
		})(httptest.NewRecorder(), r)
		if e, ok := errors.AsType[*oidckit.Error](err); ok {
			got = string(e.Code)
		}
		if got != row.want {
			t.Errorf("%s:\ngot  %s\nwant %s", row.name, got, row.want)
		}
	}
}

func TestAuthorize(t *testing.T) {
	for _, row := range []struct {
		name    string
		dialect Dialect
		query   string
		want    string
	}{
		{"A1 split at slashes", MiniOrange, "scope=email/profile", "scope=email+profile"},
		{"A1 as the table prints it", MiniOrange, "scope=openid%2F+email%2F+profile", "scope=openid+email+profile"},
		{"A1 a plus", MiniOrange, "scope=email+profile", "scope=email+profile"},
		{"A12 Profile", MiniOrange, "scope=openid+Profile", "scope=openid+profile"},
		{"a scope of the app's own keeps its case", MiniOrange, "scope=User.Read", "scope=User.Read"},
		{"a scope of the issuer's with a slash", MiniOrange, "scope=openid+api%2Fread", "scope=openid+api%2Fread"},
		{"a scope of the issuer's with a standard one in it", MiniOrange, "scope=email%2Fread+Email", "scope=email%2Fread+email"},
		{"nobody's scope with a slash", MiniOrange, "scope=api%2Fwrite+openid", "scope=api%2Fwrite+openid"},
		{"in standard form, byte for byte", MiniOrange, "scope=openid++openid", "scope=openid++openid"},
		{"an address beside others", MiniOrange, "scope=openid%2Femail+https%3A%2F%2Fa.example%2Femail", "scope=openid+email+https%3A%2F%2Fa.example%2Femail"},
		{"A1 state stays", MiniOrange, "state=https%3A%2F%2Fapp.example%2Fpage%3Fa%3D%20b%2Bc%FF", "state=https%3A%2F%2Fapp.example%2Fpage%3Fa%3D+b%2Bc%FF"},
		{"repeated is for the endpoint", MiniOrange, "scope=a%2Fb&scope=c", "scope=a%2Fb&scope=c"},
		{"B4 id token token", Signicat, "response_type=id+token+token", "response_type=id_token+token"},
		{"B4 code", Signicat, "response_type=code", "response_type=code"},
		{"B4 not in the other dialect", MiniOrange, "response_type=id+token+token", "response_type=id+token+token"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "/authorize?"+row.query, nil)
			if method == http.MethodPost {
				r = httptest.NewRequest(method, "/authorize", strings.NewReader(row.query))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			got := ""
			d := row.dialect
			d.Scopes = []string{"openid", "api/read", "email/read", "api", "read"}
			err := d.Authorize(func(w http.ResponseWriter, r *http.Request) error {
				p, err := wire.AnyQuery(r)
				if r.Method == http.MethodPost {
					p, err = wire.AnyForm(w, r)
				}
				got = url.Values(p).Encode()
				return err
			})(httptest.NewRecorder(), r)
			if err != nil || got != row.want {
				t.Errorf("%s %s: %s %v", row.name, method, got, err)
			}
		}
	}
}

// A8: the documented bodies, word for word.
func TestRevoke(t *testing.T) {
	down := errors.New("the store is down")
	v := Revoke{End: func(_ context.Context, token string) error {
		return map[string]error{"live": nil, "down": down}[token]
	}}
	end := v.End
	v.End = func(ctx context.Context, token string) error {
		if token != "live" && token != "down" {
			return oidckit.NewError(oidckit.InvalidToken, "expired")
		}
		return end(ctx, token)
	}
	for _, row := range []struct {
		headers []string
		status  int
		body    string
	}{
		{[]string{"Bearer live"}, 200, `{"message":"Token has been revoked successfully.","status":"SUCCESS"}`},
		{[]string{"bearer live"}, 200, `{"message":"Token has been revoked successfully.","status":"SUCCESS"}`},
		{[]string{"Bearer stale"}, 401, `{"message":"Access token is either invalid or expired.","status":"FAILED"}`},
		{[]string{"Basic live"}, 401, `{"message":"Access token is either invalid or expired.","status":"FAILED"}`},
		{[]string{"Bearer live", "Bearer live"}, 401, `{"message":"Access token is either invalid or expired.","status":"FAILED"}`},
		{nil, 401, `{"message":"Access token is either invalid or expired.","status":"FAILED"}`},
	} {
		r := httptest.NewRequest(http.MethodGet, "/revoke", nil)
		r.Header["Authorization"] = row.headers
		w := httptest.NewRecorder()
		if err := v.Serve(w, r); err != nil || w.Code != row.status || strings.TrimSpace(w.Body.String()) != row.body {
			t.Errorf("%v: %d %s %v", row.headers, w.Code, w.Body, err)
		}
		if row.status == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%v: no challenge", row.headers)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/revoke", nil)
	r.Header.Set("Authorization", "Bearer down")
	if err := v.Serve(httptest.NewRecorder(), r); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
}
