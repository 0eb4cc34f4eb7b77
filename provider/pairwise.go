package provider

import (
	"bytes"
	"fmt"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/subject"
)

// minSalt is the length of a salt that nobody guesses, in bytes.
const minSalt = 32

// Pairwise lets clients register the subject_type pairwise: each sector then
// knows a person by a sub of its own (OpenID Connect Core 1.0 §8).
//
// Such a sub stands wherever the client or one of its resources sees one: in ID
// tokens, userinfo, introspection, logout tokens, and in access tokens too, so
// that an API cannot join what its clients keep apart. An API that must know
// the issuer's own subject is asked for by clients with public subjects.
//
// It is no protection from clients that put together what they have. The sid of a
// session is the same for all of its clients, whatever their sectors, and so is
// auth_time: two clients that the person uses in one session can find out by them
// that they have the same user, and by claims like email in any session. What
// pairwise subjects prevent is that subs alone, in data that is passed on or has
// leaked, can be joined across sectors.
type Pairwise struct {
	// Salt is what subjects are computed with: 32 random bytes or more, the same
	// on all replicas, and never another one: with it every client's users would
	// become new ones. It is kept as secret as a signing key; who has it can
	// find out whose a subject is. Required.
	Salt []byte
}

func (f *Pairwise) check(*resolved) []error {
	if len(f.Salt) < minSalt || len(bytes.Trim(f.Salt, "\x00")) == 0 {
		return []error{fmt.Errorf("Pairwise.Salt has %d bytes, must have %d random ones or more", len(f.Salt), minSalt)}
	}
	return nil
}

func (f *Pairwise) routes(*assembly) []route { return nil }

func (f *Pairwise) describe(_ *resolved, m *oidckit.ProviderMetadata) {
	m.SubjectTypesSupported = append(m.SubjectTypesSupported, subject.Pairwise)
}

// subjects names people to clients.
func (r *resolved) subjects() *subject.Mapper {
	if r.Pairwise == nil {
		return subject.New(nil)
	}
	return subject.New(r.Pairwise.Salt)
}
