package strictjson

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// field is the path of a struct field, through embedded structs.
type field struct {
	index  []int
	tagged bool
	// hidden marks a name that two fields of the same depth claim: none gets it.
	hidden bool
}

// in returns the field within to, with embedded pointers on the way allocated.
func (f field) in(to reflect.Value) reflect.Value {
	for _, i := range f.index {
		if to.Kind() == reflect.Pointer {
			if to.IsNil() {
				to.Set(reflect.New(to.Type().Elem()))
			}
			to = to.Elem()
		}
		to = to.Field(i)
	}
	return to
}

// fieldCache keeps what fieldsOf derives from a type alone.
var fieldCache sync.Map // reflect.Type → map[string]field

func fieldsOf(t reflect.Type) (map[string]field, error) {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.(map[string]field), nil
	}
	fields := make(map[string]field)
	if err := collect(t, nil, fields, nil); err != nil {
		return nil, err
	}
	for name, f := range fields {
		if f.hidden {
			delete(fields, name)
		}
	}
	fieldCache.Store(t, fields)
	return fields, nil
}

// collect adds t's fields by the rules of encoding/json: the shallowest wins,
// then the tagged one; a tie hides both.
func collect(t reflect.Type, index []int, fields map[string]field, open []reflect.Type) error {
	for _, o := range open {
		if o == t {
			return nil
		}
	}
	open = append(open[:len(open):len(open)], t)
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" {
			continue
		}
		path := append(index[:len(index):len(index)], i)
		if inner, ok := embedded(sf); ok && name == "" {
			if err := collect(inner, path, fields, open); err != nil {
				return err
			}
			continue
		}
		if !sf.IsExported() {
			continue
		}
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "", "omitempty", "omitzero":
			default:
				return fmt.Errorf("strictjson: %s.%s: tag option %q is not supported", t, sf.Name, option)
			}
		}
		f := field{index: path, tagged: tagged && name != ""}
		if name == "" {
			name = sf.Name
		}
		add(fields, name, f)
	}
	return nil
}

// embedded returns the struct type whose fields are promoted through sf. A
// pointer to an unexported struct cannot be allocated and promotes nothing.
func embedded(sf reflect.StructField) (reflect.Type, bool) {
	if !sf.Anonymous {
		return nil, false
	}
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		if !sf.IsExported() {
			return nil, false
		}
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct
}

func add(fields map[string]field, name string, f field) {
	old, ok := fields[name]
	switch {
	case !ok, len(f.index) < len(old.index):
		fields[name] = f
	case len(f.index) > len(old.index):
	case f.tagged && !old.tagged:
		fields[name] = f
	case f.tagged == old.tagged:
		old.hidden = true
		fields[name] = old
	}
}
