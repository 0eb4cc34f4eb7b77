package admin

import (
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/internal/adminapi"
	"github.com/oidckit/oidckit/internal/wire"
)

// The texts of successful answers.
const (
	msgRetrieved = "Identity Provider settings retrieved successfully."
	msgCreated   = "Identity Provider created successfully."
	msgUpdated   = "Identity Provider updated successfully."
)

// detailsPath stands in details, wherever the API is mounted.
const detailsPath = "uri=/v1/oauth"

// timestampForm is UTC with milliseconds.
const timestampForm = "2006-01-02T15:04:05.000Z"

// envelope is what every answer with a body is in.
type envelope struct {
	Status     string `json:"status"`
	StatusCode int    `json:"statusCode"`
	Message    string `json:"message"`
	Timestamp  string `json:"timestamp"`
	Details    string `json:"details"`

	List *list                    `json:"idpList,omitempty"`
	IDP  *broker.IdentityProvider `json:"idp,omitempty"`

	// Prepared is a record that is not stored, nor complete.
	Prepared   *broker.IdentityProvider `json:"prepared,omitempty"`
	Presets    []broker.Preset          `json:"presets,omitempty"`
	Connection *connection              `json:"connection,omitempty"`
	Preview    *preview                 `json:"preview,omitempty"`

	Errors adminapi.Fields `json:"errors,omitempty"`
}

// list is a page of records.
type list struct {
	TotalResults int                       `json:"totalResults"`
	StartIndex   int                       `json:"startIndex"`
	ItemsPerPage int                       `json:"itemsPerPage"`
	Resources    []broker.IdentityProvider `json:"resources"`
}

func (h *Handler) seal(r *http.Request, e *envelope, status int, message string) {
	e.Status, e.StatusCode, e.Message = "SUCCESS", status, message
	if status >= http.StatusBadRequest {
		e.Status = "FAILED"
	}
	e.Timestamp = time.Now().UTC().Format(timestampForm)
	e.Details = detailsPath
	// Of a path only what the API has given out comes back.
	if rest, uuid := h.below(r); uuid != "" || h.routes[rest] != nil {
		e.Details += rest
	}
}

// write answers a success.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, status int, message string, e envelope) {
	h.seal(r, &e, status, message)
	wire.WriteJSON(w, status, e)
}

// writeError answers a failure.
func (h *Handler) writeError(w http.ResponseWriter, r *http.Request, e *oidckit.Error) {
	status := e.HTTPStatus()
	head := w.Header()
	if status == http.StatusServiceUnavailable {
		head.Set("Retry-After", wire.RetryAfter)
	}
	answer := envelope{Errors: adminapi.FieldsOf(e)}
	h.seal(r, &answer, status, e.Description)
	wire.WriteJSON(w, status, answer)
}

// writeRecord answers with a record and its version.
func (h *Handler) writeRecord(w http.ResponseWriter, r *http.Request, status int, message string, p *broker.IdentityProvider) {
	h.reveal(p)
	head := w.Header()
	head.Set("ETag", adminapi.ETag(p.Version))
	if status == http.StatusCreated {
		head.Set("Location", h.cfg.Prefix+"/"+p.UUID)
	}
	h.write(w, r, status, message, envelope{IDP: p})
}

func (h *Handler) reveal(p *broker.IdentityProvider) {
	if h.cfg.AllowSecretsInAnswers {
		// One that cannot be opened stays masked: the registry has logged it, and
		// the record can be given another one.
		_ = h.cfg.Registry.Reveal(p)
	}
}
