package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httputil"
	"path"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
)

const (
	// maxBody bounds what a page may send to the API, in bytes.
	maxBody    = 1 << 20
	apiTimeout = 15 * time.Second
)

// tokenKey finds the access token of a call on its way.
type tokenKey struct{}

// proxy sends calls below /api on to the API, with the person's access token in
// place of the cookie. What comes back is the API's own answer but for what
// concerns the token or could set a cookie here.
func (w *bff) proxy() http.Handler {
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(w.api)
			for _, name := range []string{"Cookie", "Authorization", "DPoP", "Origin", "Referer"} {
				r.Out.Header.Del(name)
			}
			token, _ := r.In.Context().Value(tokenKey{}).(string)
			r.Out.Header.Set("Authorization", "Bearer "+token)
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Set-Cookie")
			r.Header.Del("WWW-Authenticate")
			r.Header.Set("Cache-Control", "no-store")
			r.Header.Set("X-Content-Type-Options", "nosniff")
			// The page must not go where the API says: the cookie would come along.
			if r.StatusCode >= 300 && r.StatusCode < 400 && r.StatusCode != http.StatusNotModified {
				return errors.New("the API answered with a redirect")
			}
			return nil
		},
		ErrorHandler: func(rw http.ResponseWriter, r *http.Request, err error) {
			w.logger.Warn().Err(err).Str("path", r.URL.Path).Msg("the API could not be called")
			writeError(rw, http.StatusBadGateway, "api_unavailable", "")
		},
		Transport: w.transport,
	}
	return http.StripPrefix("/api", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		// What another server could read as a way out of the API's path.
		if strings.TrimSuffix(r.URL.Path, "/") != strings.TrimSuffix(path.Clean("/"+r.URL.Path), "/") || strings.ContainsAny(r.URL.Path, `\;`) {
			writeError(rw, http.StatusBadRequest, string(oidckit.InvalidRequest), "")
			return
		}
		token, err := w.rp.AccessToken(r)
		if errors.Is(err, oidckit.ErrUnauthenticated) {
			writeError(rw, http.StatusUnauthorized, string(oidckit.LoginRequired), w.rp.LoginURL(r, oidckit.LoginRequest{}))
			return
		}
		if err != nil {
			writeError(rw, http.StatusServiceUnavailable, string(oidckit.TemporarilyUnavailable), "")
			return
		}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), tokenKey{}, token), apiTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
		forward.ServeHTTP(rw, r)
	}))
}

// writeError answers the page's script.
func writeError(rw http.ResponseWriter, status int, code, loginURL string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	body := map[string]string{"error": code}
	if loginURL != "" {
		body["login_url"] = loginURL
	}
	_ = json.NewEncoder(rw).Encode(body)
}
