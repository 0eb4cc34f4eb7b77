package authorize

import (
	"net/url"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// SelectsAccount reports whether the person is to choose an account.
func (r *Request) SelectsAccount() bool { return r.prompts(oidckit.PromptSelectAccount) }

// Answers reports whether a session is good for the request once its person
// has chosen it.
func (h *Handler) Answers(req *Request, client *opstore.Client, sess *opstore.Session) bool {
	chosen := *req
	chosen.Prompt = slices.DeleteFunc(slices.Clone(req.Prompt), func(p string) bool { return p == oidckit.PromptSelectAccount })
	return h.needsLogin(&chosen, client, sess, time.Now()) == ""
}

// Narrow takes from the request what its person has not allowed: scopes, and
// the claims asked for one by one that belong to them.
func (h *Handler) Narrow(req *Request, allowed oidckit.Scope) {
	shown := h.ClaimsBeyond(req)
	withheld := func(name string) bool {
		return !slices.Contains(shown, name) && len(h.UserClaims.Beyond([]string{name}, allowed)) > 0
	}
	req.UserinfoClaims = slices.DeleteFunc(slices.Clone(req.UserinfoClaims), withheld)
	req.IDTokenClaims = slices.DeleteFunc(slices.Clone(req.IDTokenClaims), withheld)
	req.Scope = allowed
}

// LoginAddress is where people sign in for a sealed request.
func (h *Handler) LoginAddress(sealed string) string {
	return withQuery(h.LoginURL, url.Values{"request": {sealed}})
}
