package provider_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// hangingCodes is a database that takes the question and never answers.
type hangingCodes struct{ opstore.Codes }

func (hangingCodes) Code(ctx context.Context, _ oidckit.TokenHash) (*opstore.Code, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// FLT-32, FLT-56: a store that hangs is answered for, in bounded time.
func TestFLT32StoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
		if err != nil {
			t.Fatal(err)
		}
		set := opstore.NewMemory().Open("http://localhost")
		set.Codes = hangingCodes{set.Codes}
		p, err := provider.New(provider.Config{
			Issuer: "http://localhost", Secrets: secrets, Stores: set, Clients: []oidckit.ClientMetadata{publicClient},
		})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader("grant_type=authorization_code&client_id=spa&code=x"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, req)
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || strings.Contains(rec.Body.String(), "invalid_grant") {
			t.Fatalf("status %d: %s", rec.Code, rec.Body)
		}
	})
}
