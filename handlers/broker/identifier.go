package broker

import (
	"slices"
	"strings"
)

// maxIdentifier bounds an identifier, both as asked for and joined.
const maxIdentifier = 63

// reservedIdentifiers are words that stand in addresses for something else.
var reservedIdentifiers = []string{"callback", "choose", "default", "login", "logout", "new", "none", "presets"}

// validIdentifier reports whether an identifier fits into every address.
func validIdentifier(s string) bool {
	return s != "" && len(s) <= maxIdentifier && !slices.Contains(reservedIdentifiers, s) && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

// joinIdentifier returns the identifier of a new record: what was asked for and
// a slug of the name that people see.
func joinIdentifier(requested, displayName string) string {
	joined := requested
	if s := slug(displayName); s != "" {
		joined += "_" + s
	}
	return strings.TrimRight(joined[:min(len(joined), maxIdentifier)], "_")
}

// slug returns a text in lower case with one underscore for every run of
// characters that are neither letters nor digits of ASCII.
func slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.TrimRight(b.String(), "_")
}
