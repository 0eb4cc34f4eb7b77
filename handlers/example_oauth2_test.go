package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// A provider that knows OAuth 2.0 and no OpenID Connect: its people are named
// by a number, and their addresses come from a second call to its API.
func ExampleOAuth2() {
	const api = "https://api.code.example"
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "https://code.example",
		Metadata: &oidckit.ProviderMetadata{
			Issuer:                "https://code.example",
			AuthorizationEndpoint: "https://code.example/login/oauth/authorize",
			TokenEndpoint:         "https://code.example/login/oauth/access_token",
			UserinfoEndpoint:      api + "/user",
		},
		OAuth2: &handlers.OAuth2{
			SubjectClaim: "id",
			Identify: func(ctx context.Context, req handlers.IdentifyRequest) (oidckit.Claims, error) {
				var user map[string]any
				if err := req.Userinfo.Decode(&user); err != nil {
					return nil, err
				}
				call, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/user/emails", nil)
				if err != nil {
					return nil, err
				}
				resp, err := req.HTTPClient.Do(call)
				if err != nil {
					return nil, err
				}
				defer resp.Body.Close()
				var emails []string
				if err := json.NewDecoder(resp.Body).Decode(&emails); err != nil {
					return nil, err
				}
				if len(emails) == 0 {
					return nil, oidckit.NewError(oidckit.AccessDenied, "an address is needed here")
				}
				return json.Marshal(map[string]any{"id": user["id"], "name": user["name"], "email": emails[0]})
			},
		},
		Scopes:       oidckit.Scope{"read:user", "user:email"},
		ClientID:     "shop",
		ClientSecret: "the secret of the shop",
		BaseURL:      "https://shop.example",
		Sessions:     exampleSessions(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()

	w := httptest.NewRecorder()
	rp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://shop.example/auth/login", nil))
	address, _, _ := strings.Cut(w.Header().Get("Location"), "?")
	fmt.Println(w.Code, address)
	// Output: 302 https://code.example/login/oauth/authorize
}
