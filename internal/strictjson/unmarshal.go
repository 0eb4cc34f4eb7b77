package strictjson

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
)

// Unmarshal checks data as Check does and stores it in the value that v points
// to. Struct fields are matched by their json tag, or else their Go name,
// byte for byte; unknown members are ignored. It differs from encoding/json in
// what it refuses: null for anything but a pointer, slice, map or interface;
// an array of another length than a Go array; the tag option string.
//
// json.Unmarshaler and encoding.TextUnmarshaler are honoured; a []byte is
// base64; a number in an interface is a json.Number. On an error v may hold
// part of the document.
func Unmarshal(data []byte, v any) error { return unmarshal(data, v, false) }

// UnmarshalKnown is Unmarshal that also refuses members no struct field has
// asked for, naming the first.
func UnmarshalKnown(data []byte, v any) error { return unmarshal(data, v, true) }

// UnknownError names a member that UnmarshalKnown has refused.
type UnknownError struct{ Name string }

// Error names the member.
func (e *UnknownError) Error() string { return fmt.Sprintf("strictjson: unknown member %q", e.Name) }

// Is makes an UnknownError match ErrType.
func (e *UnknownError) Is(target error) bool { return target == ErrType }

func unmarshal(data []byte, v any, known bool) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("strictjson: Unmarshal into %T, which is not a pointer", v)
	}
	if err := Check(data); err != nil {
		return err
	}
	d := decoder{known: known}
	return d.decode(trim(data), rv.Elem())
}

// trim returns the value without the white space around it.
func trim(data []byte) Value {
	s := scanner{data: data}
	s.space()
	end := len(data)
	for end > s.pos && (data[end-1] == ' ' || data[end-1] == '\t' || data[end-1] == '\n' || data[end-1] == '\r') {
		end--
	}
	return Value(data[s.pos:end])
}

type decoder struct{ known bool }

// decode stores v, which was checked, in to.
func (d *decoder) decode(v Value, to reflect.Value) error {
	if v.Kind() == KindNull {
		switch to.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Interface:
			to.SetZero()
			return nil
		case reflect.Slice:
			if !reflect.PointerTo(to.Type()).Implements(unmarshalerType) {
				to.SetZero()
				return nil
			}
		}
	}
	if to.Kind() == reflect.Pointer {
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		return d.decode(v, to.Elem())
	}
	if done, err := custom(v, to); done {
		return err
	}
	switch to.Kind() {
	case reflect.Struct:
		return d.structure(v, to)
	case reflect.Map:
		return d.mapping(v, to)
	case reflect.Slice:
		return d.slice(v, to)
	case reflect.Array:
		return d.array(v, to)
	case reflect.Interface:
		return d.any(v, to)
	}
	return scalar(v, to)
}

