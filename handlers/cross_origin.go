package handlers

import (
	"net/http"
	"strings"
)

// CrossOriginProtection protects the app's own forms and calls from other
// sites: what changes something must come from a page of BaseURL's origin, or
// of none where no browser sends it.
//
//	http.ListenAndServe(addr, rp.CrossOriginProtection().Handler(sessions.LoadAndSave(mux)))
//
// Of the relying party's routes exactly those pass that a browser is sent to
// from the issuer by POST (to start a login, or with the answer to one), or the
// issuer calls: each of them checks by itself
// whom it listens to. They pass under the path of BaseURL. Where a proxy in
// front strips that path, add them as they arrive, with
// AddInsecureBypassPattern("POST /auth/callback"). Every call returns a new
// one, for the app to add its other origins.
func (rp *RelyingParty) CrossOriginProtection() *http.CrossOriginProtection {
	c := http.NewCrossOriginProtection()
	for _, path := range rp.crossSite {
		c.AddInsecureBypassPattern(http.MethodPost + " " + rp.site.base.Path + path)
	}
	// It was taken once before, when the relying party was made.
	_ = c.AddTrustedOrigin(rp.origin())
	return c
}

// origin is that of BaseURL as browsers write it: in lower case and without the
// scheme's own port (RFC 6454 §6.2).
func (rp *RelyingParty) origin() string {
	host := strings.ToLower(rp.site.base.Host)
	if rp.site.secure {
		return "https://" + strings.TrimSuffix(host, ":443")
	}
	return "http://" + strings.TrimSuffix(host, ":80")
}
