package provider

import (
	"context"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/frontchannel"
	"github.com/oidckit/oidckit/provider/opstore"
)

// FrontchannelLogout is OpenID Connect Front-Channel Logout 1.0: after a logout
// the issuer's page loads the frontchannel_logout_uri of each client that was
// used in the session, in a frame, and goes on when all are there. Browsers
// that keep cookies from frames of other sites make it fail without a word;
// BackchannelLogout does not.
type FrontchannelLogout struct{}

func (*FrontchannelLogout) check(*resolved) []error { return nil }

func (*FrontchannelLogout) routes(*assembly) []route { return nil }

func (*FrontchannelLogout) describe(_ *resolved, m *oidckit.ProviderMetadata) {
	m.FrontchannelLogoutSupported, m.FrontchannelLogoutSessionSupported = true, true
}

// frames returns what knows the frames of a logout, nil where there are none.
func (c *resolved) frames() func(context.Context, *opstore.Session) ([]string, error) {
	if c.FrontchannelLogout == nil {
		return nil
	}
	return (&frontchannel.Handler{Issuer: c.Issuer, Clients: c.clients}).Frames
}
