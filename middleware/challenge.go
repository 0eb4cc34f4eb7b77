package middleware

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

// noCredentialsBody carries no error code: RFC 6750 §3.1 keeps it from a
// client that did not know that it needs a token.
var noCredentialsBody = []byte(`{"error_description":"a bearer token is required"}`)

// challengeWriter writes the answers of a bearer guard.
type challengeWriter struct {
	realm, metadata string
	dpop            *DPoP
}

// bare asks for a token, with the scope that it needs where that is known.
func (c challengeWriter) bare(w http.ResponseWriter, r *http.Request, scope oidckit.Scope) {
	c.challenge(w, r, oidckit.Challenge{Scope: scope}, schemeNone)
	wire.WriteJSONBytes(w, http.StatusUnauthorized, noCredentialsBody)
}

// write answers a request that was refused, or that could not be judged. The
// latter is no matter of credentials and carries no challenge.
func (c challengeWriter) write(w http.ResponseWriter, r *http.Request, ch oidckit.Challenge, used scheme) {
	if ch.Err.HTTPStatus() < http.StatusInternalServerError {
		c.challenge(w, r, ch, used)
	}
	wire.WriteError(w, r, ch.Err)
}

// challenge sets a challenge for each scheme that is accepted. The reason of a
// refusal stands in that of the scheme which was used; that the other would do
// as well is said only to who may come again with another token
// (RFC 9449 §7.2).
func (c challengeWriter) challenge(w http.ResponseWriter, r *http.Request, ch oidckit.Challenge, used scheme) {
	bearer, dpop := !c.dpop.required(), c.dpop != nil
	first, other := "Bearer", "DPoP"
	if !bearer || dpop && used == schemeDPoP {
		first, other = other, first
	}
	challenges := []string{c.header(first, ch)}
	if bearer && dpop && (ch.Err == nil || ch.Err.HTTPStatus() == http.StatusUnauthorized) {
		challenges = append(challenges, c.header(other, oidckit.Challenge{}))
	}
	h := w.Header()
	h["Www-Authenticate"] = challenges
	exposeChallenge(h, r)
}

// exposeChallenge lets a script of another origin read why it was refused, and
// the nonce, where CORS middleware lets it read the answer at all.
func exposeChallenge(h http.Header, r *http.Request) {
	if len(r.Header["Origin"]) > 0 {
		h.Add("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce")
	}
}

// header builds the challenge of RFC 6750 §3 or RFC 9449 §7.1, with the
// parameters of RFC 9470 §3 and RFC 9728 §5.1.
func (c challengeWriter) header(name string, ch oidckit.Challenge) string {
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte(' ')
	param(&b, "realm", c.realm)
	if ch.Err != nil {
		param(&b, "error", string(ch.Err.Code))
		param(&b, "error_description", ch.Err.Description)
		param(&b, "error_uri", ch.Err.URI)
	}
	param(&b, "scope", ch.Scope.String())
	param(&b, "acr_values", strings.Join(ch.ACRValues, " "))
	if ch.MaxAge != nil {
		param(&b, "max_age", strconv.FormatInt(int64(ch.MaxAge.Seconds()), 10))
	}
	if name == "DPoP" {
		param(&b, "algs", c.dpop.algs)
	}
	param(&b, "resource_metadata", c.metadata)
	return b.String()
}

// param appends name="value", and nothing for an empty value. What the grammar
// of RFC 6750 §3 keeps out of a value is left out of it.
func param(b *strings.Builder, name, value string) {
	if value == "" {
		return
	}
	if !strings.HasSuffix(b.String(), " ") {
		b.WriteString(", ")
	}
	b.WriteString(name)
	b.WriteString(`="`)
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c <= '~' && c != '"' && c != '\\' {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
