package bundle

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec"
)

// full is a jail's configuration with all that a jail can have.
func full(t testing.TB) *specs.Spec {
	t.Helper()
	j, _ := testJail(t)
	s := j.Spec
	s.Process.Terminal = true
	s.Process.User = specs.User{UID: 1, GID: 2, AdditionalGids: []uint32{3}}
	s.Process.Capabilities.Inheritable, s.Process.Capabilities.Ambient = []string{"a"}, []string{"b"}
	hook := []specs.Hook{{Path: "/x", Args: []string{"<y>"}}}
	s.Hooks = &specs.Hooks{CreateRuntime: hook, CreateContainer: hook, Poststop: hook}
	s.Linux.Namespaces[0].Path = "/ns"
	limit, period := int64(1), uint64(2)
	s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: &limit}, Pids: &specs.LinuxPids{Limit: &limit},
		CPU: &specs.LinuxCPU{Quota: &limit, Period: &period}}
	s.Annotations = map[string]string{"é": "\x01\u2028"}
	return s
}

// TestCompact: it is what package json makes of the whole specification.
func TestCompact(t *testing.T) {
	bare := full(t)
	bare.Hooks, bare.Annotations, bare.Mounts = nil, nil, nil
	bare.Linux.Resources = &specs.LinuxResources{}
	for name, s := range map[string]*specs.Spec{"full": full(t), "bare": bare, "empty": {}, "hollow": {Process: &specs.Process{}, Linux: &specs.Linux{}, Root: &specs.Root{}, Hooks: &specs.Hooks{}}} {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := MarshalCompact(s)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s\n%s", name, err, got, want)
		}
		back, err := UnmarshalCompact(bytes.NewReader(got))
		whole, wholeErr := Unmarshal(bytes.NewReader(got))
		if err != nil || wholeErr != nil || !reflect.DeepEqual(back, whole) {
			t.Errorf("%s: read back: %v, %v\n%+v\n%+v", name, err, wholeErr, back, whole)
		}
	}
}

// TestCompactHasWhatAJailHas: what spec.Check lets pass has no field that is
// left out.
func TestCompactHasWhatAJailHas(t *testing.T) {
	s := full(t)
	timeout := 1
	for name, change := range map[string]func(s *specs.Spec){
		"domain name":      func(s *specs.Spec) { s.Domainname = "x" },
		"a hook's timeout": func(s *specs.Spec) { s.Hooks.Poststop[0].Timeout = &timeout },
		"another hook":     func(s *specs.Spec) { s.Hooks.StartContainer = s.Hooks.Poststop },
		"umask":            func(s *specs.Spec) { n := uint32(1); s.Process.User.Umask = &n },
		"sysctl":           func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"a": "b"} },
		"memory":           func(s *specs.Spec) { n := int64(1); s.Linux.Resources.Memory.Reservation = &n },
		"processors":       func(s *specs.Spec) { s.Linux.Resources.CPU.Cpus = "0" },
		"system":           func(s *specs.Spec) { s.VM = &specs.VM{} },
	} {
		changed := clone(t, s)
		change(changed)
		whole, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := MarshalCompact(changed)
		if err != nil {
			t.Fatal(err)
		}
		sideDoor := slices.ContainsFunc(spec.Check(changed), func(v spec.Violation) bool { return v.Check == "side doors" })
		if !bytes.Equal(whole, compact) && !sideDoor {
			t.Errorf("%s is left out, and a jail may have it", name)
		}
		if _, err := UnmarshalCompact(bytes.NewReader(whole)); err == nil && !bytes.Equal(whole, compact) {
			t.Errorf("%s was passed over", name)
		}
	}
}

// TestCompactDamaged: whatever is written there, it says no more than the whole
// specification would make of it.
func TestCompactDamaged(t *testing.T) {
	text, err := MarshalCompact(full(t))
	if err != nil {
		t.Fatal(err)
	}
	text = text[:bytes.Index(text, []byte(`"seccomp"`))] // the rest is four fifths, and one like the other
	text = append(bytes.TrimSuffix(text, []byte(",")), "}}"...)
	if _, err := UnmarshalCompact(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	words := strings.SplitAfter(string(text), `"`)
	read := 0
	for i, word := range words {
		for _, instead := range []string{"", word + word, strings.ToUpper(word), strings.ToLower(word), `x"`, `version":1,"` + word, "null,", "[]"} {
			damaged := strings.Join(words[:i], "") + instead + strings.Join(words[i+1:], "")
			got, err := UnmarshalCompact(strings.NewReader(damaged))
			want, wantErr := Unmarshal(strings.NewReader(damaged))
			switch {
			case err == nil && (wantErr != nil || !reflect.DeepEqual(got, want)):
				t.Fatalf("%+v, and %+v (%v) of the whole: %s", got, want, wantErr, damaged)
			case err != nil && wantErr == nil && !strings.Contains(err.Error(), "unknown field"):
				t.Fatalf("%v, and no error of the whole: %s", err, damaged)
			case err == nil:
				read++
			}
		}
	}
	if read < 50 {
		t.Errorf("only %d could be read", read)
	}
}

func clone(t testing.TB, s *specs.Spec) *specs.Spec {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c := new(specs.Spec)
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	return c
}
