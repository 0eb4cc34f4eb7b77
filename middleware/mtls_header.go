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

// byteSequence implements sf-binary of RFC 9651 §3.3.5, without parameters.
func byteSequence(value string) ([]byte, bool) {
	if len(value) < 2 || value[0] != ':' || value[len(value)-1] != ':' || strings.ContainsAny(value, "\r\n") {
		return nil, false
	}
	der, err := base64.StdEncoding.DecodeString(value[1 : len(value)-1])
	return der, err == nil
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
