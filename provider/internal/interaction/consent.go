package interaction

import (
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
)

// Consent serves the built-in consent page, on the same calls as an app's own:
// GET shows what is asked, POST decides it.
func (h *Handler) Consent(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return h.decide(w, r)
	}
	if _, err := wire.Query(r); err != nil {
		return err
	}
	cr, err := h.ConsentRequest(r)
	if err != nil {
		return err
	}
	name, err := h.UserName(r.Context(), cr.Subject)
	if err != nil {
		return err
	}
	p := page.Consent{
		Client:     page.Client{Name: cr.ClientName, LogoURI: cr.LogoURI, PolicyURI: cr.PolicyURI, TosURI: cr.TosURI},
		UserName:   name,
		Claims:     cr.Claims,
		ReturnHost: cr.RedirectHost,
		Action:     h.ConsentPath,
		Hidden:     []page.Field{{Name: "interaction", Value: cr.ID}},
	}
	for _, scope := range cr.Scope {
		p.Scopes = append(p.Scopes, page.ScopeLine{Name: scope, Description: cr.Descriptions[scope]})
	}
	return h.Site.Write(w, r, cr.UILocales, http.StatusOK, p)
}

func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	if err := h.sameOrigin(r); err != nil {
		return err
	}
	form, err := wire.Form(w, r)
	if err != nil {
		return err
	}
	id := form.Get("interaction")
	switch form.Get("decision") {
	case "allow":
		sess, err := h.session(r)
		if err != nil {
			return err
		}
		req, err := h.take(r.Context(), id, sess)
		if err != nil {
			return err
		}
		return h.Authorize.Grant(w, r, req, sess)
	case "deny":
		return h.DenyConsent(w, r, id)
	}
	return oidckit.NewError(oidckit.InvalidRequest, "the form was sent without a decision; go back and choose one")
}
