package house

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// layer says what the packages in dirs may import of this module. The first
// layer that holds a package is its own.
type layer struct {
	dirs []string
	// may lists folders, each with all below it.
	may []string
	// not is taken out of may again.
	not []string
}

// layers is the plan of the house: root ← stores ← endpoint packages ←
// provider ← oidctest, and the roles nowhere import each other.
var layers = []layer{
	{dirs: []string{"internal/strictjson"}},
	{dirs: []string{"internal/house", "internal/browsertest"}},
	{dirs: []string{"internal"}, may: []string{".", "internal"}},
	{dirs: []string{"middleware"}, may: []string{".", "internal", "middleware"}, not: []string{"internal/page", "internal/sqldb"}},
	{dirs: []string{"handlers/rpstore"}, may: []string{".", "internal", "handlers/rpstore"}, not: []string{"internal/page"}},
	{dirs: []string{"handlers/rpsql"}, may: []string{".", "internal", "handlers/rpstore", "handlers/rpsql"}},
	{dirs: []string{"handlers/broker", "handlers/admin"}, may: []string{".", "internal", "handlers/rpstore", "handlers/broker", "handlers/admin"}},
	{dirs: []string{"handlers"}, may: []string{".", "internal", "handlers/rpstore"}},
	{dirs: []string{"provider/opstore"}, may: []string{".", "internal", "provider/opstore"}, not: []string{"internal/page"}},
	{dirs: []string{"provider/opsql"}, may: []string{".", "internal", "provider/opstore", "provider/opsql"}},
	{dirs: []string{"provider/opredis"}, may: []string{".", "internal", "provider/opstore", "provider/opredis"}, not: []string{"internal/page"}},
	{dirs: []string{"provider/internal"}, may: []string{".", "internal", "provider/opstore", "provider/internal"}},
	{dirs: []string{"provider/oidctest"}, may: []string{".", "internal", "provider"}},
	{dirs: []string{"provider"}, may: []string{".", "internal", "provider/opstore", "provider/internal"}},
	// Examples are what an app copies: they live on the public packages.
	{dirs: []string{"examples"}, may: []string{".", "middleware", "handlers", "provider", "examples"}, not: []string{"provider/internal", "internal"}},
	{dirs: []string{"."}, may: []string{"internal/strictjson"}},
}

// homes says where a dependency may be imported outside of tests. A path that
// stands here nowhere may be imported everywhere but in the root package and
// in the strict decoder.
var homes = map[string][]string{
	"github.com/golang-jwt/jwt/v5":            {"internal/jose"},
	"github.com/MicahParks/keyfunc/v3":        {"internal/jwks"},
	"github.com/MicahParks/jwkset":            {"internal/jwks"},
	"github.com/alexedwards/scs":              {"handlers", "examples"},
	"modernc.org/sqlite":                      {"examples"},
	"github.com/jackc/pgx/v5":                 {"examples"},
	"github.com/redis/go-redis/v9":            {"examples", "provider/opredis"},
	"github.com/go-chi/chi/v5":                {"examples"},
	"github.com/chromedp":                     {"internal/browsertest"},
	"github.com/go-jose/go-jose/v4":           {},
	"github.com/go-json-experiment/json":      {},
	"github.com/google/uuid":                  {},
	"github.com/santhosh-tekuri/jsonschema":   {},
	"github.com/alexedwards/scs/goredisstore": {"examples"},
}

// stdlibOnly holds the folders that import nothing from elsewhere.
var stdlibOnly = []string{".", "internal/strictjson"}

