package handlers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/oidckit/oidckit/handlers"
)

// An app that shares no secret with its issuer: it signs, and the issuer reads
// the public keys at the address that it is registered with.
func ExampleClientKey() {
	sessions := exampleSessions()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := handlers.Config{
		Issuer:         "https://id.example",
		ClientID:       "shop",
		ClientKeys:     []handlers.ClientKey{{Key: key, KeyID: "2026-12"}},
		RequestObjects: &handlers.RequestObjects{}, // signs what each login asks for, too
		BaseURL:        "https://shop.example",
		Sessions:       sessions,
	}
	rp, err := handlers.NewRelyingParty(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()

	m := cfg.ClientMetadata()
	fmt.Println(m.TokenEndpointAuthMethod, m.RequestObjectSigningAlg, m.JWKSURI)
	w := httptest.NewRecorder()
	rp.ServeHTTP(w, httptest.NewRequest("GET", m.JWKSURI, nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"kid":"2026-12"`))
	// Output:
	// private_key_jwt ES256 https://shop.example/auth/jwks.json
	// 200 true
}
