package middleware

import (
	"net/http"

	"github.com/oidckit/oidckit"
)

var (
	errBound       = oidckit.NewError(oidckit.InvalidToken, "the access token is bound to a key and came without its proof")
	errBoundTo     = oidckit.NewError(oidckit.InvalidToken, "the access token is bound in a way that is not accepted here")
	errNotBound    = oidckit.NewError(oidckit.InvalidToken, "the access token is not bound to a key, as the scheme DPoP needs")
	errPlain       = oidckit.NewError(oidckit.InvalidToken, "an access token that is bound to its sender is required")
	errCertificate = oidckit.NewError(oidckit.InvalidToken, "the access token is bound to another client certificate")
)

// refusedBinding gives a refusal its reason, as verifiers do.
func refusedBinding(e *oidckit.Error, setting, reason string) *oidckit.Error {
	return e.WithCause(&TokenError{Claim: "cnf", Setting: setting, Reason: reason, config: "Bearer"})
}

// checkBinding decides whether who sent a token may use it: whatever the token
// is bound to must be shown (RFC 7800 §3.1), and a token that is bound to
// nothing must be acceptable as such.
func (g *bearerGuard) checkBinding(w http.ResponseWriter, r *http.Request, c credentials, id *oidckit.Identity) *oidckit.Error {
	var cnf oidckit.Confirmation
	if id.Confirmation != nil {
		cnf = *id.Confirmation
		if cnf.Unknown || cnf == (oidckit.Confirmation{}) {
			return refusedBinding(errBoundTo, "", "names a way that the kit does not know")
		}
	}
	switch {
	case cnf.JWKThumbprint != "" && g.DPoP == nil:
		return refusedBinding(errBoundTo, "DPoP", "has jkt, which is taken only where this is set")
	case cnf.CertificateThumbprint != "" && g.MTLS == nil:
		return refusedBinding(errBoundTo, "MTLS", "has x5t#S256, which is taken only where this is set")
	// RFC 9449 §7.1, §7.2
	case cnf.JWKThumbprint != "" && c.scheme != schemeDPoP:
		return refusedBinding(errBound, "", "has jkt, and the request is not under the scheme DPoP")
	case cnf.JWKThumbprint == "" && c.scheme == schemeDPoP:
		return refusedBinding(errNotBound, "", "has no jkt, and the request is under the scheme DPoP")
	case cnf.JWKThumbprint == "" && g.DPoP.required():
		return refusedBinding(errPlain, "DPoP", "has no jkt, which this requires")
	case cnf.CertificateThumbprint == "" && g.MTLS.required():
		return refusedBinding(errPlain, "MTLS", "has no x5t#S256, which this requires")
	}
	if cnf.CertificateThumbprint != "" {
		if e := g.MTLS.check(r, cnf.CertificateThumbprint); e != nil {
			return e
		}
	}
	// last, for it uses the proof up
	if cnf.JWKThumbprint != "" {
		return g.checkProof(w, r, c.token, cnf.JWKThumbprint)
	}
	return nil
}

// checkProof takes the request's proof, and hands the client a new nonce where
// it needs one.
func (g *bearerGuard) checkProof(w http.ResponseWriter, r *http.Request, token, thumbprint string) *oidckit.Error {
	want := proofRequest(r, token, thumbprint)
	if g.hasProved(r, want) {
		return nil
	}
	proof, err := g.DPoP.check(r, want)
	var e *oidckit.Error
	used := ""
	if err == nil {
		used = proof.Nonce
	} else if e = refusalOf(err); e.Code != oidckit.UseDPoPNonce {
		return e
	}
	// RFC 9449 §8.2, §9
	if nonce := g.DPoP.newNonce(used); nonce != "" {
		h := w.Header()
		h["Dpop-Nonce"] = []string{nonce}
		if e == nil {
			h["Cache-Control"] = noStoreValue
			exposeChallenge(h, r)
		}
	}
	return e
}
