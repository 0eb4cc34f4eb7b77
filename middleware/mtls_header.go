package middleware

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"strings"
)

// readCertificate returns the DER of the one certificate in a proxy's header.
func readCertificate(format CertificateFormat, value string) (der []byte, ok bool) {
	if format == CertificateEscapedPEM {
		der, ok = escapedPEM(value)
	} else {
		der, ok = byteSequence(value)
	}
	_, err := x509.ParseCertificate(der)
	return der, ok && err == nil
}

// byteSequence implements sf-binary of RFC 9651 §3.3.5, as an item whose
// parameters mean nothing here.
func byteSequence(value string) ([]byte, bool) {
	text, parameters, ok := strings.Cut(strings.TrimPrefix(value, ":"), ":")
	if !ok || value[0] != ':' || strings.ContainsAny(text, "\r\n") || !areParameters(parameters) {
		return nil, false
	}
	der, err := base64.StdEncoding.DecodeString(text)
	return der, err == nil
}

// areParameters reports whether text is nothing but parameters of an item, up
// to its end (RFC 9651 §3.1.2). A list of items has commas between them.
func areParameters(text string) bool {
	for text != "" {
		name, found := strings.CutPrefix(text, ";")
		name = strings.TrimLeft(name, " ")
		if text = strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.*"); !found || len(text) == len(name) {
			return false
		}
		if value, ok := strings.CutPrefix(text, "="); ok {
			if text, ok = afterBareItem(value); !ok {
				return false
			}
		}
	}
	return true
}

// afterBareItem returns what follows a bare item of RFC 9651 §3.3: a string, a
// sequence of bytes, or one of those that are made of the characters of tokens.
func afterBareItem(text string) (rest string, ok bool) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		for i := 0; i < len(quoted); i++ {
			switch quoted[i] {
			case '"':
				return quoted[i+1:], true
			case '\\':
				i++
			}
		}
		return "", false
	}
	if coded, ok := strings.CutPrefix(text, ":"); ok {
		_, rest, ok = strings.Cut(coded, ":")
		return rest, ok
	}
	end := 0
	for end < len(text) && (isTokenChar(text[end]) || strings.IndexByte(":/?@", text[end]) >= 0) {
		end++
	}
	return text[end:], end > 0
}

func escapedPEM(value string) ([]byte, bool) {
	// a plus sign stands for itself, as nginx writes it
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, false
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, false
	}
	return block.Bytes, true
}
