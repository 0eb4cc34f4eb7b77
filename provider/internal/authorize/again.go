package authorize

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// StartAgain is the address at which the same request is made anew, "" where
// nothing is left of it.
func (h *Handler) StartAgain(req *Request) string {
	switch {
	case req == nil:
		return ""
	case req.ReturnTo != "":
		return req.ReturnTo
	}
	return h.Path + "?" + req.query()
}

// query returns the request as a client would send it.
func (r *Request) query() string {
	q := url.Values{"response_type": {r.ResponseType.String()}, "client_id": {r.ClientID}, "redirect_uri": {r.RedirectURI}}
	for name, value := range map[string]string{
		"state": string(r.State), "nonce": r.Nonce, "scope": r.Scope.String(), "prompt": strings.Join(r.Prompt, " "), "display": r.Display,
		"login_hint": r.LoginHint, "ui_locales": strings.Join(r.UILocales, " "), "acr_values": strings.Join(r.ACRValues, " "),
		"claims": r.claims(), "claims_locales": strings.Join(r.ClaimsLocales, " "),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if r.ResponseMode != r.ResponseType.DefaultMode() {
		q.Set("response_mode", r.ResponseMode)
	}
	if r.CodeChallenge != "" {
		q.Set("code_challenge", r.CodeChallenge)
		q.Set("code_challenge_method", "S256")
	}
	if r.MaxAge != nil {
		q.Set("max_age", strconv.FormatInt(*r.MaxAge, 10))
	}
	q["resource"] = r.Resource
	return q.Encode()
}

// claims returns the claims parameter that asks for the same. It also stands
// for an id_token_hint, which says no more than the sub (OpenID Connect Core
// 1.0 §3.1.2.2).
func (r *Request) claims() string {
	userinfo, idToken := wishes(r.UserinfoClaims), wishes(r.IDTokenClaims)
	if r.HintSubject != "" {
		idToken["sub"] = map[string]any{"value": r.HintSubject}
	}
	if r.EssentialACR {
		idToken["acr"] = map[string]any{"essential": true, "values": r.ACRValues}
	}
	if len(userinfo)+len(idToken) == 0 {
		return ""
	}
	doc, err := json.Marshal(map[string]any{"userinfo": userinfo, "id_token": idToken})
	if err != nil {
		return ""
	}
	return string(doc)
}

func wishes(names []string) map[string]any {
	out := make(map[string]any, len(names)+2)
	for _, name := range names {
		out[name] = nil
	}
	return out
}
