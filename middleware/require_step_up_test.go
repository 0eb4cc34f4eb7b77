package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

func authenticated(acr string, at time.Time) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return r.WithContext(oidckit.ContextWithIdentity(r.Context(), &oidckit.Identity{ACR: acr, AuthTime: at}))
}

func TestStepUp(t *testing.T) {
	var never time.Time
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d).Truncate(time.Second) }
	age := middleware.RequireAuthAge(5 * time.Minute)
	gold := middleware.RequireACR("gold", "platinum")
	both := middleware.StepUp{ACRValues: []string{"gold"}, MaxAge: 5 * time.Minute}.Require
	runGuards(t, []guardRow{
		{"acr", gold, authenticated("gold", never), 200},
		{"another acr that does", gold, authenticated("platinum", never), 200},
		{"another acr", gold, authenticated("silver", never), 401},
		{"another case of the acr", gold, authenticated("Gold", never), 401},
		{"no acr", gold, authenticated("", never), 401},
		{"recent", age, authenticated("", ago(time.Minute)), 200},
		{"long ago", age, authenticated("", ago(6*time.Minute)), 401},
		{"RFC 9470 §5 auth_time missing", age, authenticated("", never), 401},
		{"a clock that is a little ahead", age, authenticated("", now.Add(30*time.Second)), 200},
		{"in the future", age, authenticated("", now.Add(time.Hour)), 401},
		{"both", both, authenticated("gold", ago(time.Minute)), 200},
		{"both, acr lacks", both, authenticated("silver", ago(time.Minute)), 401},
		{"both, too long ago", both, authenticated("gold", ago(time.Hour)), 401},
		{"ATK-341 no guard before", age, httptest.NewRequest(http.MethodGet, "/", nil), 500},
		{"ATK-341 nothing required", middleware.StepUp{}.Require, authenticated("gold", now), 500},
		{"ATK-341 no acr required", middleware.RequireACR(), authenticated("gold", now), 500},
		{"ATK-341 an empty acr", middleware.RequireACR(""), authenticated("", now), 500},
		{"ATK-341 two acrs in one", middleware.RequireACR("gold platinum"), authenticated("gold platinum", now), 500},
		{"ATK-341 no age", middleware.RequireAuthAge(0), authenticated("gold", now), 500},
		{"ATK-341 a negative age", middleware.RequireAuthAge(-time.Second), authenticated("gold", now), 500},
		{"ATK-341 less than a second", middleware.RequireAuthAge(time.Millisecond), authenticated("gold", now), 500},
	})
}

// RFC 9470 §3: the challenge says all that a new authentication must bring.
func TestStepUpChallenge(t *testing.T) {
	g := fakeAPI(anyToken(new(string)))
	for _, row := range []struct {
		guard      func(http.Handler) http.Handler
		has, lacks []string
	}{
		{middleware.RequireACR("gold", "silver"), []string{`acr_values="gold silver"`}, []string{"max_age"}},
		{middleware.RequireAuthAge(5 * time.Minute), []string{`max_age="300"`}, []string{"acr_values"}},
		{middleware.StepUp{ACRValues: []string{"gold"}, MaxAge: time.Second}.Require, []string{`acr_values="gold"`, `max_age="1"`}, nil},
	} {
		g.handler = middleware.RequireBearer(anyToken(new(string)))(row.guard(http.HandlerFunc(g.serve)))
		resp := g.get("Bearer t")
		challenge := resp.Header.Get("WWW-Authenticate")
		for _, param := range row.has {
			if !strings.Contains(challenge, param) {
				t.Errorf("challenge %s lacks %s", challenge, param)
			}
		}
		for _, param := range row.lacks {
			if strings.Contains(challenge, param) {
				t.Errorf("challenge %s has %s", challenge, param)
			}
		}
		g.wantRefused(t, resp, 401, "insufficient_user_authentication")
	}
	// a guard of the app's own has left no challenger
	resp := serve(middleware.RequireAuthAge(time.Minute)(http.NotFoundHandler()), authenticated("", time.Time{}))
	if c := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || !strings.Contains(c, `max_age="60"`) {
		t.Errorf("%d %s", resp.StatusCode, c)
	}
}

// An authentication grows old while its token lives.
func TestAuthenticationGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := middleware.RequireAuthAge(5 * time.Minute)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := authenticated("", time.Now())
		for minutes, status := range []int{200, 200, 200, 200, 200, 200, 401} {
			if got := serve(h, r).StatusCode; got != status {
				t.Errorf("after %d minutes: status %d", minutes, got)
			}
			time.Sleep(time.Minute)
		}
	})
}
