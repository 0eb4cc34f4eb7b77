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
type challengeWriter struct{ realm string }

// bare asks for a token.
func (c challengeWriter) bare(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", c.header(oidckit.Challenge{}))
	wire.WriteJSONBytes(w, http.StatusUnauthorized, noCredentialsBody)
}

// write answers a request that was refused, or that could not be judged. The
// latter is no matter of credentials and carries no challenge.
func (c challengeWriter) write(w http.ResponseWriter, r *http.Request, ch oidckit.Challenge) {
	if ch.Err.HTTPStatus() < http.StatusInternalServerError {
		w.Header().Set("WWW-Authenticate", c.header(ch))
	}
	wire.WriteError(w, r, ch.Err)
}

// header builds the challenge of RFC 6750 §3, with the parameters of RFC 9470
// §3.
func (c challengeWriter) header(ch oidckit.Challenge) string {
	var b strings.Builder
	b.WriteString("Bearer ")
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
