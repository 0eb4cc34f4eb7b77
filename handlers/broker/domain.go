package broker

import (
	"errors"
	"slices"
	"strings"
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
		part = strings.ToLower(strings.TrimSpace(part))
		switch {
		case isDomain(part):
			domains = append(domains, part)
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
