package policy_test

import (
	"reflect"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func canonical(t *testing.T, name, text string) string {
	t.Helper()
	l, err := policy.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Merge(l)
	if err != nil {
		t.Fatal(err)
	}
	c, err := policy.Canonical(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(c)
}

func TestCanonical(t *testing.T) {
	const text = `
version = 1
[agent]
package = "nixpkgs#claude-code"
packages = ["nixpkgs#nodejs", "nixpkgs#git"]
[files]
hide = [".env"]
[env]
set = { CI = "1", A = "<&>" }
[limits]
memory = "8GiB"
cpus = 1.5
`
	const same = `# another file, the same policy
version = 1
[limits]
cpus = 1.50
memory = "8192MiB" # as much
[env.set]
A = "<&>"
CI = "1"
[files]
hide = ['.env']
project = "rw" # the default
[agent]
packages = [
  "nixpkgs#nodejs",
  "nixpkgs#git",
]
package = "nixpkgs#claude-code"
`
	a, b := canonical(t, "/home/alice/x.toml", text), canonical(t, "/srv/bob/y.toml", same)
	if a != b {
		t.Errorf("one policy, written in two ways:\n%s\n%s", a, b)
	}
	for what, other := range map[string]string{
		"nothing":            "version = 1",
		"the order of lists": "version = 1\n[agent]\npackages = ['a#b', 'c#d']",
		"another order":      "version = 1\n[agent]\npackages = ['c#d', 'a#b']",
		"one word":           "version = 1\n[agent]\npackages = ['c#d a#b']",
	} {
		if c := canonical(t, "x", other); c == a {
			t.Errorf("%s makes no difference: %s", what, c)
		} else {
			a = c
		}
	}
}

// TestCanonicalHasEveryKey: a key that is added to the policy counts.
func TestCanonicalHasEveryKey(t *testing.T) {
	base, err := policy.Digest(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	var walk func(v reflect.Value, path string)
	p := policy.Default()
	fields := 0
	walk = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			f, name := v.Field(i), path+"."+v.Type().Field(i).Name
			if name == ".Origins" {
				continue
			}
			if f.Kind() == reflect.Struct {
				walk(f, name)
				continue
			}
			old := reflect.ValueOf(f.Interface())
			switch f.Interface().(type) {
			case string:
				f.SetString("something else")
			case []string:
				f.Set(reflect.ValueOf([]string{"x"}))
			case map[string]string:
				f.Set(reflect.ValueOf(map[string]string{"X": "y"}))
			case []int64:
				f.Set(reflect.ValueOf([]int64{7}))
			case []network.Broker:
				f.Set(reflect.ValueOf([]network.Broker{{Name: "x"}}))
			case []agent.Defined:
				f.Set(reflect.ValueOf([]agent.Defined{{Name: "x"}}))
			case int64:
				f.SetInt(7)
			case float64:
				f.SetFloat(7.5)
			case bool:
				f.SetBool(true)
			default:
				t.Errorf("%s: this test does not know how to change a %s", name, f.Type())
				continue
			}
			fields++
			if d, err := policy.Digest(p); err != nil || d == base {
				t.Errorf("%s does not count (%v)", name, err)
			}
			f.Set(old)
		}
	}
	walk(reflect.ValueOf(&p).Elem(), "")
	if fields < 15 {
		t.Errorf("only %d fields were tried", fields)
	}
	if d, err := policy.Digest(p); err != nil || d != base {
		t.Errorf("not restored: %v", err)
	}
}
