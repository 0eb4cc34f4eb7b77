package handlers

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
)

const (
	requestObjectPath  = "/request-object/"
	requestObjectRoute = requestObjectPath + "{object}"

	referenceVersion = 1
)

// RequestObjects sends what a login asks for as a JWT that the first of
// Config.ClientKeys has signed, so that nobody can change it on the way (RFC
// 9101, OpenID Connect Core 1.0 §6). Without ByReference it stands in the
// address itself, or in the request that is pushed.
type RequestObjects struct {
	// ByReference has the issuer fetch the object, from Prefix +
	// "/request-object/" and a name that is all that there is to it: nothing is
	// stored. Each login has another address: an issuer that takes registered
	// request_uris alone must be able to register the whole folder. What makes an
	// address longer than 512 characters, as a long claims parameter does, goes by
	// value; so does what is pushed.
	ByReference bool
	// AllowUnsigned makes the objects under none, for an app that is registered
	// with that as its request_object_signing_alg. That the issuer fetches them
	// over https is then all that protects them. Needs ByReference; what cannot go
	// by reference goes as plain parameters.
	AllowUnsigned bool
}

func (c Config) checkRequestObjects(s cookies.Site) error {
	o := c.RequestObjects
	switch {
	case o == nil:
		return nil
	case !o.AllowUnsigned && len(c.ClientKeys) == 0:
		return errors.New("needs ClientKeys")
	case o.AllowUnsigned && !o.ByReference:
		return errors.New("has AllowUnsigned without ByReference")
	// OpenID Connect Core 1.0 §6.2
	case o.AllowUnsigned && !s.Secure:
		return errors.New("has AllowUnsigned, and BaseURL is not https")
	}
	return nil
}

// requestObjects is the client's part of the config, nil where there is none.
func (rp *RelyingParty) requestObjects() *client.RequestObjects {
	o := rp.cfg.RequestObjects
	if o == nil {
		return nil
	}
	out := &client.RequestObjects{Unsigned: o.AllowUnsigned}
	if o.ByReference {
		out.Refer = rp.refer
	}
	return out
}

// refer returns the address of a request, which holds it.
func (rp *RelyingParty) refer(request string) string {
	w := record{referenceVersion}
	w.int(time.Now().Unix())
	w.text(request)
	return rp.url(requestObjectPath) + rp.objects.SealText(w, rp.id)
}

func (rp *RelyingParty) openReference(sealed string, now time.Time) (request string, ok bool) {
	plain, err := rp.objects.OpenText(sealed, rp.id)
	if err != nil {
		return "", false
	}
	r := recordReader{s: string(plain)}
	if r.byte() != referenceVersion {
		return "", false
	}
	age := now.Sub(time.Unix(r.int(), 0))
	request = r.text()
	return request, r.done() && age <= cookies.Lifetime && age >= -client.Leeway
}

// serveRequestObject answers the issuer with the object of a login under way
// (RFC 9101 §5.2.3). It is made now: a stranger leaves nothing behind.
func (rp *RelyingParty) serveRequestObject(w http.ResponseWriter, r *http.Request) error {
	request, ok := rp.openReference(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], time.Now())
	if !ok {
		return &failure{status: http.StatusNotFound, reason: "unknown_request_object", message: "There is no such request, or not any more."}
	}
	object, err := rp.client.RequestObject(request)
	if err != nil {
		return &failure{status: http.StatusInternalServerError, reason: "request_object", cause: err, message: "Something went wrong on our side."}
	}
	w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
	_, _ = w.Write([]byte(object))
	return nil
}
