package oidctest

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// However long a test runs, what is remembered is bounded: the newest requests
// of very many, the beginning of a very long form.
func TestRequestsAreBounded(t *testing.T) {
	s := &Server{}
	for i := range maxRequests + 5 {
		path := "/later"
		if i < 5 {
			path = "/first"
		}
		s.record("", httptest.NewRequest("GET", path, nil))
	}
	if all, first := len(s.Requests("")), len(s.Requests("/first")); all != maxRequests || first != 0 {
		t.Errorf("%d requests are kept, %d of the first", all, first)
	}
	for _, ahead := range []bool{false, true} {
		r := httptest.NewRequest("POST", "/form", strings.NewReader("a="+strings.Repeat("x", 3*maxForm)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		form := s.record("", r)
		if ahead {
			form.readAhead(r)
		}
		if n, err := io.Copy(io.Discard, r.Body); n != 3*maxForm+2 || err != nil {
			t.Errorf("the issuer reads %d bytes, %v", n, err)
		}
		if seen := s.Requests("/form"); len(seen[len(seen)-1].Form.Get("a")) != maxForm-2 {
			t.Errorf("%d bytes are kept", len(seen[len(seen)-1].Form.Get("a")))
		}
	}
}
