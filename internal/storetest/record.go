package storetest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/oidckit/oidckit/internal/secret"
)

// Fill sets every field of the record that p points to, so that a field a
// store forgets is seen. Values differ from call to call.
func Fill[R any](p *R) *R {
	fill(reflect.ValueOf(p).Elem(), reflect.TypeFor[R]().Name())
	return p
}

var timeType = reflect.TypeFor[time.Time]()

func fill(v reflect.Value, name string) {
	if v.Type() == timeType {
		ago := 0
		for _, b := range []byte(name) {
			ago = ago*7 + int(b)
		}
		v.Set(reflect.ValueOf(time.Now().Add(-time.Duration(ago%100_000) * time.Second).Truncate(time.Microsecond)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.String:
		v.SetString(name + "-ü-" + secret.Token())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64, reflect.Int:
		v.SetInt(7)
	case reflect.Array:
		for i, b := range []byte(secret.Token())[:v.Len()] {
			v.Index(i).SetUint(uint64(b))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(`{"` + name + "\":\"" + secret.Token() + "\xff\x00\"}"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	default:
		panic("storetest: no value for a field of type " + v.Type().String())
	}
}

// Clobber overwrites what slices of the record that p points to share with
// copies of it, and all its other fields.
func Clobber[R any](p *R) { clobber(reflect.ValueOf(p).Elem()) }

func clobber(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == timeType {
			v.SetZero()
			return
		}
		for i := range v.NumField() {
			clobber(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			clobber(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			clobber(v.Elem())
		}
	default:
		v.SetZero()
	}
}

// Clone returns a deep copy of a record.
func Clone[R any](p *R) *R {
	c := new(R)
	copyValue(reflect.ValueOf(c).Elem(), reflect.ValueOf(p).Elem())
	return c
}

func copyValue(dst, src reflect.Value) {
	switch {
	case src.Kind() == reflect.Struct && src.Type() != timeType:
		for i := range src.NumField() {
			copyValue(dst.Field(i), src.Field(i))
		}
	case src.Kind() == reflect.Slice && !src.IsNil():
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		for i := range src.Len() {
			copyValue(dst.Index(i), src.Index(i))
		}
	case src.Kind() == reflect.Pointer && !src.IsNil():
		dst.Set(reflect.New(src.Type().Elem()))
		copyValue(dst.Elem(), src.Elem())
	default:
		dst.Set(src)
	}
}

// Same returns an error that names the first field in which two records
// differ. Times are compared as instants, to the microsecond; an empty slice
// equals none.
func Same[R any](what string, got, want *R) error {
	if got == nil {
		return fmt.Errorf("%s: got no record", what)
	}
	return same(what, reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem())
}

func same(path string, got, want reflect.Value) error {
	switch {
	case got.Type() == timeType:
		g, w := got.Interface().(time.Time), want.Interface().(time.Time)
		if !g.Truncate(time.Microsecond).Equal(w.Truncate(time.Microsecond)) {
			return fmt.Errorf("%s is %v, want %v", path, g, w)
		}
	case got.Kind() == reflect.Struct:
		for i := range got.NumField() {
			if err := same(path+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i)); err != nil {
				return err
			}
		}
	case got.Kind() == reflect.Slice:
		if got.Len() != want.Len() {
			return fmt.Errorf("%s has %d elements, want %d", path, got.Len(), want.Len())
		}
		for i := range got.Len() {
			if err := same(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i)); err != nil {
				return err
			}
		}
	case got.Kind() == reflect.Pointer && !got.IsNil() && !want.IsNil():
		return same(path, got.Elem(), want.Elem())
	case !got.Equal(want):
		return fmt.Errorf("%s is %v, want %v", path, got, want)
	}
	return nil
}
