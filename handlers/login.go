package handlers

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/wire"
)

const (
	paramReturnTo = "return_to"
	paramRequest  = "request"

	requestVersion = 1
	// claimsRequestVersion is that of a request with claims, or that makes acr
	// essential: what asks for neither can still be read by the release before.
	claimsRequestVersion = 2
	maxRequest           = 8 << 10
)

// serveLogin starts a login: it remembers it in a cookie and sends the person
// to the issuer. Of the query only the return target and what LoginURL has
// sealed are read; nothing is passed on (OWASP ASVS 5.0 10.2.3).
func (rp *RelyingParty) serveLogin(w http.ResponseWriter, r *http.Request) error {
	req, err := rp.readLogin(w, r)
	if err != nil {
		return err
	}
	if err := rp.checkVouched(req); err != nil {
		return err
	}
	renews, hint := rp.beginSilently(r, &req)
	return rp.beginLogin(w, r, req, renews, hint)
}

// beginLogin sends the person to the issuer. A silent login renews a session.
func (rp *RelyingParty) beginLogin(w http.ResponseWriter, r *http.Request, req oidckit.LoginRequest, renews oidckit.TokenHash, hint string) error {
	tx := newTransaction(req)
	tx.renews = renews
	target, err := rp.client.AuthorizationURL(r.Context(), client.AuthorizationRequest{
		State: tx.state, Nonce: tx.nonceText(), CodeVerifier: tx.codeVerifier(), IDTokenHint: hint, Login: req,
	})
	if err == nil {
		tx.acr, err = rp.client.DemandedACR(req)
	}
	if err != nil {
		f := *asFailure(err)
		f.returnTo = req.ReturnTo
		return &f
	}
	cookie := rp.sealLogin(tx)
	rp.logins.MakeRoom(w, r, cookie)
	http.SetCookie(w, cookie)
	status := http.StatusFound
	if r.Method == http.MethodPost {
		// RFC 9700 §4.12: the form itself goes no further
		status = http.StatusSeeOther
	}
	redirect(w, status, target)
	return nil
}

// LoginURL returns the address that starts a login and leads back to
// req.ReturnTo. Of the request only its session is looked at: one whose tokens
// were lost is renewed without a page, where nothing else is asked for. The
// address is absolute and made of BaseURL, so that a person who came by another name of this host logs in, and
// returns, under the one that the issuer knows. What the guard asks for beyond
// a plain login travels sealed: nobody can take it out of a link and use the
// rest.
func (rp *RelyingParty) LoginURL(r *http.Request, req oidckit.LoginRequest) string {
	sealed := rp.sealRequest(req)
	if !isPageOfForm(r, req.ReturnTo) {
		req.ReturnTo = rp.underBase(req.ReturnTo)
	}
	return rp.loginURL(req.ReturnTo, sealed, sealed == "" && rp.isToRenew(r))
}

// sealRequest returns "" for a plain login.
func (rp *RelyingParty) sealRequest(req oidckit.LoginRequest) string {
	if err := client.CheckClaimsRequest(req.Claims); err != nil {
		rp.cfg.Logger.Error().Msg("LoginRequest.Claims was left out: it " + err.Error())
		req.Claims = nil
	}
	further := len(req.Claims) > 0 || req.EssentialACR
	if req.MaxAge == nil && len(req.ACRValues)+len(req.Prompt)+len(req.UILocales) == 0 && req.LoginHint == "" && !further {
		return ""
	}
	w := record{requestVersion}
	if further {
		w[0] = claimsRequestVersion
	}
	w.int(encodeSeconds(req.MaxAge))
	w.texts(req.ACRValues)
	w.texts(req.Prompt)
	w.texts(req.UILocales)
	w.text(req.LoginHint)
	if further {
		w.text(string(req.Claims))
		w.bool(req.EssentialACR)
	}
	return rp.requests.SealText(w, rp.id)
}

func (rp *RelyingParty) loginURL(returnTo, sealed string, renew bool) string {
	q := url.Values{}
	if target, ok := safeurl.ReturnTo(returnTo); ok {
		q.Set(paramReturnTo, target)
	}
	if sealed != "" {
		q.Set(paramRequest, sealed)
	}
	if renew {
		q.Set(paramRenew, "1")
	}
	if len(q) == 0 {
		return rp.url("/login")
	}
	return rp.url("/login") + "?" + q.Encode()
}

// isPageOfForm reports whether a guard has taken the target from what a browser
// says of the page that a form was on. That is the whole path, from which no
// proxy has stripped anything, and may be another app's of this origin.
func isPageOfForm(r *http.Request, target string) bool {
	if r == nil || !wire.IsSubmission(r) {
		return false
	}
	page, err := url.Parse(r.Header.Get("Referer"))
	return err == nil && page.IsAbs() && page.RequestURI() == target
}

// underBase puts back the path that a proxy in front has stripped.
func (rp *RelyingParty) underBase(target string) string {
	base := rp.site.Base.Path
	if base == "" || !strings.HasPrefix(target, "/") {
		return target
	}
	rest, under := strings.CutPrefix(target, base)
	if under && (rest == "" || rest[0] == '/' || rest[0] == '?') {
		return target
	}
	return base + target
}

// readLoginRequest reads the query of the login route. What is missing, foreign
// or malformed is left out: a login without it is always safe.
func (rp *RelyingParty) readLoginRequest(rawQuery string) oidckit.LoginRequest {
	req := oidckit.LoginRequest{ReturnTo: rp.site.Base.Path + "/"}
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return req
	}
	if v := q[paramReturnTo]; len(v) == 1 {
		if target, ok := safeurl.ReturnTo(v[0]); ok {
			req.ReturnTo = target
		}
	}
	if v := q[paramRequest]; len(v) == 1 && len(v[0]) <= maxRequest {
		rp.openRequest(v[0], &req)
	}
	return req
}

func (rp *RelyingParty) openRequest(sealed string, req *oidckit.LoginRequest) {
	plain, err := rp.requests.OpenText(sealed, rp.id)
	if err != nil {
		return
	}
	r := recordReader{s: string(plain)}
	version := r.byte()
	if version != requestVersion && version != claimsRequestVersion {
		return
	}
	asked := oidckit.LoginRequest{ReturnTo: req.ReturnTo, MaxAge: decodeSeconds(r.int()),
		ACRValues: r.texts(), Prompt: r.texts(), UILocales: r.texts(), LoginHint: r.text()}
	if version == claimsRequestVersion {
		asked.Claims, asked.EssentialACR = []byte(r.text()), r.bool()
	}
	if r.done() {
		*req = asked
	}
}
