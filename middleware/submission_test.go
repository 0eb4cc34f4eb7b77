package middleware_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// RFC 9110 §15.4.4: a person who sends a form without a session is sent to log
// in, without what the form held; whoever is not plainly a person is told.
func TestSubmissionWithoutSession(t *testing.T) {
	for _, row := range []struct {
		name   string
		r      *http.Request
		status int
	}{
		{"a form", request("POST", "/pay", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), 303},
		{"a form of an older browser", request("POST", "/pay", "Accept", html, "Content-Type", formType), 303},
		{"a file", request("POST", "/pay", "Accept", html, "Content-Type", "Multipart/Form-Data; boundary=x"), 303},
		{"plain text", request("POST", "/pay", "Accept", html, "Content-Type", "text/plain"), 303},
		{"another method by a router's leave", request("DELETE", "/pay", "Accept", html, "Content-Type", formType), 303},
		{"a program's form", request("POST", "/pay", "Accept", "*/*", "Content-Type", formType), 401},
		{"a program's form, and nothing said", request("POST", "/pay", "Content-Type", formType), 401},
		{"JSON", request("POST", "/pay", "Accept", html, "Content-Type", "application/json"), 401},
		{"JSON that looks like a form", request("POST", "/pay", "Accept", html, "Content-Type", formType+"+json"), 401},
		{"no content", request("DELETE", "/pay", "Accept", html), 401},
		{"a frame", request("POST", "/pay", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", html, "Content-Type", formType), 401},
		{"a mode without what it is for", request("POST", "/pay", "Sec-Fetch-Mode", "navigate", "Accept", html, "Content-Type", formType), 401},
		{"what it is for without a mode", request("POST", "/pay", "Sec-Fetch-Dest", "document", "Accept", html, "Content-Type", formType), 401},
		{"a method that changes nothing", request("OPTIONS", "/pay", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", html), 401},
		{"an upgrade", request("POST", "/pay", "Upgrade", "websocket", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.r.Body = http.NoBody
			res, text, ran := visit(middleware.RequireAuth(nobodyIn), row.r)
			if ran || res.StatusCode != row.status || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, text)
			}
			if want := "https://app.example/auth/login?return_to="; row.status == 303 && res.Header.Get("Location") != want || row.status == 401 && !strings.Contains(text, want) {
				t.Errorf("to %s: %s", res.Header.Get("Location"), text)
			}
		})
	}
}

// The page that a form was on is come back to where it is of this origin and
// local (ATK-096), whatever a client says of it.
func TestSubmissionReturnsToItsPage(t *testing.T) {
	const here = "https://app.example"
	for _, row := range []struct {
		name, referer, origin, site string
		want                        string
	}{
		{"its page, by the browser's word", here + "/cart?x=%2Fa", here, "same-origin", "/cart?x=%2Fa"},
		{"its page behind a proxy that has changed Host", "https://shop.example/cart", "https://shop.example", "same-origin", "/cart"},
		{"its page, by Host", here + "/cart", here, "", "/cart"},
		{"no Origin", here + "/cart", "", "", "/cart"},
		{"Host in capitals", "https://APP.example/cart", "", "", "/cart"},
		{"a TLS proxy in front", "http://app.example/cart", "", "", "/cart"},
		{"an origin without a page", here, here, "same-origin", "/"},
		{"a fragment", here + "/cart#x", here, "same-origin", "/cart"},
		{"none", "", here, "same-origin", ""},
		{"another site", "https://evil.example/cart", "https://evil.example", "cross-site", ""},
		{"another site, by Host", "https://evil.example/cart", "https://evil.example", "", ""},
		{"another site's word against its own", "https://evil.example/cart", here, "", ""},
		{"this page in another site's request", here + "/cart", "https://evil.example", "", ""},
		{"a subdomain", "https://evil.app.example/cart", "", "same-site", ""},
		{"this page, and the browser says no", here + "/cart", here, "same-site", ""},
		{"this page, from nowhere", here + "/cart", here, "none", ""},
		{"a sandbox", here + "/cart", "null", "", ""},
		{"another port", "https://app.example:8443/cart", "", "", ""},
		{"Host as user information", "https://app.example@evil.example/cart", "", "", ""},
		{"user information", "https://a:b@app.example/cart", "", "", ""},
		{"two slashes", here + "//evil.example/", here, "same-origin", ""},
		{"an encoded slash", here + "/%2Fevil.example/", here, "same-origin", ""},
		{"a backslash", here + `/\evil.example/`, here, "same-origin", ""},
		{"dot segments", here + "/a/..//evil.example", here, "same-origin", ""},
		{"a line break", here + "/%0d%0aX:y", here, "same-origin", ""},
		{"no host", "/cart", "", "", ""},
		{"no scheme", "//app.example/cart", "", "", ""},
		{"opaque", "https:cart", "", "", ""},
		{"a script", "javascript:alert(1)", "", "same-origin", ""},
		{"no URL", "https://app.example:x/cart", "", "", ""},
		{"too long", here + "/" + strings.Repeat("a", 4096), here, "same-origin", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request("POST", "http://app.example/pay?card=1", "Accept", html, "Content-Type", formType)
			for name, value := range map[string]string{"Referer": row.referer, "Origin": row.origin, "Sec-Fetch-Site": row.site} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			if row.name == "its page behind a proxy that has changed Host" {
				r.Host = "10.0.0.7:8080"
			}
			if got := returnsTo(t, middleware.RequireAuth(nobodyIn), r); got != row.want {
				t.Errorf("returns to %q, want %q", got, row.want)
			}
		})
	}
	// Of two values none is believed.
	for _, name := range []string{"Referer", "Origin", "Sec-Fetch-Site"} {
		r := request("POST", "http://app.example/pay", "Accept", html, "Content-Type", formType, "Referer", here+"/cart", "Origin", here, "Sec-Fetch-Site", "same-origin")
		r.Header.Add(name, r.Header.Get(name))
		if got := returnsTo(t, middleware.RequireAuth(nobodyIn), r); got != "" {
			t.Errorf("two of %s: returns to %q", name, got)
		}
	}
}

func returnsTo(t *testing.T, guard func(http.Handler) http.Handler, r *http.Request) string {
	t.Helper()
	res, _, ran := visit(guard, r)
	to, err := url.Parse(res.Header.Get("Location"))
	if ran || res.StatusCode != http.StatusSeeOther || err != nil || to.Host != "app.example" || to.Path != "/auth/login" {
		t.Fatalf("%d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	return to.Query().Get("return_to")
}

// RFC 9470 §4: a page comes back with its query from a stronger login, a form to
// the page that it was on; a script is told.
func TestStepUpComesBack(t *testing.T) {
	guard := func(next http.Handler) http.Handler {
		return middleware.RequireAuth(aliceIn)(middleware.StepUp{ACRValues: []string{"gold"}, MaxAge: time.Hour}.Require(next))
	}
	form := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Referer", "https://app.example/cart?x=1"}
	for _, row := range []struct {
		r        *http.Request
		status   int
		returnTo string
	}{
		{request("GET", "/pay?x=1&y=%2F", "Accept", html), 302, "/pay?x=1&y=%2F"},
		{request("POST", "/pay?x=2", form...), 303, "/cart?x=1"},
		{request("POST", "/pay", "Accept", "application/json", "Content-Type", "application/json"), 401, ""},
	} {
		res, text, ran := visit(guard, row.r)
		to, err := url.Parse(res.Header.Get("Location"))
		if err != nil || ran || res.StatusCode != row.status || to.Query().Get("return_to") != row.returnTo {
			t.Errorf("%s: %d to %s", row.r.Method, res.StatusCode, res.Header.Get("Location"))
		}
		if q := to.Query(); row.status != 401 && (q.Get("acr") != "gold" || q.Get("max_age") == "") || row.status == 401 && !strings.Contains(text, `"insufficient_user_authentication"`) {
			t.Errorf("%s: asks for %v %s", row.r.Method, q, text)
		}
	}
}

// What a form held is neither read nor passed on.
func TestSubmissionIsNotReplayed(t *testing.T) {
	r := httptest.NewRequest("POST", "/pay", strings.NewReader("card=canary"))
	r.Header.Set("Content-Type", formType)
	r.Header.Set("Accept", html)
	res, text, _ := visit(middleware.RequireAuth(nobodyIn), r)
	if strings.Contains(res.Header.Get("Location")+text, "canary") {
		t.Errorf("to %s: %s", res.Header.Get("Location"), text)
	}
	if left, err := io.ReadAll(r.Body); err != nil || string(left) != "card=canary" {
		t.Errorf("%d bytes of the form are left", len(left))
	}
}
