package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/rs/zerolog"
)

// FLT-55: a sink of events or a logger that panics costs its own request, which
// gets an answer and leaves no session; the next one works.
func TestReportsThatPanic(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	for name, break_ := range map[string]func(*handlers.Config, *bool){
		"sink": func(c *handlers.Config, armed *bool) {
			c.Events = func(context.Context, oidckit.Event) {
				if *armed {
					panic("canary")
				}
			}
		},
		"logger": func(c *handlers.Config, armed *bool) {
			c.Logger = zerolog.New(zerolog.Nop()).Hook(zerolog.HookFunc(func(*zerolog.Event, zerolog.Level, string) {
				if *armed {
					panic("canary")
				}
			}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			armed := true
			a.build(p, options{config: func(c *handlers.Config) { break_(c, &armed) }})
			b := a.browser()
			callback := b.begin(a, "/me")
			res := b.step(strings.Replace(callback, "state=", "state=x", 1))
			if res.StatusCode != http.StatusInternalServerError || strings.Contains(res.body, "canary") || !strings.Contains(res.body, "Start again") {
				t.Errorf("a refusal: %d %s", res.StatusCode, res.body)
			}
			if name == "sink" {
				if res := b.step(callback); res.StatusCode != http.StatusInternalServerError || len(b.cookies(a)) != 0 {
					t.Errorf("a login: %d, cookies %v", res.StatusCode, b.cookies(a))
				}
			}
			armed = false
			if c := a.browser(); c.step(c.begin(a, "/me")).StatusCode != http.StatusSeeOther {
				t.Error("the next login does not work")
			}
		})
	}
}
