package admin

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/internal/wire"
)

// DefaultPrefix is where the API lives where nothing else is said.
const DefaultPrefix = "/services/api/idps/v1/oauth"

// timeout bounds a request.
const timeout = 20 * time.Second

// Config is what a Handler is made of.
type Config struct {
	// Registry keeps the records. Required.
	Registry *broker.Registry
	// Prefix is the full path of the API. Default DefaultPrefix.
	Prefix string
	// Guard decides who may call: middleware.RequireBearer with RequireScope, or
	// the app's own. Exactly one of Guard and CustomerKey is required.
	Guard func(http.Handler) http.Handler
	// CustomerKey takes the header scheme of older clients instead of a guard.
	// They know no If-Match, so that AllowMissingIfMatch is on with it.
	CustomerKey *CustomerKey
	// AllowMissingIfMatch takes changes and deletions without If-Match, which then
	// are of whatever version is there: of two operators at a time the later one
	// undoes what the other has done. By default they are answered with 428 (RFC
	// 6585 §3).
	AllowMissingIfMatch bool
	// AllowSecretsInAnswers answers client secrets in clear, to whoever the guard
	// lets in. By default they are broker.MaskedSecret.
	AllowSecretsInAnswers bool
	// EndSessions ends the sessions that came from a provider. Where it is set, a
	// deletion with the query endSessions=true calls it. Optional.
	EndSessions func(ctx context.Context, uuid string) error
	// Logger gets a line for each request that fails. The zero value is silent.
	Logger zerolog.Logger
}

// Handler serves the API. It sees requests at their full path, and is safe for
// concurrent use.
type Handler struct {
	cfg     Config
	openAPI []byte
	routes  map[string]http.Handler
	item    http.Handler
	test    http.Handler
	none    http.Handler
	guarded http.Handler
}

//go:embed openapi.json
var openAPI []byte

// New returns a handler. It makes no call.
func New(cfg Config) (*Handler, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	guard := cfg.Guard
	h := &Handler{cfg: cfg, openAPI: bytes.ReplaceAll(openAPI, []byte("{prefix}"), []byte(cfg.Prefix))}
	if cfg.CustomerKey != nil {
		h.cfg.AllowMissingIfMatch = true
		guard = h.customerKeyGuard(*cfg.CustomerKey)
	}
	h.assemble()
	// A guard that goes by a cookie must not let other sites write.
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(h.denied))
	h.guarded = guard(sameOrigin.Handler(http.HandlerFunc(h.route)))
	return h, nil
}

func (c *Config) check() error {
	var errs []error
	if c.Registry == nil {
		errs = append(errs, errors.New("admin.Config.Registry is nil"))
	}
	if !strings.HasPrefix(c.Prefix, "/") || c.Prefix == "/" || c.Prefix != path.Clean(c.Prefix) || strings.ContainsAny(c.Prefix, "{}?#%\"\\ ") {
		errs = append(errs, fmt.Errorf("admin.Config.Prefix: %q must be a plain path that begins with a slash", c.Prefix))
	}
	if (c.Guard == nil) == (c.CustomerKey == nil) {
		errs = append(errs, errors.New("admin.Config.Guard or CustomerKey must be set, and only one of them: who may call is a choice"))
	}
	if c.CustomerKey != nil {
		errs = append(errs, c.CustomerKey.check()...)
	}
	return errors.Join(errs...)
}

// Mount registers the API at its full path.
func (h *Handler) Mount(mux oidckit.Mux) {
	for _, below := range []string{"", "/{uuid}", "/{uuid}/test"} {
		mux.Handle(h.cfg.Prefix+below, h)
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.guarded.ServeHTTP(w, r) }

func (h *Handler) assemble() {
	get, post := []string{http.MethodGet, http.MethodHead}, http.MethodPost
	h.routes = map[string]http.Handler{
		"":              h.endpoint("admin_idps", h.serveCollection, append(get[:2:2], post)...),
		"/openapi.json": h.endpoint("admin_openapi", h.serveOpenAPI, get...),
		"/presets":      h.endpoint("admin_presets", h.servePresets, get...),
		"/import":       h.endpoint("admin_import", h.serveImport, post),
		"/test":         h.endpoint("admin_test", h.serveTest, post),
		"/preview":      h.endpoint("admin_preview", h.servePreview, post),
	}
	h.item = h.endpoint("admin_idp", h.serveItem, append(get[:2:2], http.MethodPut, http.MethodDelete)...)
	h.test = h.endpoint("admin_test", h.serveTest, post)
	h.none = h.endpoint("admin", func(http.ResponseWriter, *http.Request) error { return notFound() },
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch)
}

func (h *Handler) endpoint(name string, fn wire.HandlerFunc, methods ...string) http.Handler {
	return wire.Endpoint(fn, wire.Options{Logger: h.cfg.Logger, Name: name, Methods: methods, Timeout: timeout, WriteError: h.writeError})
}

// RFC 9562 §4: lower case is what a registry writes.
var uuidForm = regexp.MustCompile(`^/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/test)?$`)

// below returns what stands in a request's path after the prefix, and the uuid
// in it.
func (h *Handler) below(r *http.Request) (rest, uuid string) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), h.cfg.Prefix)
	if !ok {
		return "/", ""
	}
	if m := uuidForm.FindStringSubmatch(rest); m != nil {
		return rest, m[1]
	}
	return rest, ""
}

func (h *Handler) route(w http.ResponseWriter, r *http.Request) {
	rest, uuid := h.below(r)
	switch route, ok := h.routes[rest]; {
	case ok:
		route.ServeHTTP(w, r)
	case uuid == "":
		h.none.ServeHTTP(w, r)
	case strings.HasSuffix(rest, "/test"):
		h.test.ServeHTTP(w, r)
	default:
		h.item.ServeHTTP(w, r)
	}
}

// denied answers what a page of another origin has sent.
func (h *Handler) denied(w http.ResponseWriter, r *http.Request) {
	h.writeError(w, r, oidckit.NewError(oidckit.AccessDenied, "Pages of other origins may change nothing here."))
}

func (h *Handler) serveOpenAPI(w http.ResponseWriter, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	wire.WriteJSONBytes(w, http.StatusOK, h.openAPI)
	return nil
}

func notFound() error {
	return oidckit.NewError(oidckit.InvalidRequest, "There is no such identity provider.").WithStatus(http.StatusNotFound)
}

func noQuery(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return oidckit.NewError(oidckit.InvalidRequest, "This address has no query.")
	}
	return nil
}
