package broker

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxPath     = 256
	maxSegments = 16
)

var errPath = errors.New("is no path such as email, address.country, roles[0] or emails[].value")

// path leads to a value in a claims document.
type path struct {
	// whole is the path as it is written: the name of a claim may have dots.
	whole string
	steps []step
}

// step is a member of an object, an element of a list, or each of them.
type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind uint8

const (
	stepMember stepKind = iota
	stepElement
	stepEach
)

// A segment is a name, and after it which elements of lists.
var (
	segmentForm = regexp.MustCompile(`^([^\[\]]+)((?:\[[0-9]{0,3}\])*)$`)
	elementForm = regexp.MustCompile(`\[([0-9]*)\]`)
)

func parsePath(text string) (path, error) {
	p := path{whole: text}
	if len(text) > maxPath || strings.ContainsAny(text, "'{}\x00") {
		return p, errPath
	}
	for segment := range strings.SplitSeq(text, ".") {
		m := segmentForm.FindStringSubmatch(segment)
		if m == nil {
			return p, errPath
		}
		p.steps = append(p.steps, step{name: m[1]})
		for _, element := range elementForm.FindAllStringSubmatch(m[2], -1) {
			s := step{kind: stepEach}
			if n, err := strconv.Atoi(element[1]); err == nil {
				s = step{kind: stepElement, index: n}
			}
			p.steps = append(p.steps, s)
		}
	}
	if len(p.steps) > maxSegments {
		return p, errPath
	}
	return p, nil
}

// find returns what the path leads to. null is nothing.
func (p path) find(claims map[string]any) (any, bool) {
	if v, ok := claims[p.whole]; ok {
		return v, v != nil
	}
	v, ok := follow(claims, p.steps)
	return v, ok && v != nil
}

func follow(v any, steps []step) (any, bool) {
	for i, s := range steps {
		switch s.kind {
		case stepMember:
			object, _ := v.(map[string]any)
			member, ok := object[s.name]
			if !ok {
				return nil, false
			}
			v = member
		case stepElement:
			list, _ := v.([]any)
			if s.index >= len(list) {
				return nil, false
			}
			v = list[s.index]
		case stepEach:
			list, ok := v.([]any)
			if !ok {
				return nil, false
			}
			return each(list, steps[i+1:])
		}
	}
	return v, true
}

// each follows the rest of a path from every element, and leaves out those from
// which it leads nowhere. Lists of lists become one.
func each(list []any, rest []step) (any, bool) {
	nested := false
	for _, s := range rest {
		nested = nested || s.kind == stepEach
	}
	all := []any{}
	for _, element := range list {
		v, ok := follow(element, rest)
		if !ok || v == nil {
			continue
		}
		if inner, isList := v.([]any); nested && isList {
			all = append(all, inner...)
			continue
		}
		all = append(all, v)
	}
	return all, len(all) > 0
}

// textOf returns a value as a part of a text.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
