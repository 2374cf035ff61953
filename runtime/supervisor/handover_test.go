package supervisor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/bundle"
)

const hash = "00000000000000000000000000000000"

func storeMount(name string) specs.Mount {
	return specs.Mount{Destination: storeDir + "/" + name, Type: "bind", Source: storeDir + "/" + name, Options: []string{"rbind", "ro", "rro", "nosuid", "nodev"}}
}

func configWith(t testing.TB, mounts ...specs.Mount) []byte {
	t.Helper()
	text, err := json.Marshal(specs.Spec{Version: "1.0.2", Mounts: mounts, Annotations: map[string]string{"a": `{"destination":"/nix/store/x`}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sameSpec has a configuration decoded both ways.
func sameSpec(t *testing.T, config []byte) {
	t.Helper()
	got, err := unmarshal(config)
	want, wantErr := bundle.UnmarshalCompact(bytes.NewReader(config))
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%v, and %v of the whole: %q", err, wantErr, config)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, and %+v of the whole: %q", got, want, config)
	}
}

func TestCutStoreMounts(t *testing.T) {
	a, b, c, d := storeMount(hash+"-a"), storeMount(hash+"-b"), storeMount(hash+"-c"), storeMount(hash+"-c-d")
	tmp := specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid"}}
	other := storeMount(hash + "-e")
	other.Options = other.Options[1:]
	elsewhere := storeMount(hash + "-f")
	elsewhere.Source = a.Source
	odd := storeMount(hash + "-g\"g\\")
	inside := storeMount(hash + "-h/x")
	html := storeMount(hash + "-<é>")
	for name, tt := range map[string]struct {
		mounts []specs.Mount
		cut    string
	}{
		"none":               {nil, ""},
		"no store":           {[]specs.Mount{tmp}, ""},
		"one":                {[]specs.Mount{tmp, a, tmp}, ""},
		"all":                {[]specs.Mount{tmp, a, b, c, d, tmp}, "b c c-d"},
		"at the end":         {[]specs.Mount{a, b}, "b"},
		"the same":           {[]specs.Mount{a, a}, "a"},
		"other options":      {[]specs.Mount{a, b, other, c}, "b"},
		"another source":     {[]specs.Mount{a, b, elsewhere}, "b"},
		"another source yet": {[]specs.Mount{elsewhere, a, b}, ""},
		"escapes":            {[]specs.Mount{a, b, odd}, "b"},
		"escapes first":      {[]specs.Mount{odd, a, b}, ""},
		"inside a path":      {[]specs.Mount{inside, a, b}, ""},
		"inside one, later":  {[]specs.Mount{a, inside, b}, ""},
		"written otherwise":  {[]specs.Mount{a, b, html, html}, "b"},
		"in between":         {[]specs.Mount{a, b, tmp, c, d}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			config := configWith(t, tt.mounts...)
			sameSpec(t, config)
			s, err := bundle.Unmarshal(bytes.NewReader(config))
			if err != nil {
				t.Fatal(err)
			}
			before := slices.Clone(s.Mounts)
			if text, err := marshal(s); err != nil || !bytes.Equal(text, config) {
				t.Errorf("%v: written as %s, and by package json as %s", err, text, config)
			}
			if !reflect.DeepEqual(before, s.Mounts) {
				t.Error("the configuration was changed")
			}
			rest, _, names := cutStoreMounts(config)
			if got := strings.ReplaceAll(strings.Join(names, " "), hash+"-", ""); got != tt.cut {
				t.Errorf("cut %q, want %q", got, tt.cut)
			}
			if text, err := io.ReadAll(rest); err != nil || len(names) == 0 != bytes.Equal(text, config) {
				t.Errorf("%v: rest is %s", err, text)
			}
		})
	}
}

// Whatever is written there, both ways are of one mind about it.
func TestUnmarshalDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var mounts []specs.Mount
	for i := range 5 {
		mounts = append(mounts, storeMount(fmt.Sprintf("%c-x", 'a'+i)))
	}
	config := configWith(t, mounts...)
	words := strings.SplitAfter(string(config), `"`)
	for range 3000 {
		some := slices.Clone(words)
		for range 1 + r.IntN(3) {
			switch i, j := r.IntN(len(some)), r.IntN(len(some)); r.IntN(4) {
			case 0:
				some[i] = some[j]
			case 1:
				some = slices.Delete(some, min(i, j), min(i, j)+1)
			case 2:
				some = slices.Insert(some, i, words[r.IntN(len(words))])
			case 3:
				some[i] = strings.TrimSuffix(some[i], `"`)
			}
		}
		sameSpec(t, []byte(strings.Join(some, "")))
	}
}
