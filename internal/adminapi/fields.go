package adminapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

// Field is what is wrong with one field of a request.
type Field struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Fields is everything that is wrong with a request. As an error it is the
// cause of the *oidckit.Error that Invalid returns.
type Fields []Field

// Error names every field.
func (f Fields) Error() string {
	texts := make([]string, len(f))
	for i, field := range f {
		texts[i] = field.Field + ": " + field.Message
	}
	return strings.Join(texts, "; ")
}

// Invalid is the answer to a request with wrong fields, of which there is one
// or more.
func Invalid(code oidckit.ErrorCode, fields Fields) error {
	return oidckit.NewError(code, "one or more fields are not valid").WithCause(fields)
}

// FieldsOf returns the fields that an error names, nil where it names none.
func FieldsOf(e *oidckit.Error) Fields {
	fields, _ := errors.AsType[Fields](e.Cause())
	return fields
}

// WriteError writes a failure as RFC 6749 §5.2 has it, with the fields beside.
func WriteError(w http.ResponseWriter, r *http.Request, e *oidckit.Error) {
	fields := FieldsOf(e)
	if fields == nil {
		wire.WriteError(w, r, e)
		return
	}
	wire.WriteJSON(w, e.HTTPStatus(), struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Fields      Fields `json:"fields"`
	}{string(e.Code), e.Description, fields})
}
