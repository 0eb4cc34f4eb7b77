package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// What was under way for a client that was deleted is not for the next one that
// has its client_id: not its codes, its logins or its questions.
func TestReusedClientIDWhileUnderWay(t *testing.T) {
	for _, pause := range []time.Duration{0, 2 * time.Second} {
		for name, works := range map[string]func(t *testing.T, o *operator, began *underway, next registered) bool{
			"a code": func(_ *testing.T, o *operator, began *underway, next registered) bool {
				return o.redeemAs(next, codeForm(began.code)).status == http.StatusOK
			},
			"a login": func(t *testing.T, o *operator, began *underway, _ registered) bool {
				return o.sub(t).browse(http.MethodPost, "/login", began.login).status == http.StatusSeeOther
			},
			"a login that fails": func(t *testing.T, o *operator, began *underway, _ registered) bool {
				rec := httptest.NewRecorder()
				err := o.op.Provider.FailLogin(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", nil), began.login.Get("request"), oidckit.ErrUnauthenticated)
				return err == nil && rec.Code == http.StatusSeeOther
			},
			"a question": func(_ *testing.T, o *operator, began *underway, _ registered) bool {
				return o.browse(http.MethodPost, "/consent", began.consent).status == http.StatusSeeOther
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				f := newLocalFixture(t, func(c *provider.Config) { c.ClientAdmin = &provider.ClientAdmin{Guard: operatorOnly} })
				o := &operator{f, f.op.Provider.ClientAdminHandler()}
				metadata := appMetadata("client_id", "shop", "id_token_signed_response_alg", "ES256")
				client := o.create(metadata)
				began := &underway{code: o.code("client_id", "shop", "scope", "openid offline_access")}
				_, began.consent = o.consentPage("client_id", "shop", "scope", "openid")
				_, began.login = o.sub(t).loginPage("client_id", "shop", "scope", "openid")
				began.login = change(began.login, "username", oidctest.Username, "password", oidctest.Password)
				if pause > 0 {
					if a := o.ask(http.MethodDelete, adminPath+"/shop", "", "If-Match", "*"); a.status != http.StatusNoContent {
						t.Fatal(a.status)
					}
					time.Sleep(pause)
					client = o.create(metadata)
				}
				if got, want := works(t, o, began, client), pause == 0; got != want {
					t.Errorf("%s, another client with the client_id %v: works is %v, want %v", name, pause > 0, got, want)
				}
			})
		}
	}
}

// underway is what a client has begun.
type underway struct {
	code           string
	login, consent url.Values
}
