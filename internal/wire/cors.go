package wire

import (
	"context"
	"net/http"
)

// CORS lets scripts of the allowed origins read an endpoint's answers and
// answers their preflights (Fetch Standard §3.2). Cookies are never allowed
// along: these endpoints know their callers by other means.
func CORS(next http.Handler, allowed func(origin string) bool) http.Handler {
	return cors(next, allowed, false)
}

// CallerCORS is CORS for an endpoint that learns who calls from the request:
// it says with Reveal whether an origin that was not allowed before may read
// the answer. A preflight names no caller, so those of every origin are
// answered. That gives nothing away: a script may send what any program can
// send, and reads nothing until its origin was allowed.
func CallerCORS(next http.Handler, allowed func(origin string) bool) http.Handler {
	return cors(next, allowed, true)
}

func cors(next http.Handler, allowed func(origin string) bool, open bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		ok := origin != "" && allowed(origin)
		if r.Method != http.MethodOptions {
			if ok {
				reveal(h, origin)
			} else if origin != "" && open {
				r = r.WithContext(context.WithValue(r.Context(), askingKey{}, asking{h, origin}))
			}
			next.ServeHTTP(w, r)
			return
		}
		if ok || origin != "" && open {
			reveal(h, origin)
			h.Set("Access-Control-Allow-Methods", "GET, POST")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, MCP-Protocol-Version")
			h.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// Public answers the preflights of a document that anybody may read. The
// document itself says so (Fetch Standard §3.2.5).
func Public(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "Content-Type, If-None-Match, MCP-Protocol-Version")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

type askingKey struct{}

// asking is a request from an origin that is not known yet.
type asking struct {
	header http.Header
	origin string
}

// Reveal lets the origin of a request read its answer, if it is allowed. It is
// called before the answer is written, in the goroutine of the request.
func Reveal(ctx context.Context, allowed func(origin string) bool) {
	if a, ok := ctx.Value(askingKey{}).(asking); ok && allowed(a.origin) {
		reveal(a.header, a.origin)
	}
}

func reveal(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce")
}
