package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/keys"
)

// Metadata serves one document. It is safe for concurrent use.
type Metadata struct{ doc keys.Document }

// NewMetadata makes the document's bytes.
func NewMetadata(m oidckit.ProviderMetadata) (*Metadata, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return &Metadata{doc: keys.Document{Body: body, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}}, nil
}

// Serve answers GET and HEAD.
func (m *Metadata) Serve(w http.ResponseWriter, r *http.Request) error {
	write(w, r, m.doc, metadataCache, jsonType)
	return nil
}

// JWKS serves the key set (RFC 7517 §5).
type JWKS struct{ Keys *keys.Manager }

// Serve answers GET and HEAD.
func (j *JWKS) Serve(w http.ResponseWriter, r *http.Request) error {
	doc, err := j.Keys.JWKS(r.Context())
	if err != nil {
		return err
	}
	write(w, r, doc, jwksCache, jsonType)
	return nil
}

// Both documents are public: any origin may read them.
var (
	metadataCache = []string{"public, max-age=3600"}
	jwksCache     = []string{"public, max-age=300"}
	anyOrigin     = []string{"*"}
	jsonType      = []string{"application/json"}
)

func write(w http.ResponseWriter, r *http.Request, doc keys.Document, cache, contentType []string) {
	h := w.Header()
	h["Cache-Control"] = cache
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Etag"] = []string{doc.ETag}
	// RFC 9110 §13.1.2: a list, compared weakly
	if strings.Contains(r.Header.Get("If-None-Match"), doc.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = contentType
	if r.Method == http.MethodHead {
		return
	}
	w.Write(doc.Body)
}
