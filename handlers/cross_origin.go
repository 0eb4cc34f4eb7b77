package handlers

import (
	"net/http"
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
		c.AddInsecureBypassPattern(http.MethodPost + " " + rp.site.Base.Path + path)
	}
	// It was taken once before, when the relying party was made.
	_ = c.AddTrustedOrigin(rp.site.Origin())
	return c
}
