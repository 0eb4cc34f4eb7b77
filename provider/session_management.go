package provider

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/checksession"
)

// SessionManagement is OpenID Connect Session Management 1.0: authorization
// responses bring a session_state, and a page at Paths.CheckSession tells apps
// that load it in a frame whether it is still true. Browsers that keep cookies
// from frames of other sites make it say "changed" for everybody who is signed
// in.
//
// It needs a second cookie, which scripts can read. That one opens nothing.
type SessionManagement struct{}

func (*SessionManagement) check(*resolved) []error { return nil }

func (*SessionManagement) routes(a *assembly) []route {
	page := checksession.New(a.sessions.BrowserStateCookie())
	return []route{a.at(a.cfg.Paths.CheckSession, a.document("check_session", page.Serve))}
}

func (*SessionManagement) describe(r *resolved, m *oidckit.ProviderMetadata) {
	m.CheckSessionIframe = r.Issuer + r.Paths.CheckSession
}
