package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// newPasswordGrant returns an issuer whose client web may send passwords, and a
// form of one.
func newPasswordGrant(t *testing.T, configure func(*provider.Config)) (*fixture, url.Values) {
	app := webClient
	app.GrantTypes = append([]string{"password"}, app.GrantTypes...)
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{app}, Configure: func(c *provider.Config) {
		c.Legacy = &provider.Legacy{Password: &provider.PasswordGrant{}}
		if configure != nil {
			configure(c)
		}
	}})
	return f, url.Values{
		"grant_type": {"password"}, "username": {oidctest.Username}, "password": {oidctest.Password}, "scope": {"openid offline_access"},
	}
}

// RFC 6749 §4.3: whatever an app's own check says, tokens are for people there
// are, by a sub that can be told (OpenID Connect Core 1.0 §2), and with a login
// that is not to come.
func TestPasswordGrantPeople(t *testing.T) {
	for name, row := range map[string]struct {
		person oidckit.Authentication
		status int
	}{
		"somebody":           {oidckit.Authentication{Subject: oidctest.Subject, Time: time.Now().Add(-time.Hour)}, http.StatusOK},
		"without a time":     {oidckit.Authentication{Subject: oidctest.Subject}, http.StatusOK},
		"in the future":      {oidckit.Authentication{Subject: oidctest.Subject, Time: time.Now().Add(1000 * time.Hour)}, http.StatusOK},
		"nobody":             {oidckit.Authentication{}, http.StatusInternalServerError},
		"a sub with a space": {oidckit.Authentication{Subject: "a b"}, http.StatusInternalServerError},
		"a sub too long":     {oidckit.Authentication{Subject: strings.Repeat("a", 256)}, http.StatusInternalServerError},
		"somebody gone":      {oidckit.Authentication{Subject: "gone"}, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			f, form := newPasswordGrant(t, func(c *provider.Config) {
				c.Legacy.Password.CheckPassword = func(context.Context, string, string) (oidckit.Authentication, error) { return row.person, nil }
				if name == "somebody gone" {
					return
				}
				// These would be known, were they asked for.
				c.Users = everybody{provider.NewAccounts(c.Stores.Users)}
			})
			res := f.token(change(form, "scope", "openid"))
			if res.status != row.status || (res.Access != "") != (row.status == http.StatusOK) {
				t.Fatalf("%d %q", res.status, res.Error)
			}
			if res.Access == "" {
				return
			}
			at, _ := claims(t, res.ID)["auth_time"].(float64)
			if at <= 0 || int64(at) > time.Now().Unix() || name == "somebody" && int64(at) != row.person.Time.Unix() {
				t.Errorf("auth_time %v", at)
			}
		})
	}
}

// everybody are users of whatever name.
type everybody struct{ provider.Users }

func (everybody) Claims(context.Context, string) (oidckit.Claims, error) {
	return oidckit.Claims(`{}`), nil
}

// ASVS 5.0 §6.3.1: a name is protected, and wrong passwords for others do not
// lock out the app, all of whose people come from its server.
func TestPasswordGrantThrottle(t *testing.T) {
	f, form := newPasswordGrant(t, func(c *provider.Config) {
		c.ClientAddress = func(*http.Request) string { return "203.0.113.9" }
		c.Legacy.Password.CheckPassword = func(_ context.Context, name, password string) (oidckit.Authentication, error) {
			if name != oidctest.Username || password != oidctest.Password {
				return oidckit.Authentication{}, oidckit.ErrUnauthenticated
			}
			return oidckit.Authentication{Subject: oidctest.Subject}, nil
		}
	})
	for i := range 60 {
		if res := f.token(change(form, "username", fmt.Sprint("nobody-", i), "password", "wrong")); res.Error != "invalid_grant" {
			t.Fatalf("%d: %d %q", i, res.status, res.Error)
		}
	}
	if res := f.token(form); res.status != http.StatusOK {
		t.Errorf("the right password: %d %q", res.status, res.Error)
	}
	for range 10 {
		f.token(change(form, "password", "wrong"))
	}
	if res := f.token(form); res.status != http.StatusTooManyRequests || res.header.Get("Retry-After") == "" {
		t.Errorf("after ten wrong ones: %d %q", res.status, res.Error)
	}
}

// A sink that panics leaves no grant whose refresh token nobody has.
func TestSinkThatPanicsLeavesNoGrant(t *testing.T) {
	f, password := newPasswordGrant(t, func(c *provider.Config) {
		inner := c.Events
		c.Events = func(ctx context.Context, e oidckit.Event) {
			if e.Name == oidckit.EventTokenIssued {
				panic("a sink's own trouble")
			}
			inner(ctx, e)
		}
	})
	for name, form := range map[string]url.Values{"code": codeForm(f.code("scope", "openid offline_access")), "password": password} {
		req := f.newRequest(http.MethodPost, "/token", form)
		req.SetBasicAuth("web", "web-secret")
		if a := f.send(f.client, req); a.status != http.StatusInternalServerError {
			t.Errorf("%s: %d", name, a.status)
		}
		grants, err := f.op.Provider.ListGrants(t.Context(), opstore.GrantSelector{Subject: oidctest.Subject}, "", 10)
		if err != nil || len(grants) != 0 {
			t.Errorf("%s: %d grants, %v", name, len(grants), err)
		}
	}
}
