package provider_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider"
)

// overHTTP sends the same request again and again over one connection, at next
// to no cost of its own: answers are as long as the first one.
func overHTTP(tb testing.TB, h http.Handler, form url.Values) func() {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	req, err := http.NewRequest(http.MethodPost, s.URL+"/introspect", bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("web", "web-secret")
	var raw bytes.Buffer
	if err := req.Write(&raw); err != nil {
		tb.Fatal(err)
	}
	var answer countingReader
	conn.Write(raw.Bytes())
	answer.Reader = conn
	res, err := http.ReadResponse(bufio.NewReaderSize(&answer, 1), req)
	if err != nil {
		tb.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err != nil || !bytes.Contains(body, []byte(`"active":true`)) {
		tb.Fatalf("%s %v", body, err)
	}
	buf := make([]byte, answer.n)
	return func() {
		if _, err := conn.Write(raw.Bytes()); err != nil {
			panic(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil || !bytes.HasPrefix(buf, []byte("HTTP/1.1 200")) {
			panic(fmt.Sprint(string(buf), err))
		}
	}
}

type countingReader struct {
	io.Reader
	n int
}

func (r *countingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.n += n
	return n, err
}

// An own JWT, whose signature this process need not verify again, beside a
// server that reads the form and writes the same answer.
func BenchmarkIntrospection(b *testing.B) {
	op := newBenchWith(b, func(c *provider.Config) { c.Introspection = &provider.Introspection{} })
	var issued struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(op.token("grant_type=client_credentials").body, &issued); err != nil {
		b.Fatal(err)
	}
	answer := map[string]any{
		"active": true, "iss": "https://op.example", "sub": "web", "aud": []string{"https://op.example"}, "client_id": "web", "token_type": "Bearer",
		"jti": "0123456789012345678901.0123456789012345678901", "exp": 1800000000, "iat": 1800000000, "nbf": 1800000000,
	}
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := wire.Form(w, r); err != nil {
			panic(err)
		}
		wire.WriteJSON(w, http.StatusOK, answer)
	})
	form := url.Values{"token": {issued.Access}}
	against(b, overHTTP(b, bare, form), overHTTP(b, op.p, form))
}
