package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// watcher sees all that goes over the wire, and all that the issuer tells its
// log and its events. At the end of a test nothing secret of the one may be in
// the other.
type watcher struct {
	next http.RoundTripper
	// config is what the issuer was made with, for another replica.
	config provider.Config

	mu      sync.Mutex
	secrets map[string]string
	told    strings.Builder
	errors  []string
	events  []oidckit.Event
	cookies map[string]bool
}

func newWatcher(t *testing.T) *watcher {
	w := &watcher{secrets: map[string]string{}, cookies: map[string]bool{}}
	for _, s := range []string{"web-secret", "other-secret", "machine-secret", aliceHash} {
		w.secrets[s] = "client secret or hash"
	}
	t.Cleanup(func() { w.check(t) })
	return w
}

func (w *watcher) check(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told.String()
	for secret, kind := range w.secrets {
		if strings.Contains(told, secret) {
			t.Errorf("I4: a %s is in the log or in an event", kind)
		}
		for _, body := range w.errors {
			// The login page carries the waiting request from try to try.
			if kind != "request" && strings.Contains(body, secret) {
				t.Errorf("I4: a %s is in the body of an error", kind)
			}
		}
	}
}

// Write takes a line of the log.
func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told.Write(p)
}

func (w *watcher) event(_ context.Context, e oidckit.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	fmt.Fprintf(&w.told, "%v %+v %#v ", e, e, e)
	writeErrors(&w.told, e.Err)
	b, _ := json.Marshal(e)
	w.told.Write(b)
}

// writeErrors writes the text of every error in a chain.
func writeErrors(out io.Writer, err error) {
	for err != nil {
		fmt.Fprintf(out, "%v %+v %#v\n", err, err, err)
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				writeErrors(out, e)
			}
			return
		}
		err = errors.Unwrap(err)
	}
}

// names returns the events so far.
func (w *watcher) names() []oidckit.EventName {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []oidckit.EventName
	for _, e := range w.events {
		names = append(names, e.Name)
	}
	return names
}

// last returns the last event of a name.
func (w *watcher) last(name oidckit.EventName) (oidckit.Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.events) - 1; i >= 0; i-- {
		if w.events[i].Name == name {
			return w.events[i], true
		}
	}
	return oidckit.Event{}, false
}

// cookieName returns the name of the only cookie that was ever set, "" before.
func (w *watcher) cookieName() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.cookies {
		if len(w.cookies) == 1 {
			return name
		}
	}
	return ""
}

// log returns what was logged so far.
func (w *watcher) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told.String()
}

// secretNames are the parameters and members that hold what must not be told.
var secretNames = []string{
	"code", "refresh_token", "access_token", "id_token", "id_token_hint", "client_secret", "password", "code_verifier",
	"request", "interaction", "client_assertion", "registration_access_token",
}

func (w *watcher) note(kind, value string) {
	// Anything shorter is a word that a test has made up.
	if len(value) >= 12 {
		w.secrets[value] = kind
	}
}

func (w *watcher) noteAll(values url.Values) {
	for _, name := range secretNames {
		for _, v := range values[name] {
			w.note(name, v)
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (w *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body.Close()
		body = string(b)
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answered, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(answered))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteRequest(r, body)
	w.noteResponse(res, answered)
	return res, nil
}

func (w *watcher) noteRequest(r *http.Request, body string) {
	w.noteAll(r.URL.Query())
	if form, err := url.ParseQuery(body); err == nil {
		w.noteAll(form)
	}
	for _, c := range r.Cookies() {
		w.note("cookie", c.Value)
	}
	for _, h := range r.Header.Values("Authorization") {
		_, credentials, _ := strings.Cut(h, " ")
		w.note("Authorization header", credentials)
	}
	if _, pass, ok := r.BasicAuth(); ok {
		w.note("client secret", pass)
	}
}

func (w *watcher) noteResponse(res *http.Response, body []byte) {
	for _, c := range res.Cookies() {
		w.note("cookie", c.Value)
		w.cookies[c.Name] = true
	}
	if u, err := url.Parse(res.Header.Get("Location")); err == nil {
		w.noteAll(u.Query())
		if fragment, err := url.ParseQuery(u.EscapedFragment()); err == nil {
			w.noteAll(fragment)
		}
	}
	if action, fields, ok := oidctest.Form(string(body)); ok && strings.Contains(action, "://") {
		w.noteAll(fields)
	}
	doc := map[string]any{}
	if json.Unmarshal(body, &doc) == nil {
		for _, name := range secretNames {
			if text, ok := doc[name].(string); ok {
				w.note(name, text)
			}
		}
	}
	if res.StatusCode >= http.StatusBadRequest {
		w.errors = append(w.errors, string(body))
	}
}
