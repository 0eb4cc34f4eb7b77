package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// maxLogoutTokenAge is how old a logout token may be, beside what clocks may
	// differ by.
	maxLogoutTokenAge = 2 * time.Minute
	// maxLogoutTokenLife is how far its end may be away: issuers make it longer
	// than the two minutes of the specification (§2.4), and none needs it.
	maxLogoutTokenLife = 5 * time.Minute

	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	maxJTI      = 256
)

// LogoutToken is a verified logout token: whose session has ended, or whose
// sessions all have where SessionID is empty.
type LogoutToken struct {
	Subject, SessionID string
	// ID is the token's jti, which is good for one logout, and Expires when nobody
	// takes the token any more.
	ID      string
	Expires time.Time

	issuer                                  string
	audience                                []string
	expires, issued, notBefore              int64
	hasExpires, hasIssued, hasNonce, logout bool
}

// CheckLogoutToken implements OpenID Connect Back-Channel Logout 1.0 §2.6. That
// its jti was not used before is for the caller to see to.
func (c *Client) CheckLogoutToken(ctx context.Context, raw string) (*LogoutToken, error) {
	jws, err := jose.Parse(raw)
	if err != nil {
		return nil, refuse(logoutReason, err)
	}
	t, err := parseLogoutToken(jws.Payload)
	if err == nil {
		err = c.checkLogoutHeader(jws.Header)
	}
	if err == nil {
		err = c.checkLogoutClaims(t, time.Now())
	}
	if err != nil {
		return nil, refuse(logoutReason, err)
	}
	err = c.checkSignature(ctx, jws, c.cfg.IDTokenSignedResponseAlg)
	if errors.Is(err, jwks.ErrUnavailable) {
		return nil, unavailable(err)
	}
	if err != nil {
		return nil, refuse(logoutReason, err)
	}
	return t, nil
}

const logoutReason = "logout_token"

func (c *Client) checkLogoutHeader(h jose.Header) error {
	// §2.6 (2): as ID tokens are validated, RFC 8725 §3.1
	if h.Algorithm != c.cfg.IDTokenSignedResponseAlg {
		return errors.New("it is signed with another algorithm than Config.IDTokenSignedResponseAlg")
	}
	// §2.4: explicit typing is recommended; what says JWT or nothing has its
	// events to tell it apart
	switch typ, _ := strings.CutPrefix(strings.ToLower(h.Type), "application/"); typ {
	case "", "jwt", "logout+jwt":
		return nil
	}
	return errors.New("it is of another type than a logout token")
}

func (c *Client) checkLogoutClaims(t *LogoutToken, now time.Time) error {
	issued, expires := time.Unix(t.issued, 0), time.Unix(t.expires, 0)
	switch {
	// §2.6 (3)
	case t.issuer != c.cfg.Issuer:
		return errors.New("it is another issuer's")
	case len(t.audience) != 1 || t.audience[0] != c.cfg.ClientID:
		return errors.New("it is for another audience")
	case !t.hasIssued || issued.After(now.Add(Leeway)) || issued.Add(maxLogoutTokenAge+Leeway).Before(now):
		return errors.New("it does not say when it was issued, or that was not just now")
	case !t.hasExpires && !c.cfg.AllowLogoutTokenWithoutExp:
		return errors.New("it does not say when it ends: Config.AllowLogoutTokenWithoutExp is for issuers that leave it out")
	case t.hasExpires && (!now.Before(expires.Add(Leeway)) || expires.After(now.Add(maxLogoutTokenLife+Leeway))):
		return errors.New("it has expired, or lasts too long")
	case time.Unix(t.notBefore, 0).After(now.Add(Leeway)):
		return errors.New("it is not valid yet")
	// §2.6 (4)
	case t.Subject == "" && t.SessionID == "":
		return errors.New("it names neither a session nor a subject")
	// §2.6 (5)
	case !t.logout:
		return errors.New("it is about no logout")
	// §2.6 (6)
	case t.hasNonce:
		return errors.New("it has a nonce, as an ID token does")
	// §2.4: jti is required
	case t.ID == "" || len(t.ID) > maxJTI:
		return errors.New("it has no usable jti")
	}
	t.Expires = issued.Add(maxLogoutTokenAge + Leeway)
	return nil
}

// parseLogoutToken reads the claims in one pass; a claim of the wrong type
// makes the whole token unusable.
func parseLogoutToken(payload []byte) (*LogoutToken, error) {
	t := &LogoutToken{}
	err := strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "iss":
			t.issuer, err = v.Text()
		case "aud":
			t.audience, err = audience(v)
		case "sub":
			t.Subject, err = v.Text()
		case "sid":
			t.SessionID, err = v.Text()
		case "jti":
			t.ID, err = v.Text()
		case "iat":
			t.issued, err = v.NumericDate()
			t.hasIssued = true
		case "exp":
			t.expires, err = v.NumericDate()
			t.hasExpires = true
		case "nbf":
			t.notBefore, err = v.NumericDate()
		case "nonce":
			t.hasNonce = true
		case "events":
			t.logout, err = isLogout(v)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("its claims cannot be read: %w", err)
	}
	return t, nil
}

// isLogout reports whether events has the logout event, whose value is an
// object (§2.4).
func isLogout(events strictjson.Value) (found bool, err error) {
	err = events.Object(func(name []byte, v strictjson.Value) error {
		if string(name) != logoutEvent {
			return nil
		}
		found = true
		if v.Kind() != strictjson.KindObject {
			return errors.New("the event is no object")
		}
		return nil
	})
	return found, err
}
