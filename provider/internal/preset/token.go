package preset

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Token translates requests that clients authenticate: to the token,
// introspection and revocation endpoints. Its fields are set once; it is safe
// for concurrent use.
type Token struct {
	Dialect
	Clients opstore.Clients
	Codes   opstore.Codes
	Grants  opstore.Grants
}

// Wrap returns next behind the translation.
func (t Token) Wrap(next wire.HandlerFunc) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := t.read(w, r)
		if err != nil {
			return err
		}
		out := r.Clone(r.Context())
		used, err := t.translate(out, p)
		if err != nil {
			return err
		}
		if used && p.Get("grant_type") == oidckit.GrantTypeAuthorizationCode {
			out = out.WithContext(withAsked(out.Context(), p.Get("scope")))
		}
		return next(w, withForm(out, p))
	}
}

// read returns the parameters of body and, where the dialect has them there,
// of the query.
func (t Token) read(w http.ResponseWriter, r *http.Request) (wire.Params, error) {
	if !t.Query || r.URL.RawQuery == "" {
		return wire.Form(w, r, "resource")
	}
	p, err := wire.Query(r, "resource")
	if err != nil || r.Header.Get("Content-Type") == "" && r.ContentLength == 0 {
		return p, err
	}
	form, err := wire.Form(w, r, "resource")
	if err != nil {
		return nil, err
	}
	for name, values := range form {
		// RFC 6749 §3.1: once, and that holds over both places
		if p[name] != nil {
			return nil, oidckit.NewError(oidckit.InvalidRequest, "a parameter stands in the query and in the body")
		}
		p[name] = values
	}
	return p, nil
}

// translate reports whether the request makes use of the dialect. One that does
// not is what the strict endpoint would have got.
func (t Token) translate(r *http.Request, p wire.Params) (used bool, err error) {
	used = t.Query && r.URL.RawQuery != ""
	if redirectURL := p.Get("redirect_url"); t.RedirectURL && redirectURL != "" {
		if other := p.Get("redirect_uri"); other != "" && other != redirectURL {
			return false, oidckit.NewError(oidckit.InvalidRequest, "redirect_uri and redirect_url differ")
		}
		p["redirect_uri"] = []string{redirectURL}
		delete(p, "redirect_url")
		used = true
	}
	used = t.translateScope(p) || used
	// Without a secret nobody is named: whether a code is good must not be told
	// to who does not prove to be its client.
	if t.Query && p.Get("client_id") == "" && p.Get("client_secret") != "" && r.Header.Get("Authorization") == "" {
		id, err := t.clientOf(r.Context(), p)
		if err != nil {
			return false, err
		}
		if id != "" {
			p["client_id"], used = []string{id}, true
		}
	}
	if !t.AnyPlace {
		return used, nil
	}
	both, err := t.place(r, p)
	return used || both, err
}

// clientOf returns the client of the request's code or refresh token, and spends
// nothing; "" where there is none: that is for the endpoint to say.
func (t Token) clientOf(ctx context.Context, p wire.Params) (string, error) {
	id := ""
	var err error
	switch p.Get("grant_type") {
	case oidckit.GrantTypeAuthorizationCode:
		var c *opstore.Code
		// A spent one comes with its client, so that the endpoint sees the replay.
		if c, err = t.Codes.Code(ctx, oidckit.HashToken(p.Get("code"))); c != nil {
			id = c.ClientID
		}
	case oidckit.GrantTypeRefreshToken:
		var g *opstore.Grant
		if _, g, err = t.Grants.RefreshToken(ctx, oidckit.HashToken(p.Get("refresh_token"))); err == nil {
			id = g.ClientID
		}
	}
	if errors.Is(err, oidckit.ErrNotFound) || errors.Is(err, oidckit.ErrConsumed) {
		err = nil
	}
	return id, err
}

// place moves the client's secret to where the client is registered to put it,
// and reports whether it stands in both places: that is for the endpoint to judge.
// A secret in the other place alone is in standard form.
func (t Token) place(r *http.Request, p wire.Params) (both bool, err error) {
	id, secret, inBody := p.Get("client_id"), p.Get("client_secret"), true
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		basicID, basicSecret, ok := r.BasicAuth()
		if len(headers) > 1 || !ok || secret != "" {
			return secret != "", nil
		}
		id, secret, inBody = decoded(basicID), decoded(basicSecret), false
	}
	if id == "" || secret == "" {
		return false, nil
	}
	client, err := t.Clients.Client(r.Context(), id)
	if errors.Is(err, oidckit.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch method := client.Metadata.TokenEndpointAuthMethod; {
	case inBody && method == oidckit.AuthMethodClientSecretBasic:
		delete(p, "client_secret")
		// RFC 6749 §2.3.1
		pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	case !inBody && method == oidckit.AuthMethodClientSecretPost:
		r.Header.Del("Authorization")
		p["client_id"], p["client_secret"] = []string{id}, []string{secret}
	}
	return false, nil
}

// decoded undoes the encoding of RFC 6749 §2.3.1 for those who encode.
func decoded(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
