package handlers

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/safeurl"
)

const checkSessionRoute = "/check-session"

//go:embed check_session.js
var checkSessionScript string

var (
	checkSessionHash = func() string {
		sum := sha256.Sum256([]byte(checkSessionScript))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}()
	checkSessionPage = template.Must(template.New("check-session").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Session</title>
<script data-frame="{{.Frame}}" data-issuer="{{.Origin}}" data-message="{{.Message}}">{{.Script}}</script>
</head>
<body>{{if .Frame}}<iframe id="issuer" title="Session at the sign-in service" hidden></iframe>{{end}}</body>
</html>
`))
)

// watch is what the page asks the issuer's frame.
type watch struct {
	Frame, Origin, Message string
	Script                 template.JS
}

// serveCheckSession is the RP iframe of OpenID Connect Session Management 1.0
// §3.1: it asks the issuer's frame whether the session there is still the one
// of the login, and tells the page around it, of the app's own origin, what it
// hears: {type: "oidckit.session", session: "unchanged", "changed", "error", or
// "none" where there is nothing to watch}. What follows is the app's to decide:
// a silent login, as a rule.
func (rp *RelyingParty) serveCheckSession(w http.ResponseWriter, r *http.Request) error {
	page := watch{Script: template.JS(checkSessionScript)}
	if err := rp.watched(r, &page); err != nil {
		return err
	}
	frames := "'none'"
	if page.Frame != "" {
		frames = page.Origin
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src "+checkSessionHash+"; frame-src "+frames+"; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	return checkSessionPage.Execute(w, page)
}

// watched fills in what there is to watch: nothing without a session, and
// nothing where the issuer has no such page or has not said which session it
// was.
func (rp *RelyingParty) watched(r *http.Request, page *watch) error {
	key, err := rp.sessionOf(r)
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		return nil
	}
	if err != nil {
		return storeDown(err)
	}
	s, err := rp.readSession(r.Context(), key)
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		return nil
	}
	if err != nil {
		return storeDown(err)
	}
	tokens, err := rp.openTokens(s)
	if err != nil || tokens.SessionState == "" {
		return nil
	}
	m, err := rp.client.Published(r.Context())
	if err != nil {
		return err
	}
	u, err := safeurl.Endpoint(m.CheckSessionIframe)
	if err != nil {
		return nil
	}
	// The script compares it with what browsers say of the frame.
	page.Frame, page.Origin = m.CheckSessionIframe, cookies.Site{Base: u, Secure: u.Scheme == "https"}.Origin()
	// §3.1: the client_id, a space and the session_state
	page.Message = rp.cfg.ClientID + " " + tokens.SessionState
	return nil
}
