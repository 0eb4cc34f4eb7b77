package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/wire"
)

// maxLoginHint bounds what a stranger's link may say about a person, in bytes.
const maxLoginHint = 512

// initiatedRefused is the reason where a login that another party wants to
// start is not started.
const initiatedRefused = "initiated_login_refused"

// readLogin reads what a login was asked for: by a link of our own, or by
// another party's link or form that names the issuer.
func (rp *RelyingParty) readLogin(w http.ResponseWriter, r *http.Request) (oidckit.LoginRequest, error) {
	// OpenID Connect Core 1.0 §4: GET and POST
	if r.Method == http.MethodPost {
		body, err := wire.FormBody(w, r)
		if err != nil {
			return oidckit.LoginRequest{}, refuseInitiated(err)
		}
		q, err := url.ParseQuery(body)
		if err != nil {
			return oidckit.LoginRequest{}, refuseInitiated(errors.New("the form does not parse"))
		}
		return rp.readInitiatedLogin(q)
	}
	if q, err := url.ParseQuery(r.URL.RawQuery); err == nil && q.Has("iss") {
		return rp.readInitiatedLogin(q)
	}
	return rp.readLoginRequest(r.URL.RawQuery), nil
}

// readInitiatedLogin implements OpenID Connect Core 1.0 §4. Of what a stranger
// may put into a link three parameters are read; the rest is passed over.
func (rp *RelyingParty) readInitiatedLogin(q url.Values) (oidckit.LoginRequest, error) {
	req := oidckit.LoginRequest{ReturnTo: rp.site.Base.Path + "/", LoginHint: q.Get("login_hint")}
	for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
		if len(q[name]) > 1 {
			return req, refuseInitiated(errors.New(name + " is repeated"))
		}
	}
	// §4: iss is required; of one that is not ours nothing is fetched
	if q.Get("iss") != rp.cfg.Issuer {
		return req, refuseInitiated(errors.New("it names another issuer than Config.Issuer"))
	}
	if len(req.LoginHint) > maxLoginHint || strings.ContainsFunc(req.LoginHint, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return req, refuseInitiated(errors.New("login_hint is too long, or has control characters"))
	}
	if q.Get("target_link_uri") == "" {
		return req, nil
	}
	// §4: it MUST be verified, for this not to be an open redirector
	target, ok := rp.ownTarget(q.Get("target_link_uri"))
	if !ok {
		return req, refuseInitiated(errors.New("target_link_uri is no address of this app"))
	}
	req.ReturnTo = target
	return req, nil
}

// ownTarget returns the local path of an address under BaseURL.
func (rp *RelyingParty) ownTarget(target string) (string, bool) {
	base := rp.site.Base
	if !strings.HasPrefix(target, "/") {
		rest, ok := strings.CutPrefix(target, base.Scheme+"://"+base.Host)
		if !ok {
			return "", false
		}
		if target = rest; target == "" || target[0] == '?' {
			target = "/" + target
		}
	}
	rest, under := strings.CutPrefix(target, base.Path)
	if !under || rest != "" && rest[0] != '/' && rest[0] != '?' {
		return "", false
	}
	return safeurl.ReturnTo(target)
}

func refuseInitiated(cause error) *failure {
	f := refuse(initiatedRefused, cause)
	f.message = "This link does not start a sign-in here. Please start again."
	return f
}