// own returns the folder of a package of this module.
func own(importPath string) (dir string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func allowed(dir string, l layer) bool {
	return slices.ContainsFunc(l.may, func(m string) bool { return covers(m, dir) }) &&
		!slices.ContainsFunc(l.not, func(n string) bool { return covers(n, dir) })
}

// covers reports whether dir is top or below it; the root covers itself alone.
func covers(top, dir string) bool {
	if top == "." {
		return dir == "."
	}
	return under(dir, top)
}

func layerOf(dir string) (layer, bool) {
	for _, l := range layers {
		if slices.ContainsFunc(l.dirs, func(d string) bool { return covers(d, dir) }) {
			return l, true
		}
	}
	return layer{}, false
}

// wrongArrow says why a package in dir may not import a path, or "".
func wrongArrow(dir, importPath string) string {
	l, ok := layerOf(dir)
	if !ok {
		return "the folder has no place in the house"
	}
	if to, ok := own(importPath); ok {
		if to == dir || allowed(to, l) {
			return ""
		}
		return "the arrow points the wrong way"
	}
	if !strings.Contains(strings.Split(importPath, "/")[0], ".") {
		return ""
	}
	if slices.Contains(stdlibOnly, dir) {
		return "only the standard library is allowed here"
	}
	home := ""
	for h := range homes {
		if under(importPath, h) && len(h) > len(home) {
			home = h
		}
	}
	if home != "" && !under(dir, homes[home]...) {
		return "this dependency belongs to " + strings.Join(homes[home], ", ") + " (and tests)"
	}
	return ""
}

func TestImportArrows(t *testing.T) {
	for _, f := range tree(t) {
		if f.isTest() {
			continue
		}
		for _, imp := range f.imports {
			if why := wrongArrow(f.dir(), imp); why != "" {
				t.Errorf("%s imports %s: %s", f.path, imp, why)
			}
		}
	}
}

// A test of one role may use another only from outside its package, or the
// cycle would be in the package itself.
func TestImportArrowsOfInnerTests(t *testing.T) {
	for _, f := range tree(t) {
		if !f.isTest() || strings.HasSuffix(f.syntax.Name.Name, "_test") {
			continue
		}
		for _, imp := range f.imports {
			if _, ok := own(imp); !ok || under(imp, module+"/internal") {
				continue
			}
			if why := wrongArrow(f.dir(), imp); why != "" && !strings.HasSuffix(path.Base(imp), "test") {
				t.Errorf("%s (package %s) imports %s: %s", f.path, f.syntax.Name.Name, imp, why)
			}
		}
	}
}

// A program that only checks tokens stays small: nothing of these is linked,
// by whatever way.
func TestMiddlewareLinksLittle(t *testing.T) {
	byPath := map[string][]string{}
	for _, f := range tree(t) {
		if !f.isTest() {
			p := path.Join(module, f.dir())
			byPath[p] = append(byPath[p], f.imports...)
		}
	}
	banned := []string{"html/template", "text/template", "database/sql", "github.com/alexedwards/scs", "golang.org/x/crypto", module + "/provider", module + "/handlers"}
	via := map[string]string{}
	queue := []string{module + "/middleware"}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, imp := range byPath[p] {
			if _, seen := via[imp]; seen {
				continue
			}
			via[imp] = p
			queue = append(queue, imp)
			if under(imp, banned...) {
				t.Errorf("middleware reaches %s through %s, reached through %s (error pages: page.ErrorWriter, given as wire.Options.WriteError)", imp, p, via[p])
			}
		}
	}
}

// A program that only checks tokens depends on eight modules, and on the
// standard library.
func TestMiddlewareModules(t *testing.T) {
	want := []string{
		"github.com/MicahParks/jwkset", "github.com/MicahParks/keyfunc/v3", "github.com/golang-jwt/jwt/v5", "github.com/mattn/go-colorable",
		"github.com/mattn/go-isatty", module, "github.com/rs/zerolog", "golang.org/x/sys", "golang.org/x/time",
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./middleware")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("middleware depends on %q, want %q", got, want)
	}
}

// The rules themselves: each row would be a mistake in the house, or is none.
func TestRules(t *testing.T) {
	rows := []struct {
		dir, imp string
		ok       bool
	}{
		{".", "net/http", true},
		{".", module + "/internal/strictjson", true},
		{".", module + "/internal/jose", false},
		{".", "github.com/rs/zerolog", false},
		{"internal/strictjson", module, false},
		{"internal/jose", "github.com/golang-jwt/jwt/v5", true},
		{"middleware", "github.com/golang-jwt/jwt/v5", false},
		{"internal/jwks", "github.com/MicahParks/keyfunc/v3", true},
		{"middleware", "github.com/MicahParks/keyfunc/v3", false},
		{"middleware", module + "/handlers", false},
		{"middleware", module + "/provider/opstore", false},
		{"middleware", module + "/internal/page", false},
		{"handlers", module + "/middleware", false},
		{"handlers", module + "/handlers/rpstore", true},
		{"handlers", module + "/handlers/broker", false},
		{"handlers", "github.com/alexedwards/scs/v2", true},
		{"provider", "github.com/alexedwards/scs/v2", false},
		{"provider", module + "/handlers", false},
		{"provider", module + "/provider/internal/token", true},
		{"provider/internal/token", module + "/provider", false},
		{"provider/internal/token", module + "/provider/opstore", true},
		{"provider/internal/token", module + "/provider/opsql", false},
		{"provider/opstore", module + "/provider", false},
		{"provider", module + "/provider/oidctest", false},
		{"provider/oidctest", module + "/provider", true},
		{"provider/oidctest", module + "/middleware", false},
		{"provider/opsql", "modernc.org/sqlite", false},
		{"handlers/rpsql", "github.com/jackc/pgx/v5/stdlib", false},
		{"handlers/broker", module + "/provider", false},
		{"handlers/broker", module + "/handlers", false},
		{"internal/wire", module + "/middleware", false},
		{"examples/quickstart", "modernc.org/sqlite", true},
		{"examples/quickstart", module + "/internal/page", false},
		{"examples/quickstart", module + "/provider", true},
		{"pkg/anything", "net/http", false},
	}
	for _, row := range rows {
		if why := wrongArrow(row.dir, row.imp); (why == "") != row.ok {
			t.Errorf("%s imports %s: %q, want ok = %v", row.dir, row.imp, why, row.ok)
		}
	}
}
