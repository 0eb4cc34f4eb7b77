package preset

import (
	"net/http"

	"github.com/oidckit/oidckit/internal/wire"
)

// Authorize returns next behind the translation of authorization requests: the
// scope and the spelling of the response type. Everything else, state above
// all, stays as it is.
func (d Dialect) Authorize(next wire.HandlerFunc) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		read, write := wire.AnyQuery, withQuery
		if r.Method == http.MethodPost {
			read, write = func(r *http.Request) (wire.Params, error) { return wire.AnyForm(w, r) }, withForm
		}
		p, err := read(r)
		if err != nil {
			return err
		}
		d.translateScope(p)
		if raw := p["response_type"]; len(raw) == 1 {
			if standard, ok := d.ResponseTypes[raw[0]]; ok {
				p["response_type"] = []string{standard}
			}
		}
		return next(w, write(r, p))
	}
}
