package oidctest

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
)

// Signer is whose key a token is signed with.
type Signer int

// The zero value is the issuer.
const (
	// ByIssuer is the key that the issuer signs with now.
	ByIssuer Signer = iota
	// ByStranger is a key that the issuer never had, under the kid of the
	// issuer's own.
	ByStranger
	// ByNobody is alg none and an empty signature (RFC 7515 §A.5).
	ByNobody
)

// Token says in what a token differs from a good one. The zero value is a good
// one.
type Token struct {
	// Claims are set over those of a good token. A nil value takes the claim
	// out, a time.Time stands for a NumericDate (RFC 7519 §2).
	Claims map[string]any
	// Header is the same for the JOSE header: typ, kid, crit. An alg that is
	// set here is written and not used.
	Header map[string]any
	// Algorithm is what the token is signed with, one of the issuer's
	// algorithms. Default: the first one for access tokens, RS256 for ID tokens
	// where the issuer has it.
	Algorithm string
	// Signed is by whom; the default is the issuer.
	Signed Signer
}

// AccessToken returns an access token of the issuer (RFC 9068), changed as t
// says. A good one is Subject's and lives for an hour; its aud is the first of
// provider.Config's Resources, else the issuer, its client_id that of the first
// client, and it has no scope.
func (s *Server) AccessToken(tb testing.TB, t Token) string {
	tb.Helper()
	audience := s.Issuer
	if len(s.config.Resources) > 0 {
		audience = s.config.Resources[0].Resource
	}
	now := time.Now().Unix()
	return s.mint(tb, t, s.algorithms[0], "at+jwt", map[string]any{
		"iss": s.Issuer, "sub": Subject, "aud": []string{audience}, "client_id": s.firstClient(),
		"iat": now, "exp": now + 3600, "jti": secret.ID(),
	})
}

// IDToken returns an ID token of the issuer (OpenID Connect Core 1.0 §2),
// changed as t says. A good one is Subject's, for the first client, and lives
// for an hour; it has no nonce.
func (s *Server) IDToken(tb testing.TB, t Token) string {
	tb.Helper()
	// OpenID Connect Dynamic Client Registration 1.0 §2
	alg := "RS256"
	if !slices.Contains(s.algorithms, alg) {
		alg = s.algorithms[0]
	}
	now := time.Now().Unix()
	return s.mint(tb, t, alg, "JWT", map[string]any{
		"iss": s.Issuer, "sub": Subject, "aud": s.firstClient(), "iat": now, "exp": now + 3600, "auth_time": now,
	})
}

func (s *Server) firstClient() string {
	if len(s.config.Clients) == 0 {
		return "client"
	}
	return s.config.Clients[0].ClientID
}

func (s *Server) mint(tb testing.TB, t Token, alg, typ string, claims map[string]any) string {
	tb.Helper()
	token, err := s.sign(tb.Context(), t, map[string]any{"alg": alg, "typ": typ}, claims)
	if err != nil {
		tb.Fatal("oidctest: ", err)
	}
	return token
}

// changed returns a token of the issuer with t's changes, signed anew.
func (s *Server) changed(ctx context.Context, token string, t Token) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("not a signed token")
	}
	var objects [2]map[string]any
	for i := range objects {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return "", err
		}
		if objects[i], err = decodeObject(data); err != nil {
			return "", err
		}
	}
	return s.sign(ctx, t, objects[0], objects[1])
}

// sign changes header and claims of a good token as t says and signs them.
func (s *Server) sign(ctx context.Context, t Token, header, claims map[string]any) (string, error) {
	if t.Algorithm != "" {
		header["alg"] = t.Algorithm
	}
	alg, _ := header["alg"].(string)
	kid, key, err := s.signingKey(ctx, alg)
	if err != nil {
		return "", err
	}
	header["kid"] = kid
	switch t.Signed {
	case ByStranger:
		key, err = s.strangersKey(alg)
	case ByNobody:
		header["alg"] = "none"
		delete(header, "kid")
	}
	if err != nil {
		return "", err
	}
	input, err := signingInput(apply(header, t.Header), apply(claims, t.Claims))
	if err != nil || t.Signed == ByNobody {
		return input + ".", err
	}
	signature, err := signature(alg, key, input)
	return input + "." + signature, err
}

func apply(object, changes map[string]any) map[string]any {
	for name, value := range changes {
		switch v := value.(type) {
		case nil:
			delete(object, name)
		case time.Time:
			object[name] = v.Unix()
		default:
			object[name] = v
		}
	}
	return object
}

// signingInput is what is signed (RFC 7515 §5.1).
func signingInput(header, claims map[string]any) (string, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c), nil
}

// signature lets jose sign, which would write a header of its own, and puts the
// input with our header in the place of its input.
func signature(alg string, key crypto.Signer, input string) (string, error) {
	signer, err := jose.NewSigner(alg, "", inputSigner{key, []byte(input)})
	if err != nil {
		return "", err
	}
	token, err := signer.Sign("", []byte("{}"))
	return token[strings.LastIndexByte(token, '.')+1:], err
}

type inputSigner struct {
	crypto.Signer
	input []byte
}

func (s inputSigner) Sign(random io.Reader, _ []byte, opts crypto.SignerOpts) ([]byte, error) {
	message := s.input
	if hash := opts.HashFunc(); hash != 0 {
		h := hash.New()
		h.Write(s.input)
		message = h.Sum(nil)
	}
	return s.Signer.Sign(random, message, opts)
}
