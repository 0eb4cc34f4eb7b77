package provider

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/safeurl"
)

// ATK-068: what a client has registered reaches no address of the operator's.
func TestOutboundReachesPublicAddressesOnly(t *testing.T) {
	hits := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer s.Close()
	if _, err := (Outbound{}).client().Get(s.URL); !errors.Is(err, safeurl.ErrAddress) || hits != 0 {
		t.Errorf("strict: %v, %d hits", err, hits)
	}
	res, err := (Outbound{AllowLoopback: true}).client().Get(s.URL)
	if err != nil || hits != 1 {
		t.Fatalf("allowed: %v, %d hits", err, hits)
	}
	res.Body.Close()
}

func TestOutboundTimeoutIsBounded(t *testing.T) {
	for d, ok := range map[time.Duration]bool{0: true, time.Second: true, -1: false, time.Minute: false} {
		if err := (Outbound{Timeout: d}).check(); (err == nil) != ok {
			t.Errorf("%v: %v", d, err)
		}
	}
}
