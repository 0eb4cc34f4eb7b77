package tokens

import (
	"encoding/json"
	"strconv"
)

// tokenSize fits the claims of the usual token, in bytes.
const tokenSize = 512

// document is a JSON object that is being written. Tokens are written member by
// member: reflection costs a good part of what a signature does.
type document struct{ buf []byte }

func (d *document) name(name string) {
	if len(d.buf) == 0 {
		d.buf = append(d.buf, '{')
	} else {
		d.buf = append(d.buf, ',')
	}
	d.buf = append(d.buf, '"')
	d.buf = append(d.buf, name...)
	d.buf = append(d.buf, '"', ':')
}

// text adds a string, unless it is empty.
func (d *document) text(name, value string) {
	if value != "" {
		d.name(name)
		d.string(value)
	}
}

// number adds an integer, unless it is 0.
func (d *document) number(name string, value int64) {
	if value != 0 {
		d.name(name)
		d.buf = strconv.AppendInt(d.buf, value, 10)
	}
}

// texts adds a list of strings, unless it is empty.
func (d *document) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	d.name(name)
	for i, value := range values {
		if i == 0 {
			d.buf = append(d.buf, '[')
		} else {
			d.buf = append(d.buf, ',')
		}
		d.string(value)
	}
	d.buf = append(d.buf, ']')
}

func (d *document) string(s string) {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			// Of a string that does not fail.
			quoted, _ := json.Marshal(s)
			d.buf = append(d.buf, quoted...)
			return
		}
	}
	d.buf = append(d.buf, '"')
	d.buf = append(d.buf, s...)
	d.buf = append(d.buf, '"')
}

func (c *idClaims) appendTo(buf []byte) []byte {
	d := document{buf: buf}
	d.text("iss", c.Issuer)
	d.text("sub", c.Subject)
	d.text("aud", c.Audience)
	d.number("exp", c.ExpiresAt)
	d.number("iat", c.IssuedAt)
	d.number("auth_time", c.AuthTime)
	d.text("nonce", c.Nonce)
	d.text("acr", c.ACR)
	d.texts("amr", c.AMR)
	d.text("at_hash", c.AccessTokenHash)
	d.text("c_hash", c.CodeHash)
	d.text("sid", c.SessionID)
	return append(d.buf, '}')
}

func (c *accessClaims) appendTo(buf []byte) []byte {
	d := document{buf: buf}
	d.text("iss", c.Issuer)
	d.text("sub", c.Subject)
	d.texts("aud", c.Audience)
	d.text("client_id", c.ClientID)
	d.number("exp", c.ExpiresAt)
	d.number("iat", c.IssuedAt)
	d.text("jti", c.ID)
	d.text("scope", c.Scope)
	d.number("auth_time", c.AuthTime)
	d.text("acr", c.ACR)
	d.texts("amr", c.AMR)
	d.text("sid", c.SessionID)
	d.text("local_sub", c.LocalSubject)
	d.texts("userinfo_claims", c.UserinfoClaims)
	d.texts("claims_locales", c.ClaimsLocales)
	return append(d.buf, '}')
}
