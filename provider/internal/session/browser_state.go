package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// browserStateCookie is read by the script of the check_session_iframe, inside
// pages of other sites. On plain http, which is for loopback only, browsers
// send it within the site.
func browserStateCookie(name string, secure bool) *http.Cookie {
	c := &http.Cookie{Name: name + "-state", Path: "/", Secure: secure, SameSite: http.SameSiteLaxMode}
	if secure {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// browserState is the OP browser state of a session (OpenID Connect Session
// Management 1.0 §3.2): another one when another person signs in, the same
// when the same one does so again. It says nothing about the handle.
func browserState(cur *opstore.Session) string {
	if cur == nil {
		return ""
	}
	sum := sha256.Sum256([]byte("op browser state\x00" + cur.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// BrowserStateCookie is the name of the cookie that scripts read, "" where
// there is none.
func (s *Sessions) BrowserStateCookie() string {
	if s.state == nil {
		return ""
	}
	return s.state.Name
}

// State returns the session_state of an answer to a redirect URI (OpenID
// Connect Session Management 1.0 §2, §3.2), "" where that is not kept. cur is
// nil where nobody is signed in.
func (s *Sessions) State(clientID, redirectURI string, cur *opstore.Session) string {
	if s.state == nil {
		return ""
	}
	origin := originOf(redirectURI)
	if origin == "" {
		return ""
	}
	salt := secret.ID()
	sum := sha256.Sum256([]byte(clientID + " " + origin + " " + browserState(cur) + " " + salt))
	return hex.EncodeToString(sum[:]) + "." + salt
}

// originOf returns the origin of an address as browsers write it, "" where a
// page can have none of it.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}
