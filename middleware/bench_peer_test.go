package middleware_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/oidckit/oidckit/middleware"
)

// peerClaims is what an app would read, in the form that costs golang-jwt
// least.
type peerClaims struct {
	jwt.RegisteredClaims
	Scope    string `json:"scope"`
	ClientID string `json:"client_id"`
}

// peers are guards as they are written with golang-jwt and keyfunc: with a map
// of claims, as both show it, and with a struct.
var peers = map[string]func() jwt.Claims{
	"keyfunc":        func() jwt.Claims { return jwt.MapClaims{} },
	"keyfunc-struct": func() jwt.Claims { return new(peerClaims) },
}

type peerIdentity struct{}

// newPeer guards a handler that does nothing, over the issuer's keys and with
// the checks that golang-jwt has.
func newPeer(tb testing.TB, alg string, iss *testIssuer, claims func() jwt.Claims) http.Handler {
	tb.Helper()
	keys, err := keyfunc.NewJWKSetJSON(marshal(tb, iss.keys...))
	if err != nil {
		tb.Fatal(err)
	}
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	parser := jwt.NewParser(jwt.WithValidMethods([]string{alg}), jwt.WithIssuer(iss.URL), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		read := claims()
		if _, err := parser.ParseWithClaims(token, read, keys.Keyfunc); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerIdentity{}, read)))
	})
}

// BenchmarkPeer has the guards of golang-jwt and keyfunc, and rows in which
// they take turns with the kit's, for a token that it does not know and for one
// that was seen before: how many times as long the peer takes.
func BenchmarkPeer(b *testing.B) {
	for _, alg := range measured {
		first := newTraffic(b, alg, pool, unknown)
		seen := newTraffic(b, alg, 1, middleware.TokenCache{})
		for _, name := range slices.Sorted(maps.Keys(peers)) {
			peer, w := newPeer(b, alg, seen.issuer, peers[name]), httptest.NewRecorder()
			serve := func() { peer.ServeHTTP(w, seen.requests[0]) }
			if serve(); w.Code != http.StatusOK || w.Body.Len() > 0 {
				b.Fatal(w.Code, w.Body)
			}
			b.Run(alg+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					serve()
				}
			})
			b.Run(alg+"/"+name+"/first-sight", func(b *testing.B) { benchAgainst(b, serve, first, 1) })
			b.Run(alg+"/"+name+"/seen", func(b *testing.B) { benchAgainst(b, serve, seen, 64) })
		}
	}
}

// benchAgainst times a peer and the kit in turn, ours as often as it takes to
// tell the time.
func benchAgainst(b *testing.B, peer func(), t *traffic, times int) {
	const batch = 16
	var ratios []float64
	for b.Loop() {
		theirs, ours := timed(batch, peer), timed(times*batch, t.serve)
		ratios = append(ratios, float64(times)*float64(theirs)/float64(ours))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-faster")
}
