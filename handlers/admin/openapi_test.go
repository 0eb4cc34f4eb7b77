package admin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/oidckit/oidckit/handlers/broker"
)

// description is the document that the API serves, and checks answers by it.
// The library does the whole of JSON Schema 2020-12, which is what OpenAPI 3.1
// means by a schema: a validator of our own would share our mistakes.
type description struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

const descriptionURL = "https://oidckit.test/openapi.json"

func newDescription(t *testing.T, body []byte) *description {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	d := &description{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := d.compiler.AddResource(descriptionURL, doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows a JSON pointer, references included, and returns where it ended.
func (d *description) at(path ...string) (any, []string) {
	var v any = d.doc
	for i, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
		if object, _ := v.(map[string]any); object["$ref"] != nil {
			target := strings.Split(strings.TrimPrefix(object["$ref"].(string), "#/"), "/")
			return d.at(append(target, path[i+1:]...)...)
		}
	}
	return v, path
}

func pointer(path []string) string {
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name))
	}
	return b.String()
}

// template returns the path of the description that an address belongs to.
func (d *description) template(prefix, path string) string {
	rest := strings.TrimPrefix(path, prefix)
	paths, _ := d.at("paths")
	if _, ok := paths.(map[string]any)[path]; ok {
		return path
	}
	parts := strings.Split(rest, "/")
	if len(parts) > 1 {
		parts[1] = "{uuid}"
	}
	return prefix + strings.Join(parts, "/")
}

// check holds an answer against the description.
func (d *description) check(t *testing.T, prefix string, r *http.Request, status int, header http.Header, body []byte) {
	t.Helper()
	what := r.Method + " " + r.URL.Path + " " + strconv.Itoa(status)
	method := strings.ToLower(r.Method)
	operation, _ := d.at("paths", d.template(prefix, r.URL.Path), method)
	if operation == nil {
		if status < 400 {
			t.Errorf("%s is not described", what)
		}
		return
	}
	response, where := d.at("paths", d.template(prefix, r.URL.Path), method, "responses", strconv.Itoa(status))
	if response == nil {
		t.Errorf("%s is not described", what)
		return
	}
	content, _ := response.(map[string]any)["content"].(map[string]any)
	if content == nil {
		if len(body) != 0 {
			t.Errorf("%s has a body: %s", what, body)
		}
		return
	}
	if got := header.Get("Content-Type"); content[got] == nil {
		t.Errorf("%s is of type %q", what, got)
		return
	}
	schema, err := d.compiler.Compile(descriptionURL + "#" + pointer(append(slices.Clone(where), "content", "application/json", "schema")))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if err := schema.Validate(instance); err != nil {
		t.Errorf("%s: %v\n%s", what, err, body)
	}
}

// checkRequest holds a body that was taken against the description.
func (d *description) checkRequest(t *testing.T, body string) {
	t.Helper()
	schema, err := d.compiler.Compile(descriptionURL + "#/components/schemas/IdentityProviderRequest")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = schema.Validate(instance)
	}
	if err != nil {
		t.Errorf("the API takes what its description does not: %v\n%s", err, body)
	}
}

// The description has the fields of the record, no more and no fewer, and every
// schema of it is one.
func TestOpenAPIDescribesTheRecord(t *testing.T) {
	a := newAPI(t, nil)
	if v, _ := a.described.at("openapi"); v != "3.1.0" {
		t.Errorf("openapi is %v", v)
	}
	var want []string
	record := reflect.TypeFor[broker.IdentityProvider]()
	for i := range record.NumField() {
		if name, _, _ := strings.Cut(record.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	for _, schema := range []string{"IdentityProvider", "IdentityProviderRequest"} {
		properties, _ := a.described.at("components", "schemas", schema, "properties")
		var got []string
		for name := range properties.(map[string]any) {
			got = append(got, name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, the record %q", schema, got, want)
		}
	}
	schemas, _ := a.described.at("components", "schemas")
	for name := range schemas.(map[string]any) {
		if _, err := a.described.compiler.Compile(descriptionURL + "#/components/schemas/" + name); err != nil {
			t.Error(err)
		}
	}
	if doc := a.ask("GET", "/openapi.json", ""); !json.Valid(doc.body) || bytes.Contains(doc.body, []byte("{prefix}")) {
		t.Errorf("the document is %d bytes", len(doc.body))
	}
}
