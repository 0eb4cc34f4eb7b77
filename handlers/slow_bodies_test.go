package handlers_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/handlers"
)

// ATK-338: who sends a byte a second holds no route: the server's ReadTimeout
// ends it, and without one a bound of the kit's own.
func TestSlowBodies(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.ResponseMode = "form_post" }})
	for _, path := range []string{"login", "callback", "backchannel-logout"} {
		asked := &readDeadline{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodPost, a.URL+"/auth/"+path, strings.NewReader("x=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		a.rp.ServeHTTP(asked, r)
		if len(asked.set) != 2 || asked.set[0].IsZero() || time.Until(asked.set[0]) > time.Minute || !asked.set[1].IsZero() {
			t.Errorf("%s: deadlines %v", path, asked.set)
		}

		s := httptest.NewUnstartedServer(a.rp)
		s.Config.ReadTimeout = 200 * time.Millisecond
		s.Start()
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "POST /auth/%s HTTP/1.1\r\nHost: app\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 6000\r\n\r\nlogout_tok", path)
		text, err := io.ReadAll(conn)
		conn.Close()
		s.Close()
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 4") {
			t.Errorf("%s: %.60q %v", path, text, err)
		}
	}
}

// readDeadline is a writer that remembers what was asked of its connection.
type readDeadline struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *readDeadline) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}
