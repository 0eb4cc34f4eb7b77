package sqldb

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// maxKey is the longest text that is a key as it stands, in bytes. PostgreSQL
// indexes no more than a third of a page.
const maxKey = 200

const hashedKey = "sha256:"

// Key returns the form in which a text is kept and looked for in a key column.
// Most texts stay as they are. Those that a database cannot hold (PostgreSQL
// knows no NUL and no invalid UTF-8) or index become their hash: what a
// stranger types must be not found, not a failure of the database.
func Key(text string) string {
	if len(text) <= maxKey && utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 && !strings.HasPrefix(text, hashedKey) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hashedKey + base64.RawURLEncoding.EncodeToString(sum[:])
}
