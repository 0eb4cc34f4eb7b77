package userclaims_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
)

func catalogue(t *testing.T) *userclaims.Catalogue {
	t.Helper()
	c, err := userclaims.New(map[string][]string{"shop": {"customer", "level"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// OpenID Connect Core 1.0 §5.4: each claim has its scope; what belongs to the
// protocol can be nobody's.
func TestCatalogue(t *testing.T) {
	c := catalogue(t)
	if names := c.Names(); len(names) != 22 || names[0] != "sub" || names[21] != "level" {
		t.Errorf("%v", names)
	}
	_, err := userclaims.New(map[string][]string{"a": {"acr", "email", "x\"y", "x#de", "", "good"}, "b": {"good"}})
	for _, want := range []string{`"acr" belongs`, `"email" has a scope already: email`, `"x\"y" must`, `"x#de" must`, `"" must`, `"good" has a scope already: a`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	names := []string{"email", "name#de", "customer", "secret", "sub", "name"}
	if got := c.Within(names, func(scope string) bool { return scope != "shop" }); !slices.Equal(got, []string{"email", "name#de", "name"}) {
		t.Errorf("%v", got)
	}
	if got := c.Beyond([]string{"email", "name#de", "name", "customer"}, oidckit.Scope{"openid", "email"}); !slices.Equal(got, []string{"name", "customer"}) {
		t.Errorf("%v", got)
	}
}

// OpenID Connect Core 1.0 §5.5: what the claims parameter may say.
func TestParseRequest(t *testing.T) {
	for _, row := range []struct {
		clause, raw string
		want        string
	}{
		{"nothing", `{}`, `{[] []  [] false}`},
		{"§5.5 the example", `{"userinfo":{"given_name":{"essential":true},"nickname":null,"email_verified":{"essential":true},"http://example.info/claims/groups":null},
			"id_token":{"auth_time":{"essential":true},"acr":{"values":["urn:mace:incommon:iap:silver"]}}}`,
			`{[given_name nickname email_verified http://example.info/claims/groups] []  [urn:mace:incommon:iap:silver] false}`},
		{"§5.5 members not understood", `{"other":[1],"userinfo":{"name":{"purpose":"x","essential":false}}}`, `{[name] []  [] false}`},
		{"§5.5 null for a section", `{"userinfo":null,"id_token":{"name":null}}`, `{[] [name]  [] false}`},
		{"§5.5.1 values of other claims are wishes", `{"userinfo":{"email":{"value":7},"name":{"values":[{}]}}}`, `{[email name] []  [] false}`},
		{"§5.2 a language", `{"userinfo":{"name#de-CH":null,"name#":null,"name#d e":null}}`, `{[name#de-CH] []  [] false}`},
		{"§5.5.1 sub", `{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"values":["a"]}}}`, `{[] [] a [] false}`},
		{"§5.5 sub without a value", `{"id_token":{"sub":null}}`, `{[] []  [] false}`},
		{"§5.5.1.1 essential acr", `{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}`, `{[] []  [a b] true}`},
		{"§5.5.1.1 essential acr, one value", `{"id_token":{"acr":{"essential":true,"value":"a"}}}`, `{[] []  [a] true}`},
		{"§5.5.1.1 essential acr, any", `{"id_token":{"acr":{"essential":true}}}`, `{[] []  [] false}`},
		{"acr is of the ID token", `{"userinfo":{"acr":{"essential":true,"value":"a"}}}`, `{[] []  [] false}`},
		{"the protocol's own claims", `{"id_token":{"iss":null,"nonce":null,"email":null,"na\u0022me":null}}`, `{[] [email]  [] false}`},
	} {
		got, err := userclaims.ParseRequest(row.raw)
		if err != nil || fmt.Sprint(*got) != row.want {
			t.Errorf("%s: %v %v", row.clause, got, err)
		}
	}
	many := func(n int) string {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"c%d":null`, i))
		}
		return `{"userinfo":{` + strings.Join(members, ",") + `}}`
	}
	if _, err := userclaims.ParseRequest(many(64)); err != nil {
		t.Error(err)
	}
	for clause, raw := range map[string]string{
		"empty": "", "no object": `[]`, "text": `"x"`, "null": "null", "broken": `{"userinfo":`, "more behind": `{}x`, "twice": `{"userinfo":{},"userinfo":{}}`,
		"a claim twice": `{"userinfo":{"name":null,"name":null}}`, "section": `{"userinfo":[]}`, "claim is text": `{"userinfo":{"name":"x"}}`,
		"claim is true": `{"id_token":{"name":true}}`, "essential": `{"userinfo":{"name":{"essential":"true"}}}`, "values": `{"userinfo":{"name":{"values":"x"}}}`,
		"sub is a number": `{"id_token":{"sub":{"value":1}}}`, "sub is empty": `{"id_token":{"sub":{"value":""}}}`, "two subs": `{"id_token":{"sub":{"values":["a","b"]}}}`,
		"subs differ": `{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`, "value and values": `{"id_token":{"sub":{"value":"a","values":["b"]}}}`,
		"acr is a number": `{"id_token":{"acr":{"essential":true,"values":[1]}}}`, "acr with a space": `{"id_token":{"acr":{"values":["a b"]}}}`,
		"acr of nothing": `{"id_token":{"acr":{"essential":true,"values":[]}}}`, "too many claims": many(65), "UTF-8": "{\"\xff\":1}",
		"too large": `{"x":"` + strings.Repeat("x", 8<<10) + `"}`, "too deep": strings.Repeat(`{"userinfo":`, 200) + "1" + strings.Repeat("}", 200),
		"a long sub": `{"id_token":{"sub":{"value":"` + strings.Repeat("x", 256) + `"}}}`,
	} {
		got, err := userclaims.ParseRequest(raw)
		if !errors.Is(err, oidckit.InvalidRequest) || got != nil {
			t.Errorf("%s: %v %v", clause, got, err)
		}
	}
}

// OpenID Connect Core 1.0 §5.2, §5.3.2, §5.4, §5.5: what is told of a person.
func TestAppend(t *testing.T) {
	c := catalogue(t)
	const person = `{"name":"Anna","name#de":"Änne","name#zh-Hant-TW":"安娜","email":"a@example.com","email_verified":false,"nickname":null,"website":"",
		"sub":"x","iss":"x","acr":"x","secret":"s","customer":{"id":7},"family_name#fr":"Dupont"}`
	for _, row := range []struct {
		clause string
		wanted userclaims.Wanted
		want   string
	}{
		{"nothing", userclaims.Wanted{Scope: oidckit.Scope{"openid"}}, ``},
		{"§5.4 a scope", userclaims.Wanted{Scope: oidckit.Scope{"openid", "email"}}, `,"email":"a@example.com","email_verified":false`},
		{"§5.3.2 no value, no claim", userclaims.Wanted{Scope: oidckit.Scope{"profile"}}, `,"name":"Anna"`},
		{"own scope", userclaims.Wanted{Scope: oidckit.Scope{"shop"}}, `,"customer":{"id":7}`},
		{"§5.5 by name", userclaims.Wanted{Names: []string{"email", "email", "level"}}, `,"email":"a@example.com"`},
		{"by name and by scope", userclaims.Wanted{Scope: oidckit.Scope{"email"}, Names: []string{"email", "name"}}, `,"email":"a@example.com","email_verified":false,"name":"Anna"`},
		{"§5.2 by name in a language", userclaims.Wanted{Names: []string{"name#DE", "name#fr", "name"}}, `,"name#DE":"Änne","name":"Anna"`},
		{"§5.2 in the scope's place and beside it", userclaims.Wanted{Scope: oidckit.Scope{"profile"}, Names: []string{"name#de"}}, `,"name":"Anna","name#de":"Änne"`},
		{"claims_locales", userclaims.Wanted{Scope: oidckit.Scope{"profile"}, Locales: []string{"se", "de"}}, `,"name":"Änne"`},
		{"claims_locales, a wider tag", userclaims.Wanted{Names: []string{"name"}, Locales: []string{"de-CH"}}, `,"name":"Änne"`},
		{"claims_locales, script and region", userclaims.Wanted{Names: []string{"name"}, Locales: []string{"zh-hant-tw-x-y"}}, `,"name":"安娜"`},
		{"claims_locales, nothing fits", userclaims.Wanted{Names: []string{"name"}, Locales: []string{"zh", "e"}}, `,"name":"Anna"`},
		{"claims_locales, only in a language", userclaims.Wanted{Names: []string{"family_name"}, Locales: []string{"fr"}}, `,"family_name":"Dupont"`},
		{"an unknown scope", userclaims.Wanted{Scope: oidckit.Scope{"nonsense"}}, ``},
	} {
		got, err := c.Append([]byte(`{"sub":"1"`), oidckit.Claims(person), row.wanted)
		if err != nil || string(got) != `{"sub":"1"`+row.want {
			t.Errorf("%s: %s %v", row.clause, got, err)
		}
		if row.want != "" && c.Empty(row.wanted) {
			t.Errorf("%s: empty", row.clause)
		}
	}
	if _, err := c.Append([]byte(`{"sub":"1"`), oidckit.Claims(`{"name":1,"name":2}`), userclaims.Wanted{Names: []string{"name"}}); err == nil {
		t.Error("a document with a repeated name")
	}
	if got := userclaims.Locales("de  fr-CA nön-sense d_e " + strings.Repeat("x", 36) + strings.Repeat(" a", 20)); len(got) != 8 || got[0] != "de" || got[1] != "fr-CA" || got[2] != "a" {
		t.Errorf("%v", got)
	}
}

// Whatever is sent, what is kept of it is bounded and fit to stand in JSON.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{`{"userinfo":{"name":null}}`, `{"id_token":{"acr":{"essential":true,"values":["a"]},"sub":{"value":"x"},"name#de":{}}}`, `{"id_token":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		req, err := userclaims.ParseRequest(raw)
		if err != nil {
			if !errors.Is(err, oidckit.InvalidRequest) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		for _, name := range slices.Concat(req.Userinfo, req.IDToken) {
			if name == "" || len(name) > 200 || strings.ContainsAny(name, "\"\\\x00 ") || name == "sub" || name == "acr" {
				t.Fatalf("%q: %q", raw, name)
			}
		}
		if len(req.Userinfo) > 64 || len(req.IDToken) > 64 || len(req.ACR) > 16 || len(req.Subject) > 255 || req.EssentialACR && len(req.ACR) == 0 {
			t.Fatalf("%q: %+v", raw, req)
		}
	})
}
