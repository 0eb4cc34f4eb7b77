package safeurl

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL bounds what is parsed at all, in bytes.
const maxURL = 2048

var (
	errEmpty    = errors.New("is empty")
	errLength   = errors.New("is longer than 2048 bytes")
	errChars    = errors.New("holds characters that do not belong in a URL")
	errAbsolute = errors.New("is not an absolute URL")
	errScheme   = errors.New("must be https (http only on a loopback host)")
	errUserinfo = errors.New("must not carry user information")
	errFragment = errors.New("must not carry a fragment")
	errQuery    = errors.New("must not carry a query")
	errHost     = errors.New("has no valid host")
)

// Issuer parses an issuer identifier or a base URL: https, or http on a
// loopback host, without query, fragment and user information. The error's
// text completes a sentence that begins with the field's name. Issuers are
// compared as the strings they are, never in a normalised form.
func Issuer(raw string) (*url.URL, error) {
	u, err := Endpoint(raw)
	if err != nil {
		return nil, err
	}
	// OpenID Connect Discovery 1.0 §3, RFC 8414 §2
	if strings.Contains(raw, "?") {
		return nil, errQuery
	}
	return u, nil
}

// Endpoint parses the URL of an endpoint: as Issuer, and a query is allowed
// (RFC 6749 §3.1, §3.2).
func Endpoint(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errEmpty
	}
	if len(raw) > maxURL {
		return nil, errLength
	}
	if !visibleASCII(raw) || strings.Contains(raw, `\`) {
		return nil, errChars
	}
	// RFC 6749 §3.1: the endpoint URI must not include a fragment component
	if strings.Contains(raw, "#") {
		return nil, errFragment
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Scheme == "" {
		return nil, errAbsolute
	}
	if u.User != nil || strings.Contains(u.Host, "@") {
		return nil, errUserinfo
	}
	if !validHost(u) {
		return nil, errHost
	}
	// RFC 9700 §2.6
	if u.Scheme != "https" && (u.Scheme != "http" || !IsLoopback(u.Hostname())) {
		return nil, errScheme
	}
	return u, nil
}

// IsLoopback reports whether a host, without port and brackets, is this
// machine by its text alone: "localhost", an address of 127.0.0.0/8 in dotted
// form, or ::1. No name is looked up.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Zone() == "" && !a.Is4In6() && a.IsLoopback()
}

func validHost(u *url.URL) bool {
	host := u.Hostname()
	// url.Parse has decoded what stood there as %80.
	if host == "" || !visibleASCII(host) || strings.HasPrefix(host, ".") || strings.Contains(host, "..") || strings.ContainsAny(host, "%*") {
		return false
	}
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		return err == nil && n > 0
	}
	return true
}

func visibleASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
