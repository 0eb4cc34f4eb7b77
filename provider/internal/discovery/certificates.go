package discovery

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/keys"
)

// Certificates serves the certificates of the published keys as PEM (RFC 7468
// §5), all of them or those that the parameters kid and alg name.
type Certificates struct{ Keys *keys.Manager }

var pemType = []string{"application/x-pem-file"}

// Serve answers GET and HEAD.
func (c *Certificates) Serve(w http.ResponseWriter, r *http.Request) error {
	params, err := wire.Query(r)
	if err != nil {
		return err
	}
	all, err := c.Keys.Certificates(r.Context())
	if err != nil {
		return err
	}
	kid, alg := params.Get("kid"), params.Get("alg")
	var body bytes.Buffer
	for _, cert := range all {
		if (kid == "" || kid == cert.KeyID) && (alg == "" || alg == cert.Algorithm) {
			body.Write(cert.PEM)
		}
	}
	if body.Len() == 0 {
		return oidckit.NewError(oidckit.InvalidRequest, "no key has a certificate of this name").WithStatus(http.StatusNotFound)
	}
	sum := sha256.Sum256(body.Bytes())
	doc := keys.Document{Body: body.Bytes(), ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	write(w, r, doc, jwksCache, pemType)
	return nil
}
