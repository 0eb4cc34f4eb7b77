package authorize

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
)

// answer is what a client is sent, in this order.
type answer []parameter

type parameter struct{ name, value string }

// Fail ends a request with an error that its client is told.
func (h *Handler) Fail(w http.ResponseWriter, r *http.Request, req *Request, e *oidckit.Error) error {
	return h.fail(w, r, &errorFor{e, req})
}

// fail answers err where its client may be told, and hands on everything else,
// nil too.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) error {
	ef, ok := errors.AsType[*errorFor](err)
	if !ok {
		return err
	}
	wire.Log(h.Logger, "authorize", ef.err)
	return h.respond(w, r, ef.req, refusal(ef.err))
}

func refusal(e *oidckit.Error) answer {
	a := answer{{"error", string(e.Code)}}
	if e.Description != "" {
		a = append(a, parameter{"error_description", e.Description})
	}
	return a
}

// respond sends the answer to the client's redirect URI, in the mode asked for.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, req *Request, a answer) error {
	if len(req.State) > 0 {
		a = append(a, parameter{"state", string(req.State)})
	}
	// RFC 9207 §2: in success and error responses
	a = append(a, parameter{"iss", h.Issuer})
	// OpenID Connect Session Management 1.0 §2: in every answer, so also in one
	// to a request that was refused before anybody looked who is signed in
	if state := h.sessionState(r, req); state != "" {
		a = append(a, parameter{"session_state", state})
	}
	switch req.ResponseMode {
	case responsetype.ModeFormPost:
		return h.writeForm(w, r, req, a)
	case responsetype.ModeFragment:
		redirect(w, a.after(req.RedirectURI, '#'))
	default:
		separator := byte('?')
		if strings.Contains(req.RedirectURI, "?") {
			separator = '&'
		}
		redirect(w, a.after(req.RedirectURI, separator))
	}
	return nil
}

// sessionState returns "" where it is not kept, and where it cannot be known: a
// store that is down must not hide what is wrong with a request.
func (h *Handler) sessionState(r *http.Request, req *Request) string {
	if h.Sessions.BrowserStateCookie() == "" {
		return ""
	}
	if !req.judged {
		sess, err := h.currentSession(r)
		if err != nil {
			return ""
		}
		req.within(sess)
	}
	return h.Sessions.State(req.ClientID, req.RedirectURI, req.session)
}

// after returns the parameters behind an address (RFC 6749 Appendix B).
func (a answer) after(target string, separator byte) string {
	var b strings.Builder
	b.Grow(len(target) + 64*len(a) + 128)
	b.WriteString(target)
	for _, p := range a {
		b.WriteByte(separator)
		b.WriteString(p.name)
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.value))
		separator = '&'
	}
	return b.String()
}

// writeForm is OAuth 2.0 Form Post Response Mode §2.
func (h *Handler) writeForm(w http.ResponseWriter, r *http.Request, req *Request, a answer) error {
	form := page.FormPost{Action: req.RedirectURI}
	for _, p := range a {
		form.Fields = append(form.Fields, page.Field{Name: p.name, Value: p.value})
	}
	return h.Site.Write(w, r, req.UILocales, http.StatusOK, form)
}

// redirect answers with 303, so that no post is repeated elsewhere (RFC 9700
// §4.12).
func redirect(w http.ResponseWriter, target string) {
	head := w.Header()
	wire.NoStore(head)
	head.Set("Referrer-Policy", "no-referrer")
	// http.Redirect would rewrite the target; it was registered byte for byte.
	head.Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}
