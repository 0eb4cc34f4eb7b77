package jose

import (
	"strings"
	"testing"
)

func TestAppendUnverified(t *testing.T) {
	long := strings.Repeat("e30.", MaxToken/4+1)
	for token, want := range map[string]string{
		"x.e30.x": "{}", "x.e30": "{}", "x.e30.": "{}", ".e30.x.x.x": "{}", "e30": "", "": "", ".": "", "x..x": "", "x.e31.x": "", "x.e3.x": "",
		"x.e\r30.x": "", "x.e30=.x": "", "x.+++.x": "", long: "",
	} {
		got, ok := AppendUnverified([]byte("before"), token)
		if string(got) != "before"+want || ok != (want != "") {
			t.Errorf("%.20q: %q, %v", token, got, ok)
		}
	}
}
