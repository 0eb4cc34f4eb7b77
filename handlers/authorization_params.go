package handlers

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/oidckit/oidckit/internal/client"
)

// maxAuthorizationParams bounds the extra parameters of a login, in bytes.
const maxAuthorizationParams = 2 << 10

// checkRequestParams checks what every login asks for beyond the usual.
func (c Config) checkRequestParams(bad func(field string, err error)) {
	err := client.CheckClaimsRequest(c.Claims)
	if err == nil && c.OAuth2 != nil && len(c.Claims) > 0 {
		err = errors.New("is of OpenID Connect, and there is OAuth2")
	}
	bad("Claims", err)
	size := 0
	for _, name := range slices.Sorted(maps.Keys(c.AuthorizationParams)) {
		value := c.AuthorizationParams[name]
		size += len(name) + len(value)
		switch {
		case client.IsReservedParameter(name):
			bad("AuthorizationParams", fmt.Errorf("holds %q, which the protocol sets", name))
		case checkText(name, true) != nil, value == "":
			bad("AuthorizationParams", fmt.Errorf("holds %q, which has no name or no value", name))
		}
	}
	if size > maxAuthorizationParams {
		bad("AuthorizationParams", errors.New("are too large for an address"))
	}
}
