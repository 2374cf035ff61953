package supervisor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec"
)

// variant is a value with one thing set, and what that is.
type variant struct {
	name string
	v    reflect.Value
}

// variants are values of a type, each with one field set, however deep.
func variants(t reflect.Type) (all []variant) {
	wrap := func(elem reflect.Type, name string, in func(reflect.Value) reflect.Value) {
		for _, e := range variants(elem) {
			all = append(all, variant{name + e.name, in(e.v)})
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
		all = append(all, variant{"", reflect.New(t.Elem())})
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
	return []variant{{"", v}}
}

// merge sets in a what is set in b.
func merge(a, b reflect.Value) {
	switch {
	case b.IsZero():
	case b.Kind() == reflect.Struct:
		for i := range b.NumField() {
			merge(a.Field(i), b.Field(i))
		}
	case b.Kind() == reflect.Pointer && !a.IsNil():
		merge(a.Elem(), b.Elem())
	default:
		a.Set(b)
	}
}

func written(h *handover) []byte {
	w := new(wire)
	w.handover(h)
	return w.bytes
}

func read(text []byte) (*handover, error) {
	h := new(handover)
	w := &wire{reading: true, bytes: text, text: string(text)}
	w.handover(h)
	if w.damaged || w.at < len(text) {
		return nil, errDamaged
	}
	return h, nil
}

// TestWireIsComplete: what is written is read again, whatever there is, but for
// what no jail has.
func TestWireIsComplete(t *testing.T) {
	same := func(name string, h *handover, mayLack bool) {
		t.Helper()
		got, err := read(written(h))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !mayLack && !reflect.DeepEqual(got, h) {
			t.Errorf("%s is read as %+v", name, got)
		}
	}
	lacking := 0
	for _, v := range variants(reflect.TypeFor[specs.Spec]()) {
		s := v.v.Interface().(specs.Spec)
		jail := usual(t, false)
		merge(reflect.ValueOf(jail).Elem(), v.v)
		sideDoor := slices.ContainsFunc(spec.Check(jail), func(v spec.Violation) bool {
			return v.Check == "side doors" && strings.Contains(v.Detail, "no jail has it")
		})
		if sideDoor {
			lacking++
		}
		same("configuration: "+v.name, &handover{spec: &s}, sideDoor)
	}
	if lacking < 100 {
		t.Errorf("only %d fields are of no jail", lacking)
	}
	for _, v := range variants(reflect.TypeFor[Options]()) {
		same("options: "+v.name, &handover{Options: v.v.Interface().(Options)}, false)
	}
	for _, v := range variants(reflect.TypeFor[spec.File]()) {
		same("file: "+v.name, &handover{Rootfs: []spec.File{v.v.Interface().(spec.File)}}, false)
	}
	same("nothing", &handover{}, false)
	s := usual(t, true)
	for i := range 300 {
		s.Mounts = append(s.Mounts, storeMount(strconv.Itoa(i)))
	}
	// Empty lists become none.
	all, err := read(written(&handover{spec: s, Options: Options{ID: "a", Seccomp: []byte("b"), Keys: map[string]string{"c": "d", "e": ""}}}))
	must(t, err)
	if same("all", all, false); len(all.spec.Mounts) != len(s.Mounts) {
		t.Errorf("%d mounts of %d", len(all.spec.Mounts), len(s.Mounts))
	}
}

// TestWireDamaged: nothing that is written there does harm, and no part of what
// was written passes for the whole.
func TestWireDamaged(t *testing.T) {
	text := written(&handover{spec: usual(t, false), Rootfs: []spec.File{{Path: "/etc/x", Content: []byte("y")}}})
	for n := range len(text) {
		if h, err := read(text[:n]); err == nil {
			t.Fatalf("%d of %d bytes are %+v", n, len(text), h)
		}
	}
	if _, err := read(append(slices.Clone(text), 0)); err == nil {
		t.Error("a byte more was read")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		damaged := slices.Clone(text)
		for range 1 + r.IntN(3) {
			damaged[r.IntN(len(damaged))] = byte(r.Uint32() | r.Uint32())
		}
		if h, err := read(damaged); err == nil {
			// A number can be written in more than one way, so the bytes need
			// not be the same.
			if again, err := read(written(h)); err != nil || !reflect.DeepEqual(again, h) {
				t.Fatalf("%v: %+v is read as %+v", err, h, again)
			}
		}
	}
}

// TestReadHandover: what runs has passed the checks.
func TestReadHandover(t *testing.T) {
	for name, tt := range map[string]struct {
		h    *handover
		want any
	}{
		"a dangerous one": {&handover{spec: usual(t, false)}, new(*spec.CheckError)},
	} {
		f, err := tt.h.write()
		must(t, err)
		got, err := readHandover(f)
		f.Close()
		if target, ok := tt.want.(error); ok && !errors.Is(err, target) || !ok && !errors.As(err, tt.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	must(t, err)
	if _, err := readHandover(f); !errors.Is(err, errDamaged) {
		t.Error(err)
	}
}

func BenchmarkWire(b *testing.B) {
	s, err := spec.UsualFrame(1000, 100, false, "/srv/jailed-claude")
	if err != nil {
		b.Fatal(err)
	}
	for i := range 300 {
		s.Mounts = append(s.Mounts, storeMount(fmt.Sprintf("%032d-name", i)))
	}
	for b.Loop() {
		if _, err := read(written(&handover{spec: s})); err != nil {
			b.Fatal(err)
		}
	}
}
