package safeurl

import (
	"strings"
	"testing"
)

var returnTargets = []struct {
	raw string
	ok  bool
}{
	{"/", true},
	{"/me", true},
	{"/me?tab=2&x=%2Fa", true},
	{"/a//b", true},
	{"/a%20b", true},
	{"/100%25", true},
	{"/search?q=https://other.example/", true},
	{"/search?q=..%2f..", true},
	{"/search?q=100%", true},
	{"/@e", true},
	{"/a:b", true},
	{"/...", true},
	{"/.well-known/x", true},
	// ATK-096, row by row
	{"//e", false},
	{`/\e`, false},
	{"/\t/e", false},
	{"/\n/e", false},
	{"https:e", false},
	{"https:/e", false},
	{"http:///e", false},
	{"/%09/e", false},
	{"/%5ce", false},
	{"/.//e", false},
	{"javascript:alert(1)", false},
	{"data:text/html,x", false},
	{`\\e`, false},
	{" //e", false},
	{"/\u2028/e", false},
	{"@e", false},
	// ATK-096, the class
	{"", false},
	{"me", false},
	{"?a=b", false},
	{"#x", false},
	{"/me#x", false},
	{"///e", false},
	{`\/e`, false},
	{`/\/e`, false},
	{`/a\..\..\e`, false},
	{"/%2fe", false},
	{"/%2Fe", false},
	{"/%252fe", false},
	{"/%25252fe", false},
	{"/%" + strings.Repeat("25", 20) + "2fe", false},
	{"/%5Ce", false},
	{"/%255ce", false},
	{"/..//e", false},
	{"/a/..;/e", false},
	{"/a/..;x=1/e", false},
	{"/a/%2e%2e%3b/e", false},
	{"/.;/e", false},
	{"/a;x=1/..b;/e", true},
	{"/a/..//e", false},
	{"/a/%2e%2e//e", false},
	{"/%2e//e", false},
	{"/.%2f/e", false},
	{"/%0d%0aSet-Cookie:a=b", false},
	{"/%0ae", false},
	{"/%00", false},
	{"/\r\nLocation: https://e", false},
	{"/\x00", false},
	{"/\x7f", false},
	{"/\x85/e", false},
	{"/%c2%85/e", false},
	{"/%e2%80%a8/e", false},
	{"/ü", false},
	{"/%zz", false},
	{"/%", false},
	{"\t//e", false},
	{"\x00//e", false},
	{"/ /e", false},
	{"//e@app.example", false},
	{"https://app.example/", false},
	{"HTTPS://e", false},
	{"/" + strings.Repeat("a", 2048), false},
}

func TestReturnTo(t *testing.T) {
	for _, row := range returnTargets {
		got, ok := ReturnTo(row.raw)
		if ok != row.ok {
			t.Errorf("ReturnTo(%q) = %v, want %v", row.raw, ok, row.ok)
		}
		if ok && got != row.raw || !ok && got != "" {
			t.Errorf("ReturnTo(%q) returned %q", row.raw, got)
		}
	}
}

// FuzzReturnTo holds what is accepted against what a browser makes of it: it
// resolves to the same origin, and so does the path that comes out, once more.
func FuzzReturnTo(f *testing.F) {
	for _, row := range returnTargets {
		f.Add(row.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		target, ok := ReturnTo(raw)
		if !ok {
			return
		}
		if strings.ContainsAny(target, "\r\n\t\x00") {
			t.Fatalf("%q would split a header", target)
		}
		for range 3 {
			path, same := browserResolve(target)
			if !same {
				t.Fatalf("%q leaves the origin on the way of %q", target, raw)
			}
			if path == target {
				return
			}
			target = path
		}
	})
}

// browserResolve follows the WHATWG URL standard (§4.4) for an input resolved
// against an https base: it returns the path and query that result, or false
// where the result has another origin or scheme.
func browserResolve(in string) (string, bool) {
	in = strings.TrimFunc(in, func(r rune) bool { return r <= ' ' })
	in = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(in)
	if scheme, _, found := strings.Cut(in, ":"); found && isScheme(scheme) {
		return "", false
	}
	in, _, _ = strings.Cut(in, "#")
	path, query, hasQuery := strings.Cut(in, "?")
	path = strings.ReplaceAll(path, `\`, "/")
	if strings.HasPrefix(path, "//") {
		return "", false
	}
	var out []string
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch strings.ReplaceAll(strings.ToLower(s), "%2e", ".") {
		case ".":
			if last {
				out = append(out, "")
			}
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	resolved := "/" + strings.Join(out, "/")
	if hasQuery {
		resolved += "?" + query
	}
	return resolved, true
}

func isScheme(s string) bool {
	if s == "" {
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return true
}
