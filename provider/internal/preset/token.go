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
		if err := t.translate(out, p); err != nil {
			return err
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

func (t Token) translate(r *http.Request, p wire.Params) error {
	if redirectURL := p.Get("redirect_url"); t.RedirectURL && redirectURL != "" {
		if other := p.Get("redirect_uri"); other != "" && other != redirectURL {
			return oidckit.NewError(oidckit.InvalidRequest, "redirect_uri and redirect_url differ")
		}
		p["redirect_uri"] = []string{redirectURL}
		delete(p, "redirect_url")
	}
	translateScope(p)
	held, err := t.held(r.Context(), p)
	if err != nil {
		return err
	}
	if held != nil {
		if asked, err := oidckit.ParseScope(p.Get("scope")); err != nil || !held.scope.HasAll(asked) {
			return oidckit.NewError(oidckit.InvalidScope, "scope exceeds what was granted")
		}
		if t.Query && p.Get("client_id") == "" && r.Header.Get("Authorization") == "" {
			p["client_id"] = []string{held.clientID}
		}
	}
	if t.AnyPlace {
		return t.place(r, p)
	}
	return nil
}

// grant is what a code or refresh token stands for.
type grant struct {
	clientID string
	scope    oidckit.Scope
}

// held returns what the request's code or refresh token stands for, and spends
// nothing; nil where there is none: that is for the endpoint to say.
func (t Token) held(ctx context.Context, p wire.Params) (*grant, error) {
	var out *grant
	var err error
	switch p.Get("grant_type") {
	case oidckit.GrantTypeAuthorizationCode:
		var c *opstore.Code
		if c, err = t.Codes.Code(ctx, oidckit.HashToken(p.Get("code"))); err == nil {
			out = &grant{c.ClientID, c.Authorization.Scope}
		}
	case oidckit.GrantTypeRefreshToken:
		var g *opstore.Grant
		if _, g, err = t.Grants.RefreshToken(ctx, oidckit.HashToken(p.Get("refresh_token"))); err == nil {
			out = &grant{g.ClientID, g.Authorization.Scope}
		}
	}
	if errors.Is(err, oidckit.ErrNotFound) || errors.Is(err, oidckit.ErrConsumed) {
		return nil, nil
	}
	return out, err
}

// place moves the client's secret to where the client is registered to put it.
// A request that has it in both places is for the endpoint to judge.
func (t Token) place(r *http.Request, p wire.Params) error {
	id, secret, inBody := p.Get("client_id"), p.Get("client_secret"), true
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		basicID, basicSecret, ok := r.BasicAuth()
		if len(headers) > 1 || !ok || secret != "" {
			return nil
		}
		id, secret, inBody = decoded(basicID), decoded(basicSecret), false
	}
	if id == "" || secret == "" {
		return nil
	}
	client, err := t.Clients.Client(r.Context(), id)
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
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
	return nil
}

// decoded undoes the encoding of RFC 6749 §2.3.1 for those who encode.
func decoded(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
