package wire

import (
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
)

// ErrorPage returns the Options.WriteError of endpoints that people see. The
// page shows the description, which is ours, never a peer's text.
func ErrorPage(brand string) func(http.ResponseWriter, *http.Request, *oidckit.Error) {
	return func(w http.ResponseWriter, _ *http.Request, e *oidckit.Error) {
		if e.HTTPStatus() == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", RetryAfter)
		}
		// The connection is what is left to fail, and it has no other answer.
		_ = page.Write(w, e.HTTPStatus(), page.Error{Brand: brand, Message: e.Description})
	}
}
