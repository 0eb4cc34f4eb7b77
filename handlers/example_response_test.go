package handlers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// exampleIssuer is known by hand, so that an example calls nobody.
var exampleIssuer = &oidckit.ProviderMetadata{
	Issuer: "https://id.example", AuthorizationEndpoint: "https://id.example/authorize",
	TokenEndpoint: "https://id.example/token", JWKSURI: "https://id.example/jwks",
}

// An issuer that demands a hybrid login, whose answer is posted and signed
// (JARM). The callback then takes a POST and nothing else, and what is registered
// at the issuer says so.
func ExampleConfig_responseMode() {
	cfg := handlers.Config{
		Issuer: "https://id.example", Metadata: exampleIssuer, ClientID: "shop", ClientSecret: "shh", BaseURL: "https://shop.example",
		ResponseType: "code id_token", ResponseMode: "form_post.jwt", AuthorizationSignedResponseAlg: "PS256",
		Sessions: exampleSessions(),
	}
	rp, err := handlers.NewRelyingParty(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()

	w := httptest.NewRecorder()
	rp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://shop.example/auth/login", nil))
	to, _ := url.Parse(w.Header().Get("Location"))
	fmt.Println(to.Query().Get("response_type"), to.Query().Get("response_mode"))
	// The form comes from the issuer's site.
	fmt.Println(w.Result().Cookies()[0].SameSite == http.SameSiteNoneMode)
	m := cfg.ClientMetadata()
	fmt.Println(m.ResponseTypes, m.GrantTypes, m.AuthorizationSignedResponseAlg)
	// Output:
	// code id_token form_post.jwt
	// true
	// [code id_token] [authorization_code implicit] PS256
}

// What is asked of one login alone: claims, and an authentication that the
// answer has to bring.
func ExampleRelyingParty_LoginURL_claims() {
	issuer := *exampleIssuer
	issuer.ClaimsParameterSupported = true
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "https://id.example", Metadata: &issuer, ClientID: "shop", BaseURL: "https://shop.example", Sessions: exampleSessions(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()

	address := rp.LoginURL(nil, oidckit.LoginRequest{
		ReturnTo: "/pay", Claims: []byte(`{"userinfo":{"email":{"essential":true}}}`),
		ACRValues: []string{"urn:example:gold"}, EssentialACR: true,
	})
	w := httptest.NewRecorder()
	rp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	to, _ := url.Parse(w.Header().Get("Location"))
	fmt.Println(to.Query().Get("claims"))
	// Output: {"id_token":{"acr":{"essential":true,"values":["urn:example:gold"]}},"userinfo":{"email":{"essential":true}}}
}
