package clients

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
)

func checkRedirects(ps *problems, m *oidckit.ClientMetadata, p Policy) {
	if m.ApplicationType != "web" && m.ApplicationType != "native" {
		ps.addValue("application_type", m.ApplicationType, "is neither web nor native")
	}
	// RFC 7591 §2: clients of flows with redirection MUST register theirs
	if len(m.ResponseTypes) > 0 && len(m.RedirectURIs) == 0 {
		ps.add(fieldRedirectURIs, "is missing")
	}
	for _, u := range m.RedirectURIs {
		if err := CheckRedirectURI(u); err != nil {
			ps.addValue(fieldRedirectURIs, u, err.Error())
			continue
		}
		// OpenID Connect Dynamic Client Registration 1.0 §2, application_type
		if m.ApplicationType == "web" && slices.Contains(m.GrantTypes, oidckit.GrantTypeImplicit) && !strings.HasPrefix(u, "https:") && !p.AllowLoopbackImplicit {
			ps.addValue(fieldRedirectURIs, u, "must be an https URL (a web client of the implicit grant)")
		}
	}
	for _, u := range m.PostLogoutRedirectURIs {
		checked := u
		// OpenID Connect RP-Initiated Logout 1.0 §3.1: http where the client is
		// confidential and the issuer allows it
		if rest, plain := strings.CutPrefix(u, "http://"); plain && p.AllowHTTPLogout && m.TokenEndpointAuthMethod != oidckit.AuthMethodNone {
			checked = "https://" + rest
		}
		if err := CheckRedirectURI(checked); err != nil {
			ps.addValue("post_logout_redirect_uris", u, err.Error())
		}
	}
}

// checkPages checks the addresses that stand as links on our pages.
func checkPages(ps *problems, m *oidckit.ClientMetadata, _ Policy) {
	for _, f := range pages(m) {
		if f.value != "" && !endpointURL(f.value) {
			ps.add(f.name, "must be an https URL")
		}
	}
}

type member struct{ name, value string }

func pages(m *oidckit.ClientMetadata) []member {
	return []member{{"client_uri", m.ClientURI}, {"logo_uri", m.LogoURI}, {"policy_uri", m.PolicyURI}, {"tos_uri", m.TosURI}}
}

func checkLogout(ps *problems, m *oidckit.ClientMetadata, _ Policy) {
	if m.BackchannelLogoutURI != "" && !endpointURL(m.BackchannelLogoutURI) {
		ps.add("backchannel_logout_uri", "must be an https URL without fragment")
	}
	if m.FrontchannelLogoutURI == "" {
		return
	}
	// OpenID Connect Front-Channel Logout 1.0 §2: scheme, domain and port of a redirect URI
	origin := originsOf([]string{m.FrontchannelLogoutURI})
	if !endpointURL(m.FrontchannelLogoutURI) || len(origin) == 0 || !slices.Contains(originsOf(m.RedirectURIs), origin[0]) {
		ps.add("frontchannel_logout_uri", "must be a URL with the scheme, host and port of one of the redirect_uris")
	}
}

// endpointURL reports whether a URL is https, or http on a loopback host.
func endpointURL(raw string) bool {
	_, err := safeurl.Endpoint(raw)
	return err == nil
}

// secureURL reports whether a URL is https.
func secureURL(raw string) bool { return endpointURL(raw) && strings.HasPrefix(raw, "https:") }

// maxText bounds what a stranger may have shown on our pages, in bytes.
const maxText = 256

// CheckStranger adds to Check what only matters where strangers register:
// addresses inside the operator's network, and names that are made to mislead.
// It asks nobody; names are judged when they are dialled.
func CheckStranger(m *oidckit.ClientMetadata, guard *safeurl.Guard) []*Problem {
	var ps problems
	addresses := append(pages(m),
		member{"jwks_uri", m.JWKSURI}, member{"sector_identifier_uri", m.SectorIdentifierURI},
		member{"initiate_login_uri", m.InitiateLoginURI}, member{"backchannel_logout_uri", m.BackchannelLogoutURI})
	for _, u := range m.RequestURIs {
		addresses = append(addresses, member{"request_uris", u})
	}
	for _, f := range addresses {
		// RFC 7591 §5, ATK-264
		if f.value != "" && !reachable(f.value, guard) {
			ps.add(f.name, "is an address that the issuer does not call")
		}
	}
	for _, f := range append([]member{{"client_name", m.ClientName}}, contacts(m)...) {
		if len(f.value) > maxText || strings.ContainsFunc(f.value, misleading) {
			ps.add(f.name, "is too long or has characters that do not belong in a name")
		}
	}
	return ps
}

func contacts(m *oidckit.ClientMetadata) []member {
	var out []member
	for _, c := range m.Contacts {
		out = append(out, member{"contacts", c})
	}
	return out
}

// misleading holds what hides or turns text, and what is markup.
func misleading(r rune) bool {
	return r == '<' || r == '>' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// reachable reports whether a host is one that the guard might let pass.
func reachable(raw string, guard *safeurl.Guard) bool {
	u, err := url.Parse(raw)
	return err == nil && guard.CheckName(u.Hostname()) == nil
}
