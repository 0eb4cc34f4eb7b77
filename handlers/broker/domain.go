package broker

import (
	"errors"
	"slices"
	"strings"
	"unicode"
)

const (
	maxDomainMapping = 4096
	maxDomains       = 100
	maxDomain        = 253
	maxLabel         = 63
)

var (
	errDomainLength = errors.New("is too long, or has more than 100 domains")
	errDomain       = errors.New("has a dot or an @ and is no domain: write domains as example.com, and those in other scripts in their xn-- form")
	errDomainMixed  = errors.New("has domains beside what is none")
)

// parseDomainMapping returns the domains of a mapping, none where it is a
// label. What was meant as a domain and is none is an error rather than a label:
// it would let everybody in.
func parseDomainMapping(text string) ([]string, error) {
	if len(text) > maxDomainMapping {
		return nil, errDomainLength
	}
	var domains []string
	parts := strings.Split(text, ",")
	for _, part := range parts {
		part = strings.TrimSpace(part)
		switch domain := lowerDomain(part); {
		case domain != "":
			domains = append(domains, domain)
		case strings.ContainsAny(part, ".@。．"):
			return nil, errDomain
		}
	}
	switch {
	case len(domains) > maxDomains:
		return nil, errDomainLength
	case len(domains) > 0 && len(domains) < len(parts):
		return nil, errDomainMixed
	}
	slices.Sort(domains)
	return slices.Compact(domains), nil
}

// emailDomain returns the domain of an e-mail address in lower case, "" where
// that is none.
func emailDomain(address string) string {
	local, _, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return ""
	}
	return lowerDomain(address[strings.LastIndexByte(address, '@')+1:])
}

// lowerDomain returns a domain in lower case, "" for a text that is none.
// Characters of other scripts whose lower case is one of a-z do not count.
func lowerDomain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ""
	}
	if s = strings.ToLower(s); !isDomain(s) {
		return ""
	}
	return s
}

// isDomain reports whether a text in lower case is a domain that mail could go
// to (RFC 5321 §2.3.5, RFC 1035 §2.3.1).
func isDomain(s string) bool {
	if len(s) > maxDomain {
		return false
	}
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
			return false
		}
	}
	// The last label of an address in digits is a number.
	last := labels[len(labels)-1]
	return last[0] < '0' || last[0] > '9'
}