var (
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// custom hands v to the type's own method, where it has one.
func custom(v Value, to reflect.Value) (done bool, err error) {
	pt := reflect.PointerTo(to.Type())
	if pt.Implements(unmarshalerType) {
		return true, to.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(v)
	}
	if pt.Implements(textUnmarshalerType) {
		text, err := v.text()
		if err != nil {
			return true, err
		}
		return true, to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(text)
	}
	return false, nil
}

func (d *decoder) structure(v Value, to reflect.Value) error {
	fields, err := fieldsOf(to.Type())
	if err != nil {
		return err
	}
	return v.Object(func(name []byte, v Value) error {
		f, ok := fields[string(name)]
		if !ok {
			if d.known {
				return &UnknownError{Name: string(name)}
			}
			return nil
		}
		return at(name, d.decode(v, f.in(to)))
	})
}

// at names the member in which an error was found.
func at(name []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("member %q: %w", name, err)
}

func (d *decoder) mapping(v Value, to reflect.Value) error {
	t := to.Type()
	asText := reflect.PointerTo(t.Key()).Implements(textUnmarshalerType)
	if !asText && t.Key().Kind() != reflect.String {
		return fmt.Errorf("strictjson: map key %s is not a string", t.Key())
	}
	if err := v.want(KindObject); err != nil {
		return err
	}
	if to.IsNil() {
		to.Set(reflect.MakeMap(t))
	}
	return v.Object(func(name []byte, v Value) error {
		key := reflect.New(t.Key())
		if asText {
			if err := key.Interface().(encoding.TextUnmarshaler).UnmarshalText(name); err != nil {
				return at(name, err)
			}
		} else {
			key.Elem().SetString(string(name))
		}
		elem := reflect.New(t.Elem()).Elem()
		if err := d.decode(v, elem); err != nil {
			return at(name, err)
		}
		to.SetMapIndex(key.Elem(), elem)
		return nil
	})
}

func (d *decoder) slice(v Value, to reflect.Value) error {
	t := to.Type()
	if t.Elem().Kind() == reflect.Uint8 && v.Kind() == KindString {
		text, err := v.text()
		if err != nil {
			return err
		}
		b, err := base64.StdEncoding.Strict().DecodeString(string(text))
		if err != nil {
			return &TypeError{Want: "base64", Reason: "another string"}
		}
		to.SetBytes(b)
		return nil
	}
	out := reflect.MakeSlice(t, 0, 0)
	err := v.Array(func(v Value) error {
		elem := reflect.New(t.Elem()).Elem()
		if err := d.decode(v, elem); err != nil {
			return err
		}
		out = reflect.Append(out, elem)
		return nil
	})
	if err != nil {
		return err
	}
	to.Set(out)
	return nil
}

func (d *decoder) array(v Value, to reflect.Value) error {
	i := 0
	err := v.Array(func(v Value) error {
		if i == to.Len() {
			return &TypeError{Want: fmt.Sprintf("an array of %d", i), Reason: "a longer one"}
		}
		i++
		return d.decode(v, to.Index(i-1))
	})
	if err == nil && i < to.Len() {
		return &TypeError{Want: fmt.Sprintf("an array of %d", to.Len()), Reason: "a shorter one"}
	}
	return err
}

// any stores v in an interface: without methods as string, bool, json.Number,
// []any or map[string]any.
func (d *decoder) any(v Value, to reflect.Value) error {
	if to.NumMethod() != 0 {
		return fmt.Errorf("strictjson: interface %s cannot be decoded into", to.Type())
	}
	var elem reflect.Value
	switch v.Kind() {
	case KindString:
		elem = reflect.New(reflect.TypeFor[string]()).Elem()
	case KindBool:
		elem = reflect.New(reflect.TypeFor[bool]()).Elem()
	case KindObject:
		elem = reflect.New(reflect.TypeFor[map[string]any]()).Elem()
	case KindArray:
		elem = reflect.New(reflect.TypeFor[[]any]()).Elem()
	default:
		to.Set(reflect.ValueOf(json.Number(v)))
		return nil
	}
	if err := d.decode(v, elem); err != nil {
		return err
	}
	to.Set(elem)
	return nil
}

func scalar(v Value, to reflect.Value) error {
	switch to.Kind() {
	case reflect.String:
		if to.Type() == reflect.TypeFor[json.Number]() {
			if err := v.want(KindNumber); err != nil {
				return err
			}
			to.SetString(string(v))
			return nil
		}
		s, err := v.Text()
		to.SetString(s)
		return err
	case reflect.Bool:
		b, err := v.Bool()
		to.SetBool(b)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := v.Int()
		if err == nil && to.OverflowInt(n) {
			return &TypeError{Want: to.Type().String(), Reason: "a larger number"}
		}
		to.SetInt(n)
		return err
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return unsigned(v, to)
	case reflect.Float32, reflect.Float64:
		if err := v.want(KindNumber); err != nil {
			return err
		}
		f, err := strconv.ParseFloat(string(v), to.Type().Bits())
		if err != nil {
			return &TypeError{Want: to.Type().String(), Reason: "a larger number"}
		}
		to.SetFloat(f)
		return nil
	}
	return fmt.Errorf("strictjson: %s cannot be decoded into", to.Type())
}

func unsigned(v Value, to reflect.Value) error {
	if err := v.want(KindNumber); err != nil {
		return err
	}
	n, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil || to.OverflowUint(n) {
		return &TypeError{Want: to.Type().String(), Reason: "another number"}
	}
	to.SetUint(n)
	return nil
}
