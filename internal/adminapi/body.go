package adminapi

import (
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/internal/wire"
)

// MaxBody bounds a request's body, in bytes.
const MaxBody = 256 << 10

// ReadJSON reads a body into v. Members that v does not know, and members that
// stand twice, are refused: what an operator mistypes must not be lost.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	// A form that another site has sent is no JSON.
	body, err := wire.JSON(w, r, MaxBody)
	if err != nil {
		return err
	}
	if err := strictjson.Check(body); err != nil {
		return oidckit.NewError(oidckit.InvalidRequest, "the body is not strict JSON").WithCause(err)
	}
	if err := strictjson.UnmarshalKnown(body, v); err != nil {
		return oidckit.NewError(oidckit.InvalidRequest, "the body has a member that is unknown, or has a value of the wrong type").WithCause(err)
	}
	return nil
}
