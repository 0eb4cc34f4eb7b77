package strictjson_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/strictjson"
)

type list []string

func (l *list) UnmarshalText(b []byte) error { *l = strings.Split(string(b), " "); return nil }

type Base struct {
	ID     string `json:"id"`
	Shadow string `json:"shadow"`
}

type Deep struct {
	Level int `json:"level"`
}

type document struct {
	Base
	*Deep
	Name    string            `json:"name,omitempty"`
	Plain   string            // matched by its Go name
	Shadow  int               `json:"shadow,omitzero"`
	Hidden  string            `json:"-"`
	Count   int8              `json:"count"`
	Size    uint16            `json:"size"`
	Ratio   float64           `json:"ratio"`
	On      bool              `json:"on"`
	Tags    []string          `json:"tags"`
	Scope   list              `json:"scope"`
	When    time.Time         `json:"when"`
	Raw     json.RawMessage   `json:"raw"`
	Bytes   []byte            `json:"bytes"`
	Labels  map[string]string `json:"labels"`
	Number  *int64            `json:"number"`
	Any     any               `json:"any"`
	Pair    [2]int            `json:"pair"`
	Nested  []Deep            `json:"nested"`
	Literal json.Number       `json:"literal"`
	private string
}

func TestUnmarshal(t *testing.T) {
	doc := ` {"id":"i","level":3,"name":"n\u0061","Plain":"p","shadow":7,"Hidden":"x","-":"x","private":"x","count":-128,"size":65535,
		"ratio":1.5e1,"on":true,"tags":["a","b"],"scope":"x y","when":"2026-01-02T03:04:05Z","raw":{ "k" : 1 },"bytes":"aGk=",
		"labels":{"l":"v"},"number":5,"any":{"n":1.0,"l":[true,null,"s"]},"pair":[1,2],"nested":[{"level":1},{}],"literal":1.50,"unknown":[{}]} `
	var got document
	if err := strictjson.Unmarshal([]byte(doc), &got); err != nil {
		t.Fatal(err)
	}
	five := int64(5)
	want := document{
		Base: Base{ID: "i"}, Deep: &Deep{Level: 3}, Name: "na", Plain: "p", Shadow: 7, Count: -128, Size: 65535, Ratio: 15, On: true,
		Tags: []string{"a", "b"}, Scope: list{"x", "y"}, When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Raw: json.RawMessage(`{ "k" : 1 }`),
		Bytes: []byte("hi"), Labels: map[string]string{"l": "v"}, Number: &five,
		Any:  map[string]any{"n": json.Number("1.0"), "l": []any{true, nil, "s"}},
		Pair: [2]int{1, 2}, Nested: []Deep{{Level: 1}, {}}, Literal: "1.50",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.private != "" {
		t.Error("unexported field was set")
	}
}

func TestUnmarshalExactNames(t *testing.T) {
	var got struct {
		Issuer string `json:"iss"`
	}
	// encoding/json binds both to iss.
	if err := strictjson.Unmarshal([]byte(`{"ISS":"a","iſs":"b","Iss":"c"}`), &got); err != nil || got.Issuer != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := strictjson.Unmarshal([]byte(`{"is\u0073":"a"}`), &got); err != nil || got.Issuer != "a" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUnmarshalNull(t *testing.T) {
	seven := int64(7)
	got := document{Tags: []string{"a"}, Labels: map[string]string{"a": "b"}, Number: &seven, Any: 1, Scope: list{"a"}, Deep: &Deep{}}
	doc := `{"tags":null,"labels":null,"number":null,"any":null,"scope":null,"raw":null}`
	if err := strictjson.Unmarshal([]byte(doc), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tags != nil || got.Labels != nil || got.Number != nil || got.Any != nil || got.Scope != nil || string(got.Raw) != "null" {
		t.Errorf("%+v", got)
	}
	if err := strictjson.Unmarshal([]byte("null"), &document{}); err == nil {
		t.Error("null was stored in a struct")
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, doc := range []string{
		`{"count":128}`, `{"count":1.0}`, `{"count":1e1}`, `{"count":"1"}`, `{"count":null}`,
		`{"size":-1}`, `{"size":65536}`, `{"ratio":1e400}`, `{"ratio":"1"}`, `{"on":"true"}`, `{"on":1}`, `{"on":null}`,
		`{"name":1}`, `{"name":null}`, `{"name":["a"]}`, `{"tags":"a"}`, `{"tags":[1]}`, `{"tags":[null]}`, `{"scope":["a"]}`,
		`{"labels":[]}`, `{"labels":{"a":1}}`, `{"bytes":"a b"}`, `{"bytes":"aGk"}`, `{"pair":[1]}`, `{"pair":[1,2,3]}`, `{"pair":null}`,
		`{"when":"yesterday"}`, `{"nested":[[]]}`, `{"literal":"1"}`, `{"number":9223372036854775808}`, `[]`, `"x"`,
	} {
		var got document
		if err := strictjson.Unmarshal([]byte(doc), &got); err == nil {
			t.Errorf("%s was taken: %+v", doc, got)
		}
	}
	var text string
	for _, into := range []any{nil, text, (*string)(nil), new(chan int), new(map[int]string), new(error)} {
		if err := strictjson.Unmarshal([]byte(`{}`), into); err == nil {
			t.Errorf("decoded into %T", into)
		}
	}
	var quoted struct {
		N int `json:"n,string"`
	}
	if err := strictjson.Unmarshal([]byte(`{"n":"1"}`), &quoted); err == nil {
		t.Error("the tag option string was ignored")
	}
}

func TestUnmarshalErrorsNameTheMemberNotTheValue(t *testing.T) {
	err := strictjson.Unmarshal([]byte(`{"nested":[{"level":"canary"}]}`), &document{})
	if !errors.Is(err, strictjson.ErrType) || !strings.Contains(err.Error(), `"level"`) || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

func TestUnmarshalKnown(t *testing.T) {
	var got document
	if err := strictjson.UnmarshalKnown([]byte(`{"id":"i","level":1,"labels":{"free":"x"},"any":{"free":1}}`), &got); err != nil {
		t.Errorf("known members refused: %v", err)
	}
	for _, doc := range []string{`{"redirect_url":"x"}`, `{"nested":[{"redirect_url":1}]}`, `{"ID":"i"}`} {
		if err := strictjson.UnmarshalKnown([]byte(doc), &got); err == nil {
			t.Errorf("%s was taken", doc)
		}
	}
	err := strictjson.UnmarshalKnown([]byte(`{"redirect_url":"x"}`), &got)
	if err == nil || !strings.Contains(err.Error(), `"redirect_url"`) {
		t.Errorf("the unknown member is not named: %v", err)
	}
}

type left struct {
	Same string
}
type right struct {
	Same string
}

func TestUnmarshalEmbeddedTie(t *testing.T) {
	var got struct {
		left
		right
	}
	if err := strictjson.Unmarshal([]byte(`{"Same":"x"}`), &got); err != nil || got.left.Same != "" || got.right.Same != "" {
		t.Errorf("%+v, %v", got, err)
	}
	var one struct{ left }
	if err := strictjson.Unmarshal([]byte(`{"Same":"x"}`), &one); err != nil || one.Same != "x" {
		t.Errorf("%+v, %v", one, err)
	}
}
