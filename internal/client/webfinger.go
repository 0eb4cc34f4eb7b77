package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// issuerRelation is from OpenID Connect Discovery 1.0 §2.
	issuerRelation = "http://openid.net/specs/connect/1.0/issuer"
	// maxIdentifier bounds what a person types, in bytes.
	maxIdentifier = 512
	// maxJRD bounds a WebFinger document, in bytes.
	maxJRD = 64 << 10
)

var (
	// ErrIdentifier says that nobody can be found by such an identifier.
	ErrIdentifier = errors.New("client: the identifier is no e-mail address, acct URI, host or https URL")
	// ErrNoIssuer says that the host names no issuer for the identifier.
	ErrNoIssuer = errors.New("client: the identifier's host names no issuer for it")
)

// FindIssuer asks the identifier's host who its issuer is (OpenID Connect
// Discovery 1.0 §2, RFC 7033 §4). c is what may call an address that a stranger
// has typed.
func FindIssuer(ctx context.Context, c *http.Client, identifier string) (string, error) {
	resource, host, err := normalize(identifier)
	if err != nil {
		return "", err
	}
	// RFC 7033 §4: https, and nothing else
	address := url.URL{Scheme: "https", Host: host, Path: "/.well-known/webfinger",
		RawQuery: url.Values{"resource": {resource}, "rel": {issuerRelation}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return "", ErrIdentifier
	}
	req.Header.Set("Accept", "application/jrd+json, application/json")
	resp, err := httpx.Do(httpx.Bounded(c), req, maxJRD)
	switch {
	case errors.Is(err, httpx.ErrTooLarge):
		return "", refuse("webfinger", err)
	case err != nil:
		return "", unavailable(err)
	// RFC 7033 §4.2: the host has no information about the resource
	case resp.Status == http.StatusNotFound:
		return "", ErrNoIssuer
	case resp.Status != http.StatusOK:
		return "", unavailable(fmt.Errorf("WebFinger was answered with status %d", resp.Status))
	case !resp.IsJSON():
		return "", refuse("webfinger", errors.New("the WebFinger document is not JSON"))
	}
	issuer, err := parseJRD(resp.Body)
	switch {
	case err != nil:
		return "", refuse("webfinger", err)
	case issuer == "":
		return "", ErrNoIssuer
	}
	return issuer, nil
}

// normalize implements OpenID Connect Discovery 1.0 §2.1.2: it returns what is
// asked about and the host that is asked.
func normalize(identifier string) (resource, host string, err error) {
	id := strings.TrimSpace(identifier)
	// XRIs begin with one of these (§2.1.1); nobody resolves them any more.
	if id == "" || len(id) > maxIdentifier || strings.ContainsAny(id[:1], "=@!") {
		return "", "", ErrIdentifier
	}
	// §2.1.2 (4): the fragment is stripped
	id, _, _ = strings.Cut(id, "#")
	scheme, rest, _ := strings.Cut(id, ":")
	switch {
	case strings.EqualFold(scheme, "acct"):
		return account(rest)
	case strings.EqualFold(scheme, "https") && strings.HasPrefix(rest, "//"):
		return page(id)
	// A colon before a number is a host's port, not the end of a scheme.
	case strings.Contains(id, "://"), strings.HasPrefix(strings.ToLower(id), "mailto:"):
		return "", "", ErrIdentifier
	// §2.1.2 (2): user information and a host, and nothing else
	case strings.Contains(id, "@") && !strings.ContainsAny(id, ":/?"):
		return account(id)
	}
	if !strings.ContainsAny(id, "/?") {
		id += "/"
	}
	return page("https://" + id)
}

// account is user@host, the user escaped as it is (RFC 7565 §7). A port is taken
// too.
func account(s string) (resource, host string, err error) {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 {
		return "", "", ErrIdentifier
	}
	// Whatever is no host with a port makes no origin of it.
	u, err := safeurl.Issuer("https://" + s[at+1:])
	if err != nil || u.Path != "" || strings.ContainsAny(s[:at], "/?@") || !visibleText(s) || strings.Contains(s, " ") {
		return "", "", ErrIdentifier
	}
	return "acct:" + s, u.Host, nil
}

func page(s string) (resource, host string, err error) {
	u, err := safeurl.Endpoint(s)
	if err != nil || u.Scheme != "https" {
		return "", "", ErrIdentifier
	}
	return s, u.Host, nil
}

// parseJRD returns the first issuer of the document, which is the one that is
// preferred (RFC 7033 §4.4.4); empty where it names none.
func parseJRD(body []byte) (issuer string, err error) {
	link := func(v strictjson.Value) error {
		rel, href := "", ""
		err := v.Object(func(name []byte, v strictjson.Value) (err error) {
			switch string(name) {
			case "rel":
				rel, err = v.Text()
			case "href":
				href, err = v.Text()
			}
			return err
		})
		if err != nil || rel != issuerRelation || issuer != "" {
			return err
		}
		// OpenID Connect Discovery 1.0 §2: a URI with https
		if u, err := safeurl.Issuer(href); err != nil {
			return fmt.Errorf("the issuer %w", err)
		} else if u.Scheme != "https" {
			return errors.New("the issuer must be https")
		}
		issuer = href
		return nil
	}
	err = strictjson.Object(body, func(name []byte, v strictjson.Value) error {
		if string(name) != "links" {
			return nil
		}
		return v.Array(link)
	})
	if err != nil {
		return "", fmt.Errorf("the WebFinger document cannot be used: %w", err)
	}
	return issuer, nil
}
