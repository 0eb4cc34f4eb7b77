package introspect

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// answer is RFC 7662 §2.2, with the members of RFC 9470 §6.2 and the session.
type answer struct {
	Active    bool     `json:"active"`
	Issuer    string   `json:"iss,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  audience `json:"aud,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	ID        string   `json:"jti,omitempty"`
	ExpiresAt int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	NotBefore int64    `json:"nbf,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	AMR       []string `json:"amr,omitempty"`
	SessionID string   `json:"sid,omitempty"`
}

type audience []string

const mediaType = "application/token-introspection+jwt"

// acceptsJWT implements RFC 9701 §4: a signed answer for who asks for one.
func acceptsJWT(r *http.Request) bool {
	for _, line := range r.Header["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			if mt, params, err := mime.ParseMediaType(part); err == nil && mt == mediaType && params["q"] != "0" {
				return true
			}
		}
	}
	return false
}

var inactiveBody = []byte(`{"active":false}`)

func write(w http.ResponseWriter, a *answer) {
	if !a.Active {
		wire.WriteJSONBytes(w, http.StatusOK, inactiveBody)
		return
	}
	wire.WriteJSON(w, http.StatusOK, a)
}

// writeJWT answers with RFC 9701 §5: iss, aud and iat outside, the answer
// inside, so that nobody takes it for a token.
func (h *Handler) writeJWT(w http.ResponseWriter, r *http.Request, caller *opstore.Client, a *answer) error {
	alg := caller.Metadata.IntrospectionSignedResponseAlg
	if alg == "" {
		alg = h.SigningAlg
	}
	signer, err := h.Tokens.Keys.Signer(r.Context(), alg)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(struct {
		Issuer   string  `json:"iss"`
		Audience string  `json:"aud"`
		IssuedAt int64   `json:"iat"`
		Answer   *answer `json:"token_introspection"`
	}{h.Issuer, caller.Metadata.ClientID, time.Now().Unix(), a})
	if err != nil {
		return err
	}
	signed, err := signer.Sign("token-introspection+jwt", payload)
	if err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", mediaType)
	wire.NoStore(head)
	w.WriteHeader(http.StatusOK)
	// The connection is what is left to fail, and it has no other answer.
	_, _ = io.WriteString(w, signed)
	return nil
}
