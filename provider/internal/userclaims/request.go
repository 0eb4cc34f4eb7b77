package userclaims

import (
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// maxRequest bounds the claims parameter, in bytes.
	maxRequest = 8 << 10
	// maxClaims bounds how many claims are asked for, for userinfo and for ID
	// tokens each.
	maxClaims = 64
	// maxName bounds the name of a claim, and maxTag a language tag.
	maxName = 128
	maxTag  = 35
	// maxValues bounds the acceptable values of acr.
	maxValues = 16
	maxValue  = 255
)

// Request is what the claims parameter asks for (OpenID Connect Core 1.0 §5.5).
type Request struct {
	// Userinfo and IDToken are names of claims, some with a language tag.
	Userinfo []string
	IDToken  []string
	// Subject is the one person that the answer may be about, "" for anyone.
	Subject string
	// ACR are the authentication contexts asked for, best first; with
	// EssentialACR no other will do.
	ACR          []string
	EssentialACR bool
}

func malformed(description string) error {
	return oidckit.NewError(oidckit.InvalidRequest, description)
}

// ParseRequest reads the claims parameter. Members that are not understood are
// ignored (§5.5); everything else is strict.
func ParseRequest(raw string) (*Request, error) {
	req := &Request{}
	if len(raw) > maxRequest {
		return nil, malformed("claims is too large")
	}
	doc := []byte(raw)
	if strictjson.Check(doc) != nil || strictjson.Value(strings.TrimLeft(raw, " \t\r\n")).Kind() != strictjson.KindObject {
		return nil, malformed("claims is not a JSON object")
	}
	err := strictjson.Object(doc, func(name []byte, v strictjson.Value) error {
		switch string(name) {
		case "userinfo":
			return req.section(v, &req.Userinfo, false)
		case "id_token":
			return req.section(v, &req.IDToken, true)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return req, nil
}

// section reads the claims that are asked for in one place.
func (req *Request) section(v strictjson.Value, names *[]string, idToken bool) error {
	if v.Kind() == strictjson.KindNull {
		return nil
	}
	if v.Kind() != strictjson.KindObject {
		return malformed("a member of claims is not an object")
	}
	return v.Object(func(name []byte, v strictjson.Value) error {
		if len(*names) == maxClaims {
			return malformed("claims asks for too many claims")
		}
		w, err := parseWish(v)
		if err != nil {
			return err
		}
		switch claim := string(name); {
		case claim == "sub":
			return req.subject(w)
		case claim == "acr":
			// §5.5.1.1: of the ID Token
			if idToken {
				return req.acr(w)
			}
		case asked(claim):
			*names = append(*names, claim)
		}
		return nil
	})
}

// asked reports whether a name can be that of a claim about a person.
func asked(name string) bool {
	name, tag, tagged := strings.Cut(name, "#")
	return plain(name) && !slices.Contains(protocol, name) && (!tagged || isTag(tag))
}

// isTag reports whether a text can be a language tag (BCP 47).
func isTag(tag string) bool {
	return tag != "" && len(tag) <= maxTag && !strings.ContainsFunc(tag, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// wish is how a claim is asked for (§5.5.1).
type wish struct {
	essential bool
	value     strictjson.Value
	values    strictjson.Value
}

func parseWish(v strictjson.Value) (wish, error) {
	w := wish{}
	switch v.Kind() {
	case strictjson.KindNull:
		return w, nil
	case strictjson.KindObject:
	default:
		return w, malformed("claims asks for a claim with neither null nor an object")
	}
	err := v.Object(func(name []byte, v strictjson.Value) error {
		var err error
		switch string(name) {
		case "essential":
			if w.essential, err = v.Bool(); err != nil {
				return malformed("essential is neither true nor false")
			}
		case "value":
			w.value = v
		case "values":
			if v.Kind() != strictjson.KindArray {
				return malformed("values is not an array")
			}
			w.values = v
		}
		return nil
	})
	return w, err
}

// texts returns the acceptable values where they are strings.
func (w wish) texts() ([]string, error) {
	var list []string
	if w.values != nil {
		var err error
		if list, err = w.values.Texts(); err != nil || len(list) == 0 || len(list) > maxValues {
			return nil, malformed("values of sub or acr is not a short list of strings")
		}
	}
	if w.value != nil {
		text, err := w.value.Text()
		if err != nil {
			return nil, malformed("value of sub or acr is not a string")
		}
		if list != nil && !slices.Contains(list, text) {
			return nil, malformed("value and values of a claim contradict each other")
		}
		list = []string{text}
	}
	for _, text := range list {
		if text == "" || len(text) > maxValue {
			return nil, malformed("a value of sub or acr is empty or too long")
		}
	}
	return list, nil
}

func (req *Request) subject(w wish) error {
	list, err := w.texts()
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		return nil
	case len(list) > 1, req.Subject != "" && req.Subject != list[0]:
		return malformed("claims asks for more than one sub")
	}
	req.Subject = list[0]
	return nil
}

func (req *Request) acr(w wish) error {
	list, err := w.texts()
	if err != nil {
		return err
	}
	for _, text := range list {
		if strings.ContainsAny(text, " \t\r\n") {
			return malformed("a value of acr has a space")
		}
	}
	req.ACR, req.EssentialACR = list, w.essential && len(list) > 0
	return nil
}
