package middleware

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/wire"
)

// wellKnownResource is RFC 9728 §3.
const wellKnownResource = "/.well-known/oauth-protected-resource"

// ResourceMetadata publishes an API's metadata (RFC 9728 §3), to scripts of
// any origin: it is how a client that was refused finds out where to get a
// token. It is safe for concurrent use; the zero value and nil have none, and
// answer 404.
type ResourceMetadata struct {
	url, path, etag, length string
	// decoded is path without escapes.
	decoded  string
	document []byte
	handler  http.Handler
}

// NewResourceMetadata checks the metadata and reports all its problems
// together. Where BearerMethodsSupported is nil it says "header", which is what
// the guards take by default. A Resource with a query, which RFC 9728 §1.2
// advises against, is one of the problems: a router could not tell it apart.
func NewResourceMetadata(m oidckit.ResourceMetadata) (*ResourceMetadata, error) {
	u, err := validateResource(m)
	if err != nil {
		return nil, fmt.Errorf("middleware: ResourceMetadata: %w", err)
	}
	if m.BearerMethodsSupported == nil {
		m.BearerMethodsSupported = []string{"header"}
	}
	document, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("middleware: ResourceMetadata: %w", err)
	}
	// RFC 9728 §3.1: the well-known part goes between host and path, and takes
	// the place of a slash that follows the host and nothing else
	path, decoded := u.EscapedPath(), u.Path
	if path == "/" {
		path, decoded = "", ""
	}
	sum := sha256.Sum256(document)
	h := &ResourceMetadata{
		path:     wellKnownResource + path,
		decoded:  wellKnownResource + decoded,
		document: document,
		length:   strconv.Itoa(len(document)),
		etag:     `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`,
	}
	h.url = u.Scheme + "://" + u.Host + h.path
	endpoint := wire.Endpoint(h.serve, wire.Options{Name: "resource metadata", Methods: []string{http.MethodGet, http.MethodHead}})
	h.handler = wire.CORS(endpoint, func(string) bool { return true })
	return h, nil
}

func validateResource(m oidckit.ResourceMetadata) (*url.URL, error) {
	var problems []error
	problem := func(field string, err error) { problems = append(problems, fmt.Errorf("%s %w", field, err)) }
	// RFC 9728 §1.2
	resource, err := safeurl.Issuer(m.Resource)
	if err != nil {
		problem("Resource", err)
	}
	for _, issuer := range m.AuthorizationServers {
		if _, err := safeurl.Issuer(issuer); err != nil {
			problem("AuthorizationServers", err)
		}
	}
	if m.JWKSURI != "" {
		if _, err := safeurl.Endpoint(m.JWKSURI); err != nil {
			problem("JWKSURI", err)
		}
	}
	for _, method := range m.BearerMethodsSupported {
		if !slices.Contains([]string{"header", "body", "query"}, method) {
			problem("BearerMethodsSupported", errors.New("holds "+strconv.Quote(method)+`, which is none of "header", "body" and "query"`))
		}
	}
	// RFC 9728 §2: the value none MUST NOT be used
	if slices.Contains(m.ResourceSigningAlgValuesSupported, "none") || slices.Contains(m.DPoPSigningAlgValuesSupported, "none") {
		problem("ResourceSigningAlgValuesSupported or DPoPSigningAlgValuesSupported", errors.New(`holds "none"`))
	}
	return resource, errors.Join(problems...)
}

// URL returns where the metadata is, for Bearer.ResourceMetadata.
func (h *ResourceMetadata) URL() string {
	if h == nil {
		return ""
	}
	return h.url
}

// Mount registers the metadata at its well-known path, which for a resource
// with a path ends in it (RFC 9728 §3.1), and at no path below that. The zero
// value and nil register nothing.
func (h *ResourceMetadata) Mount(mux oidckit.Mux) {
	if h == nil || h.handler == nil {
		return
	}
	mux.Handle(h.path, http.HandlerFunc(h.serveMounted))
}

// serveMounted answers at one path alone: a pattern that ends in a slash stands
// for all below it in http.ServeMux, and what would end it ("{$}") is taken for
// a name by other routers.
func (h *ResourceMetadata) serveMounted(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != h.decoded {
		http.NotFound(w, r)
		return
	}
	h.handler.ServeHTTP(w, r)
}

// ServeHTTP implements http.Handler.
func (h *ResourceMetadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h == nil || h.handler == nil {
		http.NotFound(w, r)
		return
	}
	h.handler.ServeHTTP(w, r)
}

func (h *ResourceMetadata) serve(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	header.Set("Cache-Control", "public, max-age=3600")
	header.Set("ETag", h.etag)
	if matchesETag(r.Header["If-None-Match"], h.etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", h.length)
	if r.Method == http.MethodHead {
		return nil
	}
	_, _ = w.Write(h.document)
	return nil
}

// matchesETag implements the weak comparison of RFC 9110 §13.1.2 for a strong
// tag of the kit's, which has no comma in it.
func matchesETag(values []string, etag string) bool {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == etag {
				return true
			}
		}
	}
	return false
}
