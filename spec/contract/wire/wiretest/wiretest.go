// Package wiretest helps to test that what crosses by package wire does so
// whole.
package wiretest

import "reflect"

// Variant is a value with one thing set, and what that is.
type Variant struct {
	Name  string
	Value reflect.Value
}

// Variants are values of a type, each with one field set, however deep.
func Variants(t reflect.Type) (all []Variant) {
	wrap := func(elem reflect.Type, name string, in func(reflect.Value) reflect.Value) {
		for _, e := range Variants(elem) {
			all = append(all, Variant{name + e.Name, in(e.Value)})
		}
	}
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			wrap(f.Type, "."+f.Name, func(e reflect.Value) reflect.Value {
				s := reflect.New(t).Elem()
				s.Field(i).Set(e)
				return s
			})
		}
		return all
	case reflect.Pointer:
		all = append(all, Variant{"", reflect.New(t.Elem())})
		wrap(t.Elem(), "", func(e reflect.Value) reflect.Value {
			p := reflect.New(t.Elem())
			p.Elem().Set(e)
			return p
		})
		return all
	case reflect.Slice:
		wrap(t.Elem(), "[]", func(e reflect.Value) reflect.Value { return reflect.Append(v, e) })
		return all
	case reflect.Map:
		wrap(t.Elem(), "[k]", func(e reflect.Value) reflect.Value {
			m := reflect.MakeMap(t)
			m.SetMapIndex(reflect.ValueOf("k").Convert(t.Key()), e)
			return m
		})
		return all
	case reflect.String:
		v.SetString("é\x00\"")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface:
		v.Set(reflect.ValueOf("x"))
	default:
		if v.CanInt() {
			v.SetInt(-5)
		} else {
			v.SetUint(200)
		}
	}
	return []Variant{{"", v}}
}

// Merge sets in a what is set in b.
func Merge(a, b reflect.Value) {
	switch {
	case b.IsZero():
	case b.Kind() == reflect.Struct:
		for i := range b.NumField() {
			Merge(a.Field(i), b.Field(i))
		}
	case b.Kind() == reflect.Pointer && !a.IsNil():
		Merge(a.Elem(), b.Elem())
	default:
		a.Set(b)
	}
}
