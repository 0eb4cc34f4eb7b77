package adminapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/oidckit/oidckit"
)

// ETag is the entity tag of a record's version (RFC 9110 §8.8.3).
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ErrPrecondition is the answer where a record is not the one that the request
// was meant for.
var ErrPrecondition = oidckit.NewError(oidckit.InvalidRequest, "the record has changed since it was read; read it again").
	WithStatus(http.StatusPreconditionFailed)

// CheckMatch implements If-Match (RFC 9110 §13.1.1). A request that changes
// something and does not say which version it has read is refused (RFC 6585
// §3): it may undo what another operator has just done. * is any version.
func CheckMatch(r *http.Request, etag string) error {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		return oidckit.NewError(oidckit.InvalidRequest, "If-Match is missing: send the ETag of what was read, or *").
			WithStatus(http.StatusPreconditionRequired)
	}
	for one := range strings.SplitSeq(strings.Join(values, ","), ",") {
		// The comparison is the strong one: W/ matches nothing.
		if one = strings.TrimSpace(one); one == "*" || one == etag {
			return nil
		}
	}
	return ErrPrecondition
}
