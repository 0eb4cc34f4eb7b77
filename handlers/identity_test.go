package handlers

import (
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/client"
)

func TestTokensRecord(t *testing.T) {
	set := &client.Tokens{IDToken: "a", AccessToken: "b", RefreshToken: "c", Scope: []string{"openid"}, Expires: time.Unix(1000, 0)}
	b := encodeTokens(set)
	got, ok := decodeTokens(b)
	if !ok || got.IDToken != "a" || got.AccessToken != "b" || got.RefreshToken != "c" || !got.Expires.Equal(set.Expires) || got.Scope.String() != "openid" {
		t.Errorf("%+v %v", got, ok)
	}
	for i := range b {
		if _, ok := decodeTokens(b[:i]); ok {
			t.Errorf("a record cut at %d was read", i)
		}
	}
}
