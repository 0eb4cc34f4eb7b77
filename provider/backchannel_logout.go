package provider

import (
	"fmt"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/backchannel"
	"github.com/oidckit/oidckit/provider/internal/session"
	"github.com/oidckit/oidckit/provider/internal/tokens"
)

// BackchannelLogout is OpenID Connect Back-Channel Logout 1.0: clients that
// have registered a backchannel_logout_uri are told when a session has ended in
// which they got tokens: by a logout at the issuer, by an operator, because the
// user was disabled, or because somebody else has signed in with the same
// browser. A session that grows too old is told to nobody.
//
// What is to be told is stored in opstore.Set.Deliveries before the session
// ends, so that a crash loses nothing; a client may be told twice. Replicas
// share the work. It is done by goroutines that the first request starts and
// Close ends.
type BackchannelLogout struct {
	// Attempts is how often a client is called at most, with pauses of 5
	// seconds to an hour in between: 8 by default, at most 20. A client that
	// answers 400 is not called again.
	Attempts int
}

const defaultLogoutAttempts = 8

func (f *BackchannelLogout) check(r *resolved) []error {
	var errs []error
	if f.Attempts < 0 || f.Attempts > 20 {
		errs = append(errs, fmt.Errorf("BackchannelLogout.Attempts is %d, must be up to 20", f.Attempts))
	}
	if r.Stores.Deliveries == nil {
		errs = append(errs, fmt.Errorf("BackchannelLogout: Stores.Deliveries is nil"))
	}
	return errs
}

func (f *BackchannelLogout) routes(*assembly) []route { return nil }

func (f *BackchannelLogout) describe(_ *resolved, m *oidckit.ProviderMetadata) {
	m.BackchannelLogoutSupported, m.BackchannelLogoutSessionSupported = true, true
}

// newNotifier returns what tells clients, nil where the feature is off.
func (p *Provider) newNotifier(issuer *tokens.Issuer) *backchannel.Notifier {
	c, f := p.cfg, p.cfg.BackchannelLogout
	if f == nil {
		return nil
	}
	attempts := f.Attempts
	if attempts == 0 {
		attempts = defaultLogoutAttempts
	}
	return backchannel.New(backchannel.Config{
		Issuer: c.Issuer, Deliveries: c.Stores.Deliveries, Clients: c.clients, Token: issuer.LogoutToken,
		HTTPClient: c.Outbound.client(), Attempts: attempts, Logger: c.Logger, Events: c.Events,
	})
}

// newSessions returns the sessions, and what has to happen when one ends.
func (p *Provider) newSessions(issuer *tokens.Issuer) *session.Sessions {
	c, set := p.cfg, p.cfg.Stores
	cfg := session.Config{
		Issuer: c.url, Store: set.Sessions, Grants: set.Grants, Revocations: set.Revocations,
		Lifetime: c.Lifetimes.Session, AccessTokenLifetime: c.Lifetimes.AccessToken, Events: c.Events,
		BrowserState: c.SessionManagement != nil,
	}
	if p.notifier = p.newNotifier(issuer); p.notifier != nil {
		cfg.Telling = p.notifier
	}
	p.sessions = session.New(cfg)
	return p.sessions
}

// startBackground begins what runs beside the requests: at the first of them,
// so that New starts nothing and a restart finds what it has left.
func (p *Provider) startBackground() {
	if p.notifier != nil {
		p.notifier.Start()
	}
}

func (p *Provider) closeBackground() error {
	if p.notifier == nil {
		return nil
	}
	return p.notifier.Close()
}
