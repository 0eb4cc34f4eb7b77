package adminapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/adminapi"
)

func status(err error) int {
	if e, ok := errors.AsType[*oidckit.Error](err); ok {
		return e.HTTPStatus()
	}
	return 0
}

// What an operator mistypes is told, not lost.
func TestReadJSON(t *testing.T) {
	type record struct {
		Name string `json:"name"`
	}
	for name, row := range map[string]struct {
		contentType, body string
		status            int
	}{
		"good":           {"application/json; charset=utf-8", `{"name":"a"}`, 0},
		"unknown member": {"application/json", `{"name":"a","nmae":"b"}`, 400},
		"twice":          {"application/json", `{"name":"a","name":"b"}`, 400},
		"another case":   {"application/json", `{"Name":"a"}`, 400},
		"wrong type":     {"application/json", `{"name":1}`, 400},
		"two documents":  {"application/json", `{"name":"a"}{}`, 400},
		"nothing":        {"application/json", ``, 400},
		"a form":         {"application/x-www-form-urlencoded", `name=a`, 415},
		"no type":        {"", `{"name":"a"}`, 415},
		"too large":      {"application/json", `{"name":"` + strings.Repeat("x", adminapi.MaxBody) + `"}`, 413},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(row.body))
		r.Header.Set("Content-Type", row.contentType)
		var got record
		if err := adminapi.ReadJSON(httptest.NewRecorder(), r, &got); status(err) != row.status || (row.status == 0) != (got.Name == "a" && err == nil) && row.status == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every member that is wrong is named, and the others are read.
func TestReadFields(t *testing.T) {
	type record struct {
		Name  string            `json:"name"`
		Count int               `json:"count"`
		List  []struct{ A int } `json:"list"`
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(
		`{"name":"a","nmae":"b","count":"1","list":[{"A":1,"B":2}],"`+strings.Repeat("x", 200)+`":null}`))
	r.Header.Set("Content-Type", "application/json")
	var got record
	wrong, err := adminapi.ReadFields(httptest.NewRecorder(), r, &got)
	var names []string
	for _, f := range wrong {
		names = append(names, f.Field)
	}
	if err != nil || got.Name != "a" || strings.Join(names, " ") != "nmae count list "+strings.Repeat("x", 64) {
		t.Errorf("%+v, %v, %v", got, wrong, err)
	}
	for _, body := range []string{"", "null", "[]", `{"name":"a"}{}`, `{"name":"a","name":"a"}`, strings.Repeat(`{"a":`, 100_000)} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if _, err := adminapi.ReadFields(httptest.NewRecorder(), r, &got); len(body) < adminapi.MaxBody && status(err) != 400 {
			t.Errorf("%.40q: %v", body, err)
		}
	}
}

// An API may count from 0.
func TestPaging(t *testing.T) {
	paging := adminapi.Paging{First: 0, Count: 10, MaxCount: 100}
	for query, row := range map[string]struct {
		page   adminapi.Page
		status int
	}{
		"":                         {adminapi.Page{StartIndex: 0, Count: 10}, 0},
		"startIndex=0&count=0":     {adminapi.Page{StartIndex: 0, Count: 0}, 0},
		"startIndex=5&count=10000": {adminapi.Page{StartIndex: 5, Count: 100}, 0},
		"startIndex=-1":            {adminapi.Page{}, 400},
	} {
		got, err := paging.Read(httptest.NewRequest(http.MethodGet, "/?"+query, nil))
		if got != row.page || status(err) != row.status {
			t.Errorf("%s: %+v %v", query, got, err)
		}
	}
}

// RFC 9110 §13.1.1, RFC 6585 §3.
func TestCheckMatch(t *testing.T) {
	for name, row := range map[string]struct {
		headers []string
		status  int
	}{
		"none":              {nil, 428},
		"the version":       {[]string{`"7"`}, 0},
		"one of several":    {[]string{`"1", "7"`}, 0},
		"of several lines":  {[]string{`"1"`, `"7"`}, 0},
		"any":               {[]string{"*"}, 0},
		"another":           {[]string{`"6"`}, 412},
		"weak":              {[]string{`W/"7"`}, 412},
		"without quotes":    {[]string{`7`}, 412},
		"empty":             {[]string{``}, 412},
		"part of the value": {[]string{`"77"`}, 412},
	} {
		r := httptest.NewRequest(http.MethodPut, "/", nil)
		r.Header["If-Match"] = row.headers
		if len(row.headers) == 0 {
			delete(r.Header, "If-Match")
		}
		if err := adminapi.CheckMatch(r, adminapi.ETag(7)); status(err) != row.status {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 7644 §3.4.2.4: the list begins at 1.
func TestReadPage(t *testing.T) {
	for query, row := range map[string]struct {
		page   adminapi.Page
		status int
	}{
		"":                       {adminapi.Page{StartIndex: 1, Count: 100}, 0},
		"startIndex=3&count=2":   {adminapi.Page{StartIndex: 3, Count: 2}, 0},
		"count=0":                {adminapi.Page{StartIndex: 1, Count: 0}, 0},
		"count=100000":           {adminapi.Page{StartIndex: 1, Count: 1000}, 0},
		"startIndex=0":           {adminapi.Page{}, 400},
		"count=-1":               {adminapi.Page{}, 400},
		"count=a":                {adminapi.Page{}, 400},
		"startIndex=99999999999": {adminapi.Page{}, 400},
		"filter=x":               {adminapi.Page{}, 400},
		"count=1&count=2":        {adminapi.Page{}, 400},
	} {
		got, err := adminapi.ReadPage(httptest.NewRequest(http.MethodGet, "/?"+query, nil))
		if got != row.page || status(err) != row.status {
			t.Errorf("%s: %+v %v", query, got, err)
		}
	}
}

// All wrong fields are told at once.
func TestWriteError(t *testing.T) {
	rec := httptest.NewRecorder()
	err := adminapi.Invalid(oidckit.InvalidClientMetadata, adminapi.Fields{{"a", "is wrong"}, {"b", "is missing"}})
	e, _ := errors.AsType[*oidckit.Error](err)
	adminapi.WriteError(rec, httptest.NewRequest(http.MethodPost, "/", nil), e)
	var doc struct {
		Error  string
		Fields []adminapi.Field
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || rec.Code != 400 || doc.Error != "invalid_client_metadata" || len(doc.Fields) != 2 || doc.Fields[1].Field != "b" {
		t.Errorf("%d %s %v", rec.Code, rec.Body, err)
	}
	rec = httptest.NewRecorder()
	adminapi.WriteError(rec, httptest.NewRequest(http.MethodPost, "/", nil), adminapi.ErrPrecondition)
	if rec.Code != http.StatusPreconditionFailed || strings.Contains(rec.Body.String(), "fields") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
