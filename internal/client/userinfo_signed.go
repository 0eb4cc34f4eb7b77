package client

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// readSignedUserinfo returns the claims of an answer that was registered to
// come as a JWT (OpenID Connect Core 1.0 §5.3.2).
func (c *Client) readSignedUserinfo(ctx context.Context, resp *httpx.Response) ([]byte, error) {
	// §5.3.2: the content type of a signed answer MUST be application/jwt
	if mt, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || mt != "application/jwt" {
		return nil, refuse("userinfo", errors.New("userinfo is not signed, and Config.UserinfoSignedResponseAlg says it is"))
	}
	jws, err := jose.Parse(string(resp.Body))
	if err != nil {
		return nil, refuse("userinfo", err)
	}
	switch alg := c.cfg.UserinfoSignedResponseAlg; {
	// RFC 8725 §3.1
	case jws.Header.Algorithm != alg:
		return nil, refuse("userinfo", errors.New("userinfo is signed with another algorithm than Config.UserinfoSignedResponseAlg"))
	// RFC 8725 §3.11: a logout token or an access token is no userinfo
	case jws.Header.Type != "" && !strings.EqualFold(jws.Header.Type, "JWT"):
		return nil, refuse("userinfo", errors.New("the token is of another type than userinfo"))
	}
	if err := c.checkUserinfoClaims(jws.Payload, time.Now()); err != nil {
		return nil, refuse("userinfo", err)
	}
	err = c.checkSignature(ctx, jws, c.cfg.UserinfoSignedResponseAlg)
	if errors.Is(err, jwks.ErrUnavailable) {
		return nil, unavailable(err)
	}
	if err != nil {
		return nil, refuse("userinfo", err)
	}
	return jws.Payload, nil
}

// checkUserinfoClaims judges what the token says about itself. An issuer may
// leave all of it out; what is there must be right.
func (c *Client) checkUserinfoClaims(payload []byte, now time.Time) error {
	return strictjson.Object(payload, func(name []byte, v strictjson.Value) error {
		ok, err := true, error(nil)
		switch string(name) {
		// OpenID Connect Core 1.0 §5.3.2
		case "iss":
			ok = v.Is(c.cfg.Issuer)
		// OpenID Connect Core 1.0 §5.3.2: is or includes the client
		case "aud":
			var list []string
			list, err = audience(v)
			ok = slices.Contains(list, c.cfg.ClientID)
		// RFC 7519 §4.1.4
		case "exp":
			var at int64
			at, err = v.NumericDate()
			ok = now.Before(time.Unix(at, 0).Add(Leeway))
		// RFC 7519 §4.1.5
		case "nbf":
			var at int64
			at, err = v.NumericDate()
			ok = !now.Add(Leeway).Before(time.Unix(at, 0))
		}
		if err != nil {
			return fmt.Errorf("%s of userinfo: %w", name, err)
		}
		if !ok {
			return fmt.Errorf("%s of userinfo is not as it must be", name)
		}
		return nil
	})
}
