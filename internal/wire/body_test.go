package wire_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/wire"
)

// ATK-338, RFC 9110 §15.5.9: a body that does not arrive is not waited for.
func TestSlowBody(t *testing.T) {
	s := httptest.NewUnstartedServer(wire.Endpoint(func(w http.ResponseWriter, r *http.Request) error {
		_, err := wire.Form(w, r)
		return err
	}, wire.Options{Name: "test", Methods: []string{http.MethodPost}}))
	s.Config.ReadTimeout = 200 * time.Millisecond
	s.Start()
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: app\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 6000\r\n\r\nx=")
	text, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 408") || !strings.Contains(string(text), "did not arrive in time") {
		t.Errorf("%.200q %v", text, err)
	}
}
