package register

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
)

// request is what a client sends.
type request struct {
	metadata oidckit.ClientMetadata
	// issued are the members it sent that only an answer has.
	issued []string
	// statement is a software statement.
	statement    string
	hasStatement bool
}

// issuedMembers are what the issuer says of a client (RFC 7591 §3.2.1, RFC
// 7592 §3).
var issuedMembers = []string{"registration_access_token", "registration_client_uri", "client_id_issued_at", "client_secret_expires_at"}

// encryptionMembers ask for JWE. A client that asked and was not told would get
// its users' claims in the clear.
var encryptionMembers = []string{
	"id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc",
	"request_object_encryption_alg", "request_object_encryption_enc", "introspection_encrypted_response_alg",
	"introspection_encrypted_response_enc", "authorization_encrypted_response_alg", "authorization_encrypted_response_enc",
}

// readRequest reads the body. Members that nobody here knows are ignored, and
// those that are null count as absent (RFC 7591 §2, RFC 7592 §2.2).
func readRequest(w http.ResponseWriter, r *http.Request) (*request, error) {
	body, err := wire.JSON(w, r, wire.MaxBody)
	if err != nil {
		return nil, err
	}
	req := &request{}
	var problems []*clients.Problem
	err = strictjson.Object(body, func(rawName []byte, v strictjson.Value) error {
		name := string(rawName)
		switch {
		case v.Kind() == strictjson.KindNull:
		case name == "software_statement":
			req.hasStatement = true
			req.statement, _ = v.Text()
		case slices.Contains(issuedMembers, name):
			req.issued = append(req.issued, name)
		case slices.Contains(encryptionMembers, name):
			problems = append(problems, &clients.Problem{Field: name, Text: "cannot be done: nothing is encrypted here"})
		default:
			if problem := req.member(name, v); problem != nil {
				problems = append(problems, problem)
			}
		}
		return nil
	})
	if err != nil {
		return nil, oidckit.NewError(oidckit.InvalidClientMetadata, "the body is not one JSON object").WithCause(err)
	}
	if len(problems) > 0 {
		return nil, clients.Refusal(problems)
	}
	return req, req.checkStatement()
}

// member reads one member on its own, so that each one of a wrong type is
// told.
func (req *request) member(name string, v strictjson.Value) *clients.Problem {
	key, err := json.Marshal(name)
	if err != nil {
		return nil
	}
	if strictjson.Unmarshal(slices.Concat([]byte("{"), key, []byte(":"), v, []byte("}")), &req.metadata) != nil {
		// Only members that the metadata has can be of a wrong type.
		return &clients.Problem{Field: name, Text: "has a value of the wrong type"}
	}
	return nil
}

// checkStatement implements RFC 7591 §3.2.2: no software statement is approved.
func (req *request) checkStatement() error {
	if !req.hasStatement {
		return nil
	}
	if j, err := jose.Parse(req.statement); err != nil || !slices.Contains(jose.Algorithms(), j.Header.Algorithm) {
		return oidckit.NewError(oidckit.InvalidSoftwareStatement, "software_statement is not a signed JWT")
	}
	return oidckit.NewError(oidckit.UnapprovedSoftwareStatement, "software statements are not approved here")
}
