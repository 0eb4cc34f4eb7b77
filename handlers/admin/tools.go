package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/internal/adminapi"
)

// The texts of what stores nothing.
const (
	msgPresets  = "Presets retrieved successfully."
	msgImported = "Identity Provider settings prepared successfully."
	msgTested   = "Connection tested."
	msgPreview  = "Attribute mapping applied."
)

// connection is what a test has found.
type connection struct {
	OK    bool                    `json:"ok"`
	Steps []broker.ConnectionStep `json:"steps"`
}

// preview is what a mapping makes of claims.
type preview struct {
	Attributes map[string]any `json:"attributes"`
	// Absent are those for which the claims had nothing.
	Absent []string `json:"absent"`
}

func (h *Handler) servePresets(w http.ResponseWriter, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	presets := broker.Presets()
	h.write(w, r, http.StatusOK, msgPresets, envelope{Presets: presets})
	return nil
}

// serveImport prepares a record from a preset or from a provider's metadata.
func (h *Handler) serveImport(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		URL        string            `json:"url"`
		Preset     string            `json:"preset"`
		Parameters map[string]string `json:"parameters"`
	}
	if err := readAll(w, r, &in); err != nil {
		return err
	}
	var p broker.IdentityProvider
	var err error
	switch {
	case (in.URL == "") == (in.Preset == ""):
		err = broker.FieldErrors{{Field: "url", Message: "or preset must be given, and only one of them"}}
	case in.URL != "":
		p, err = h.cfg.Registry.Import(r.Context(), in.URL)
	default:
		preset, ok := broker.FindPreset(in.Preset)
		if !ok {
			err = broker.FieldErrors{{Field: "preset", Message: "is not known"}}
			break
		}
		p, err = preset.Fill(in.Parameters)
	}
	if err != nil {
		return h.refusal(err)
	}
	p.AttributeMapping = append([]broker.AttributeMapping{}, p.AttributeMapping...)
	h.write(w, r, http.StatusOK, msgImported, envelope{Prepared: &p})
	return nil
}

// readAll reads a body whose every member must be known.
func readAll(w http.ResponseWriter, r *http.Request, v any) error {
	if err := noQuery(r); err != nil {
		return err
	}
	wrong, err := adminapi.ReadFields(w, r, v)
	if err == nil && len(wrong) > 0 {
		err = adminapi.Invalid(oidckit.InvalidRequest, wrong)
	}
	return err
}

// serveTest tests a record that is stored, or one that may be.
func (h *Handler) serveTest(w http.ResponseWriter, r *http.Request) error {
	_, uuid := h.below(r)
	var p broker.IdentityProvider
	if uuid == "" {
		if err := readAll(w, r, &p); err != nil {
			return err
		}
	} else {
		if err := noQuery(r); err != nil {
			return err
		}
		stored, err := h.get(r.Context(), uuid)
		if err != nil {
			return err
		}
		p = *stored
	}
	steps := h.cfg.Registry.TestConnection(r.Context(), p)
	failed := slices.ContainsFunc(steps, func(s broker.ConnectionStep) bool { return !s.OK })
	h.write(w, r, http.StatusOK, msgTested, envelope{Connection: &connection{OK: !failed, Steps: steps}})
	return nil
}

// servePreview shows what a mapping makes of sample claims.
func (h *Handler) servePreview(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		AttributeMapping []broker.AttributeMapping `json:"attributeMapping"`
		Claims           json.RawMessage           `json:"claims"`
	}
	if err := readAll(w, r, &in); err != nil {
		return err
	}
	mapping, err := broker.NewMapping(in.AttributeMapping)
	wrong, _ := errors.AsType[broker.FieldErrors](err)
	out := preview{Absent: []string{}}
	if len(wrong) == 0 {
		out.Attributes, err = mapping.Apply(oidckit.Claims(in.Claims))
	}
	if len(in.Claims) == 0 || in.Claims[0] != '{' || len(wrong) == 0 && err != nil {
		wrong = append(wrong, broker.FieldError{Field: "claims", Message: "must be a JSON object"})
	}
	if len(wrong) > 0 {
		return h.refusal(wrong)
	}
	for _, name := range mapping.Names() {
		if _, ok := out.Attributes[name]; !ok {
			out.Absent = append(out.Absent, name)
		}
	}
	h.write(w, r, http.StatusOK, msgPreview, envelope{Preview: &out})
	return nil
}
