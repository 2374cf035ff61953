package wire

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/wire/wiretest"
)

func usual(t testing.TB) *specs.Spec {
	t.Helper()
	return contract.UsualFrame(1000, 100, true, "/srv/jailed-claude")
}

func written(s *specs.Spec) []byte {
	var c Codec
	Spec(&c, s)
	return c.Bytes()
}

func read(text []byte) (*specs.Spec, error) {
	s := new(specs.Spec)
	c := Reader(text)
	Spec(c, s)
	return s, c.End()
}

// TestSpecIsComplete: whatever is set is read again, but for what no jail has,
// and is not written as anything else.
func TestSpecIsComplete(t *testing.T) {
	lacking := 0
	forms := map[string]string{}
	for _, v := range wiretest.Variants(reflect.TypeFor[specs.Spec]()) {
		s := v.Value.Interface().(specs.Spec)
		text := written(&s)
		got, err := read(text)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if reflect.DeepEqual(got, &s) {
			if other, ok := forms[string(text)]; ok {
				t.Errorf("%s and %s are written as the same", v.Name, other)
			}
			forms[string(text)] = v.Name
			continue
		}
		lacking++
		jail := usual(t)
		wiretest.Merge(reflect.ValueOf(jail).Elem(), v.Value)
		if !slices.ContainsFunc(contract.Check(jail), func(v contract.Violation) bool {
			return v.Check == "side doors" && strings.Contains(v.Detail, "no jail has it")
		}) {
			t.Errorf("%s, which a jail may have, is read as %+v", v.Name, got)
		}
	}
	if lacking < 100 || len(forms) < 60 {
		t.Errorf("%d fields are of no jail, %d of one", lacking, len(forms))
	}
}

// TestSpec: a whole one, with many mounts. Empty lists become none.
func TestSpec(t *testing.T) {
	s := usual(t)
	for i := range 300 {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: fmt.Sprint("/", i), Source: fmt.Sprint("/x/", i), Options: []string{"a", "", "b"}})
	}
	s.Annotations = map[string]string{"c": "d", "e": "", "": "f"}
	once, err := read(written(s))
	if err != nil || len(once.Mounts) != len(s.Mounts) || !reflect.DeepEqual(once.Annotations, s.Annotations) {
		t.Fatalf("%v: read as %+v", err, once)
	}
	if twice, err := read(written(once)); err != nil || !reflect.DeepEqual(twice, once) {
		t.Errorf("%v: read as %+v, and %+v of that", err, once, twice)
	}
}

// TestMounts: what a mount has in common with the one before, or source and
// destination with each other, is read as its own and nobody else's.
func TestMounts(t *testing.T) {
	ro, rw := []string{"rbind", "ro", "nosuid"}, []string{"rbind", "rw"}
	s := usual(t)
	s.Mounts = nil
	for i, options := range [][]string{ro, ro, rw, rw, ro, nil, ro, ro[:2], nil, nil} {
		p := fmt.Sprint("/nix/store/", i)
		for _, source := range []string{p, "/elsewhere", "", p} {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: p, Type: "bind", Source: source, Options: options})
		}
	}
	want := slices.Clone(s.Mounts)
	got, err := read(written(s))
	if err != nil || !reflect.DeepEqual(got.Mounts, want) || !reflect.DeepEqual(s.Mounts, want) {
		t.Errorf("%v: %v are read as %v", err, want, got.Mounts)
	}
}

// TestDamaged: nothing that is written there does harm, and no part of what was
// written passes for the whole.
func TestDamaged(t *testing.T) {
	text := written(usual(t))
	for n := range len(text) {
		if s, err := read(text[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d of %d bytes are %+v", n, len(text), s)
		}
	}
	if _, err := read(append(slices.Clone(text), 0)); !errors.Is(err, ErrDamaged) {
		t.Error("a byte more was read")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		damaged := slices.Clone(text)
		for range 1 + r.IntN(3) {
			damaged[r.IntN(len(damaged))] = byte(r.Uint32() | r.Uint32())
		}
		if s, err := read(damaged); err == nil {
			// A number can be written in more than one way, so the bytes need
			// not be the same.
			if again, err := read(written(s)); err != nil || !reflect.DeepEqual(again, s) {
				t.Fatalf("%v: %+v is read as %+v", err, s, again)
			}
		}
	}
}

func BenchmarkSpec(b *testing.B) {
	s := usual(b)
	for i := range 300 {
		p := fmt.Sprintf("/nix/store/%032d-name", i)
		s.Mounts = append(s.Mounts, specs.Mount{Destination: p, Type: "bind", Source: p, Options: []string{"rbind", "ro", "rro", "nosuid", "nodev"}})
	}
	for b.Loop() {
		if _, err := read(written(s)); err != nil {
			b.Fatal(err)
		}
	}
}
