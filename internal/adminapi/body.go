package adminapi

import (
	"encoding/json"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/internal/wire"
)

// MaxBody bounds a request's body, in bytes.
const MaxBody = 256 << 10

const (
	// maxFields bounds how many wrong members are told, maxFieldName how much of
	// a name.
	maxFields    = 50
	maxFieldName = 64
)

// ReadFields is ReadJSON that tells every member which is unknown, or has a
// value of the wrong type, by its name: what was read of the others is in v.
func ReadFields(w http.ResponseWriter, r *http.Request, v any) (Fields, error) {
	body, err := wire.JSON(w, r, MaxBody)
	if err != nil {
		return nil, err
	}
	var wrong Fields
	err = strictjson.Object(body, func(name []byte, value strictjson.Value) error {
		text := string(name[:min(len(name), maxFieldName)])
		member, err := json.Marshal(map[string]json.RawMessage{string(name): json.RawMessage(value)})
		if err == nil {
			err = strictjson.UnmarshalKnown(member, v)
		}
		switch _, unknown := err.(*strictjson.UnknownError); {
		case err == nil || len(wrong) == maxFields:
		case unknown:
			wrong = append(wrong, Field{text, "is not known"})
		default:
			wrong = append(wrong, Field{text, "has a value of the wrong type, or a member in it that is not known"})
		}
		return nil
	})
	if err != nil {
		return nil, notStrict(err)
	}
	return wrong, nil
}

func notStrict(cause error) error {
	return oidckit.NewError(oidckit.InvalidRequest, "the body is not strict JSON").WithCause(cause)
}

// ReadJSON reads a body into v. Members that v does not know, and members that
// stand twice, are refused: what an operator mistypes must not be lost.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	// A form that another site has sent is no JSON.
	body, err := wire.JSON(w, r, MaxBody)
	if err != nil {
		return err
	}
	if err := strictjson.Check(body); err != nil {
		return notStrict(err)
	}
	if err := strictjson.UnmarshalKnown(body, v); err != nil {
		return oidckit.NewError(oidckit.InvalidRequest, "the body has a member that is unknown, or has a value of the wrong type").WithCause(err)
	}
	return nil
}
