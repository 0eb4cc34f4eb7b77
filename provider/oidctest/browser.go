package oidctest

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Browser is a person with a browser: it keeps cookies and fills in the
// issuer's pages. It is not safe for concurrent use.
type Browser struct {
	// Username and Password are typed into the login page.
	Username, Password string
	// Deny answers consent pages with deny.
	Deny bool
	// Client makes the requests; it follows no redirect by itself.
	Client *http.Client
	// Seen lists the pages that were shown, by the path of their form.
	Seen []string
	// Posted is what the last Authorize would have posted to the address that it
	// returned; nil where the issuer answered with a redirect.
	Posted url.Values

	origin string
}

// NewBrowser returns a browser without cookies, of the user Username.
func (s *Server) NewBrowser(tb testing.TB) *Browser {
	tb.Helper()
	return NewBrowser(tb, s.Issuer, s.http.Client())
}

// NewBrowser returns a browser without cookies, of the user Username, for an
// issuer that runs elsewhere. The requests go through a copy of client.
func NewBrowser(tb testing.TB, issuer string, client *http.Client) *Browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	u, err := url.Parse(issuer)
	if err != nil {
		tb.Fatal(err)
	}
	own := *client
	own.Jar = jar
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Browser{Username: Username, Password: Password, Client: &own, origin: u.Scheme + "://" + u.Host}
}

// maxSteps bounds a walk through pages and redirects.
const maxSteps = 20

// ErrPage is returned where the issuer shows a page that is no form: the text
// of the page is in the error.
var ErrPage = errors.New("oidctest: the issuer showed a page")

// Authorize opens an authorization URL, signs in and consents where it is
// asked, and returns the address that the issuer redirects to on another
// origin, without opening it. A form for another origin counts as such an
// answer too (OAuth 2.0 Form Post Response Mode): Posted has what it holds.
func (b *Browser) Authorize(authorizationURL string) (*url.URL, error) {
	b.Posted = nil
	res, err := b.Client.Get(authorizationURL)
	for range maxSteps {
		if err != nil {
			return nil, err
		}
		body, readErr := readAll(res)
		if readErr != nil {
			return nil, readErr
		}
		if location, err := res.Location(); err == nil {
			if !strings.HasPrefix(location.String(), b.origin+"/") {
				return location, nil
			}
			res, err = b.Client.Get(location.String())
			if err != nil {
				return nil, err
			}
			continue
		}
		if action, fields, ok := Form(body); ok && strings.Contains(action, "://") && !strings.HasPrefix(action, b.origin+"/") {
			b.Posted = fields
			return url.Parse(action)
		}
		if res, err = b.submit(res, body); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("oidctest: too many steps")
}

func readAll(res *http.Response) (string, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return string(body), err
}

var (
	formAction  = regexp.MustCompile(`(?s)<form[^>]*\saction="([^"]*)"`)
	hiddenInput = regexp.MustCompile(`(?s)<input[^>]*type="hidden"[^>]*>`)
	attribute   = regexp.MustCompile(`(name|value)="([^"]*)"`)
)

// Form returns the action and the hidden fields of a page's form.
func Form(body string) (action string, fields url.Values, ok bool) {
	m := formAction.FindStringSubmatch(body)
	if m == nil {
		return "", nil, false
	}
	fields = url.Values{}
	for _, input := range hiddenInput.FindAllString(body, -1) {
		var name, value string
		for _, a := range attribute.FindAllStringSubmatch(input, -1) {
			if a[1] == "name" {
				name = html.UnescapeString(a[2])
			} else {
				value = html.UnescapeString(a[2])
			}
		}
		fields.Set(name, value)
	}
	return html.UnescapeString(m[1]), fields, true
}

// submit fills in the form of a page and sends it.
func (b *Browser) submit(res *http.Response, body string) (*http.Response, error) {
	action, fields, ok := Form(body)
	if !ok || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d: %s", ErrPage, res.StatusCode, body)
	}
	target, err := res.Request.URL.Parse(action)
	if err != nil {
		return nil, err
	}
	b.Seen = append(b.Seen, target.Path)
	switch {
	case strings.Contains(body, `name="password"`):
		fields.Set("username", b.Username)
		fields.Set("password", b.Password)
	case strings.Contains(body, `name="account"`):
		fields.Set("account", "continue")
	case strings.Contains(body, `name="decision"`):
		fields.Set("decision", "allow")
		if b.Deny {
			fields.Set("decision", "deny")
		}
	case strings.Contains(body, `name="logout"`):
		fields.Set("logout", "yes")
	}
	return b.Client.PostForm(target.String(), fields)
}
