package handlers_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

const issuerLink = `{"rel":"http://openid.net/specs/connect/1.0/issuer","href":"https://id.example/t-1"}`

// fingerHost answers WebFinger with a document.
type fingerHost struct {
	*httptest.Server
	asked  atomic.Pointer[http.Request]
	answer func(w http.ResponseWriter, r *http.Request)
}

func newFingerHost(t *testing.T) *fingerHost {
	t.Helper()
	f := &fingerHost{}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Store(r)
		f.answer(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fingerHost) host() string { return strings.TrimPrefix(f.URL, "https://") }

// local may call this host, which is on loopback and signs for itself.
func (f *fingerHost) local() handlers.Outbound {
	roots := x509.NewCertPool()
	roots.AddCert(f.Certificate())
	return handlers.Outbound{AllowLoopback: true, RootCAs: roots}
}

func (f *fingerHost) says(status int, mediaType, body string) {
	f.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// OpenID Connect Discovery 1.0 §2, RFC 7033 §4: the host of an identifier says
// who its issuer is.
func TestFindIssuer(t *testing.T) {
	f := newFingerHost(t)
	f.says(200, "application/jrd+json", `{"subject":"acct:x","links":[{"rel":"other","href":"x"},`+issuerLink+`]}`)
	for identifier, resource := range map[string]string{
		"acct:joe@" + f.host():           "acct:joe@" + f.host(),
		f.URL + "/joe":                   f.URL + "/joe",
		f.host():                         f.URL + "/",
		"acct:a%40b.example@" + f.host(): "acct:a%40b.example@" + f.host(),
	} {
		issuer, err := handlers.FindIssuer(t.Context(), handlers.FindIssuerRequest{Identifier: identifier, Outbound: f.local()})
		if err != nil || issuer != "https://id.example/t-1" {
			t.Errorf("%s: %s %v", identifier, issuer, err)
		}
		r := f.asked.Load()
		if want := (url.Values{"resource": {resource}, "rel": {"http://openid.net/specs/connect/1.0/issuer"}}).Encode(); r.URL.Path != "/.well-known/webfinger" || r.URL.RawQuery != want || r.Method != http.MethodGet {
			t.Errorf("%s: asked %s %s", identifier, r.Method, r.URL)
		}
	}
}

// RFC 7033 §4.4, FLT-07, FLT-08: a document names an issuer in one way or not
// at all.
func TestFindIssuerAnsweredWrongly(t *testing.T) {
	f := newFingerHost(t)
	const jrd = "application/jrd+json"
	link := func(href string) string {
		return `{"links":[{"rel":"http://openid.net/specs/connect/1.0/issuer","href":"` + href + `"}]}`
	}
	for name, row := range map[string]struct {
		status          int
		mediaType, body string
		want            error
	}{
		"nobody there":              {404, jrd, `{}`, oidckit.ErrNotFound},
		"no links":                  {200, jrd, `{}`, oidckit.ErrNotFound},
		"another relation":          {200, jrd, `{"links":[{"rel":"avatar","href":"https://id.example"}]}`, oidckit.ErrNotFound},
		"status 500":                {500, jrd, `{"links":[` + issuerLink + `]}`, oidckit.TemporarilyUnavailable},
		"HTML":                      {200, "text/html", `{"links":[` + issuerLink + `]}`, oidckit.TemporarilyUnavailable},
		"no JSON":                   {200, jrd, `{"links":[` + issuerLink, oidckit.TemporarilyUnavailable},
		"links twice":               {200, jrd, `{"links":[` + issuerLink + `],"links":[]}`, oidckit.TemporarilyUnavailable},
		"href twice":                {200, jrd, `{"links":[{"rel":"x","href":"a","href":"b"}]}`, oidckit.TemporarilyUnavailable},
		"links are an object":       {200, jrd, `{"links":` + issuerLink + `}`, oidckit.TemporarilyUnavailable},
		"a link is a text":          {200, jrd, `{"links":["x"]}`, oidckit.TemporarilyUnavailable},
		"no href":                   {200, jrd, `{"links":[{"rel":"http://openid.net/specs/connect/1.0/issuer"}]}`, oidckit.TemporarilyUnavailable},
		"an issuer on http":         {200, jrd, link("http://id.example"), oidckit.TemporarilyUnavailable},
		"an issuer on loopback":     {200, jrd, link("http://127.0.0.1:80"), oidckit.TemporarilyUnavailable},
		"an issuer with a query":    {200, jrd, link("https://id.example?x"), oidckit.TemporarilyUnavailable},
		"an issuer with a fragment": {200, jrd, link("https://id.example#x"), oidckit.TemporarilyUnavailable},
		"an issuer with a user":     {200, jrd, link("https://id.example@evil.example"), oidckit.TemporarilyUnavailable},
		"too large":                 {200, jrd, `{"links":[` + issuerLink + `]}` + strings.Repeat(" ", 70<<10), oidckit.TemporarilyUnavailable},
	} {
		f.says(row.status, row.mediaType, row.body)
		issuer, err := handlers.FindIssuer(t.Context(), handlers.FindIssuerRequest{Identifier: "acct:canary@" + f.host(), Outbound: f.local()})
		if issuer != "" || !errors.Is(err, row.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %s %v", name, issuer, err)
		}
	}
	elsewhere := newFingerHost(t)
	elsewhere.says(200, jrd, `{"links":[`+issuerLink+`]}`)
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.RequestURI(), http.StatusFound)
	}
	if _, err := handlers.FindIssuer(t.Context(), handlers.FindIssuerRequest{Identifier: f.host(), Outbound: f.local()}); !errors.Is(err, oidckit.TemporarilyUnavailable) || elsewhere.asked.Load() != nil {
		t.Errorf("a redirect: %v", err)
	}
}

// OWASP ASVS 5.0 15.3.2: what somebody types does not lead into the operator's
// network, and what is no identifier leads nowhere.
func TestFindIssuerGuardsAddresses(t *testing.T) {
	f := newFingerHost(t)
	f.says(200, "application/json", `{"links":[`+issuerLink+`]}`)
	strict := f.local()
	strict.AllowLoopback = false
	for _, identifier := range []string{f.host(), "acct:joe@" + f.host(), "localhost" + f.host()[strings.LastIndexByte(f.host(), ':'):], "169.254.169.254", "10.0.0.1", "joe@[::1]:1"} {
		issuer, err := handlers.FindIssuer(t.Context(), handlers.FindIssuerRequest{Identifier: identifier, Outbound: strict})
		if issuer != "" || !errors.Is(err, oidckit.TemporarilyUnavailable) && !errors.Is(err, oidckit.InvalidRequest) {
			t.Errorf("%s: %s %v", identifier, issuer, err)
		}
	}
	if r := f.asked.Load(); r != nil {
		t.Errorf("asked %s", r.URL)
	}
	for _, identifier := range []string{"", "=xri", "http://" + f.host(), "joe@x@" + f.host(), "ca nary"} {
		_, err := handlers.FindIssuer(t.Context(), handlers.FindIssuerRequest{Identifier: identifier, Outbound: f.local()})
		if !errors.Is(err, oidckit.InvalidRequest) || strings.Contains(err.Error(), "nary") {
			t.Errorf("%q: %v", identifier, err)
		}
	}
}
