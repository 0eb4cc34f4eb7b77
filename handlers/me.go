package handlers

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/internal/wire"
)

// me is what a single-page app learns of who is signed in. Times are in seconds
// since 1970.
type me struct {
	Issuer            string          `json:"iss"`
	Subject           string          `json:"sub"`
	Name              string          `json:"name,omitempty"`
	PreferredUsername string          `json:"preferred_username,omitempty"`
	Email             string          `json:"email,omitempty"`
	Picture           string          `json:"picture,omitempty"`
	ACR               string          `json:"acr,omitempty"`
	AMR               []string        `json:"amr,omitempty"`
	AuthTime          int64           `json:"auth_time,omitempty"`
	ExpiresAt         int64           `json:"expires_at"`
	Claims            json.RawMessage `json:"claims"`
}

// nobody has the members that middleware.RequireAuth tells a script.
type nobody struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	LoginURL    string `json:"login_url"`
}

// Me tells a single-page app who is signed in: JSON with iss, sub, name,
// preferred_username, email, picture, acr, amr and auth_time where they are
// known, expires_at, when the session ends at the latest, and under claims what
// else is known of the person, as MapIdentity has left it. Never a token. The
// answer is 401 with the absolute login_url where nobody is signed in, and 503
// where that cannot be found out. The app mounts it where it likes:
//
//	mux.Handle("GET /auth/me", rp.Me())
//
// Asking counts as use of the session: who polls keeps it from becoming idle.
func (rp *RelyingParty) Me() http.Handler {
	return rp.sessions.LoadAndSave(http.HandlerFunc(rp.serveMe))
}

func (rp *RelyingParty) serveMe(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		wire.WriteError(w, r, oidckit.NewError(oidckit.InvalidRequest, "the method must be GET").WithStatus(http.StatusMethodNotAllowed))
		return
	}
	id, err := rp.Authenticate(r)
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		wire.WriteJSON(w, http.StatusUnauthorized, nobody{
			Error: string(oidckit.LoginRequired), Description: "nobody is logged in", LoginURL: rp.LoginURL(r, oidckit.LoginRequest{}),
		})
		return
	}
	var claims []byte
	if err == nil {
		claims, err = personalClaims(id.Claims)
	}
	if err != nil {
		wire.WriteError(w, r, wire.Unavailable(err))
		return
	}
	body := me{
		Issuer: id.Issuer, Subject: id.Subject, Name: id.Claims.Text("name"), PreferredUsername: id.Claims.Text("preferred_username"),
		Email: id.Claims.Text("email"), Picture: id.Claims.Text("picture"), ACR: id.ACR, AMR: id.AMR,
		ExpiresAt: id.ExpiresAt.Unix(), Claims: claims,
	}
	if !id.AuthTime.IsZero() {
		body.AuthTime = id.AuthTime.Unix()
	}
	wire.WriteJSON(w, http.StatusOK, body)
}

// personalClaims leaves out what is about the token and not about the person.
func personalClaims(claims oidckit.Claims) ([]byte, error) {
	if len(claims) == 0 {
		return []byte("{}"), nil
	}
	personal := map[string]json.RawMessage{}
	err := strictjson.Object(claims, func(name []byte, v strictjson.Value) error {
		if !client.IsProtocolClaim(string(name)) {
			personal[string(name)] = json.RawMessage(v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(personal)
}
