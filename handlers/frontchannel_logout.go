package handlers

import (
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/safeurl"
)

const frontchannelLogoutRoute = "/frontchannel-logout"

var errForeignFrame = errors.New("handlers: a frame without this issuer's iss and one sid")

// serveFrontchannelLogout is loaded by the issuer's page in a frame when a
// session there has ended (OpenID Connect Front-Channel Logout 1.0 §3). A frame
// of another site has no cookie of ours: who is meant is said by iss and sid,
// and a sid is not to be guessed. Whatever was asked, the frame looks the same.
func (rp *RelyingParty) serveFrontchannelLogout(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	issuers, sids := q["iss"], q["sid"]
	// §3: where session_required was registered, iss and sid must be there
	if len(issuers) == 1 && issuers[0] == rp.cfg.Issuer && len(sids) == 1 && sids[0] != "" && len(r.URL.RawQuery) <= maxRequest {
		if _, err := rp.endSessions(r.Context(), rpstore.SessionSelector{SessionID: sids[0]}); err != nil {
			return storeDown(err)
		}
	} else {
		rp.event(r.Context(), oidckit.Event{Name: oidckit.EventLogoutRefused, Err: errForeignFrame})
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+rp.issuerOrigin())
	_, _ = w.Write([]byte("<!DOCTYPE html>\n<html lang=\"en\">\n<title>Signed out</title>\n</html>\n"))
	return nil
}

// issuerOrigin is whose pages may frame ours.
func (rp *RelyingParty) issuerOrigin() string {
	u, err := safeurl.Issuer(rp.cfg.Issuer)
	if err != nil {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}
