package subject

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Subject types (OpenID Connect Core 1.0 §8).
const (
	Public   = "public"
	Pairwise = "pairwise"
)

// Mapper names people to clients. It is immutable and safe for concurrent use.
type Mapper struct{ salt []byte }

// New returns a Mapper. Without a salt it knows public subjects only, as a nil
// one does.
func New(salt []byte) *Mapper { return &Mapper{salt: append([]byte(nil), salt...)} }

// Pairwise reports whether the Mapper makes pairwise subjects.
func (m *Mapper) Pairwise() bool { return m != nil && len(m.salt) > 0 }

// For returns the sub by which a client knows a person. It panics for a
// pairwise client of a Mapper without salt, rather than tell who the person
// is: nobody finds such a client (see package clients).
func (m *Mapper) For(c *opstore.Client, local string) string {
	if c.Metadata.SubjectType != Pairwise || local == "" {
		return local
	}
	sector, err := Sector(&c.Metadata)
	if err != nil || !m.Pairwise() {
		panic("subject: a pairwise client without sector or salt")
	}
	mac := hmac.New(sha256.New, m.salt)
	// The length keeps sector and subject apart.
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(sector)))
	mac.Write(length[:])
	mac.Write([]byte(sector))
	mac.Write([]byte(local))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

var (
	errHosts = errors.New("is required: the redirect_uris do not all have the same host")
	errHost  = errors.New("is required: the redirect_uris have no host")
)

// Sector returns a client's sector identifier: the host of its
// sector_identifier_uri or else the one host of its redirect URIs (OpenID
// Connect Core 1.0 §8.1). The error's text completes a sentence that begins
// with sector_identifier_uri.
func Sector(m *oidckit.ClientMetadata) (string, error) {
	uris := m.RedirectURIs
	if m.SectorIdentifierURI != "" {
		uris = []string{m.SectorIdentifierURI}
	}
	sector := ""
	for _, raw := range uris {
		u, err := url.Parse(raw)
		if err != nil || u.Hostname() == "" {
			return "", errHost
		}
		host := strings.ToLower(u.Hostname())
		if sector != "" && sector != host {
			return "", errHosts
		}
		sector = host
	}
	if sector == "" {
		return "", errHost
	}
	return sector, nil
}
