package middleware

import (
	"context"
	"net/http"

	"github.com/oidckit/oidckit/internal/dpop"
)

// provedKey is under which a request's context has its proved.
type provedKey struct{}

// proved is a proof that a guard before has found good and used up, with all
// that it was found good for.
type proved struct {
	by    *DPoP
	proof string
	what  dpop.Request
}

// withProof remembers for guards behind this one, if they share its DPoP, that
// the request's proof is good: each is good for one request, however many
// guards look at it.
func (g *bearerGuard) withProof(r *http.Request, token, thumbprint string) context.Context {
	return context.WithValue(r.Context(), provedKey{}, &proved{by: g.DPoP, proof: r.Header["Dpop"][0], what: proofRequest(r, token, thumbprint)})
}

// hasProved reports whether a guard before has used up this very proof for the
// same: a request that a handler makes of it is another one.
func (g *bearerGuard) hasProved(r *http.Request, want dpop.Request) bool {
	p, ok := r.Context().Value(provedKey{}).(*proved)
	proofs := r.Header["Dpop"]
	return ok && p.by == g.DPoP && len(proofs) == 1 && proofs[0] == p.proof && want == p.what
}

func proofRequest(r *http.Request, token, thumbprint string) dpop.Request {
	return dpop.Request{Method: r.Method, Path: dpop.Path(r), AccessToken: token, Thumbprint: thumbprint}
}
