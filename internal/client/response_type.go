package client

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// The words of a response type (OAuth 2.0 Multiple Response Type Encoding
// Practices §3, §5).
const (
	wordCode    = "code"
	wordIDToken = "id_token"
	wordToken   = "token"
)

// The response modes (OAuth 2.0 Multiple Response Type Encoding Practices §2.1,
// OAuth 2.0 Form Post Response Mode §2, JARM §2.3).
const (
	modeQuery       = "query"
	modeFormPost    = "form_post"
	modeJWT         = "jwt"
	modeQueryJWT    = "query.jwt"
	modeFormPostJWT = "form_post.jwt"
)

// DefaultResponseMode returns the mode of a login that names none: a form where
// tokens come with the answer, else the query, which is "".
func DefaultResponseMode(responseType string) string {
	if IsCode(responseType) {
		return ""
	}
	return modeFormPost
}

// CheckResponseType refuses what is no response type, or one that is not
// written as it is registered (OAuth 2.0 Multiple Response Type Encoding
// Practices §3, §5). One with an access token and no ID token is none of OpenID
// Connect's: nothing vouches for it.
func CheckResponseType(responseType string) error {
	switch responseType {
	case "", wordCode, "code id_token", "code token", "code id_token token", wordIDToken, "id_token token":
		return nil
	}
	return errors.New("must be code, code id_token, code token, code id_token token, id_token or id_token token")
}

// CheckResponseMode refuses a mode by which an answer of this type does not
// come safely, or not without scripts.
func CheckResponseMode(responseType, mode string) error {
	switch mode {
	case modeFormPost, modeFormPostJWT:
		return nil
	case "", modeQuery, modeJWT, modeQueryJWT:
		// OAuth 2.0 Multiple Response Type Encoding Practices §5: tokens MUST NOT
		// be returned in the query. JARM §2.3.3: jwt is then the fragment.
		if IsCode(responseType) {
			return nil
		}
		return errors.New("must be form_post or form_post.jwt, where tokens come with the answer")
	case "fragment", "fragment.jwt":
		return errors.New("is the fragment, which only a script could read: use form_post or form_post.jwt")
	}
	return errors.New("must be query, form_post, jwt, query.jwt or form_post.jwt")
}

// IsCode reports whether the answer brings a code and nothing else.
func IsCode(responseType string) bool { return cmp.Or(responseType, wordCode) == wordCode }

// gives reports whether the response type has a word.
func (c Config) gives(word string) bool {
	return slices.Contains(strings.Fields(cmp.Or(c.ResponseType, wordCode)), word)
}

// postsBack reports whether the answer comes as a form.
func (c Config) postsBack() bool {
	return c.ResponseMode == modeFormPost || c.ResponseMode == modeFormPostJWT
}

// SignsBack reports whether the answer is a JWT.
func (c Config) SignsBack() bool {
	return c.ResponseMode == modeJWT || c.ResponseMode == modeQueryJWT || c.ResponseMode == modeFormPostJWT
}

// responseMode is what a request says of it: the usual one is not named.
func (c Config) responseMode() string {
	if c.ResponseMode == modeQuery {
		return ""
	}
	return c.ResponseMode
}

// UsesTokenEndpoint reports whether a login redeems a code.
func (c Config) UsesTokenEndpoint() bool { return c.gives(wordCode) }
