package organisation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func parse(t *testing.T, name, text string) *policy.Layer {
	t.Helper()
	l, err := policy.Parse(name, []byte("version = 1\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestCheck: what the organisation sets is narrowed and not widened; what it does
// not set is the user's.
func TestCheck(t *testing.T) {
	org := parse(t, File, `
[files]
hide = [".env"]
[network]
mode = "filtered"
ports = []
allow = ["@claude", "*.corp.internal:443"]
[limits]
memory = "8GiB"
`)
	for _, c := range []struct{ text, bad string }{
		{"", ""},
		{"[network]\nmode = \"none\"", ""},
		{"[network]\ndeny = [\"platform.claude.com\"]", ""},
		{"[network]\nmode = \"internet\"", `network.mode "filtered" -> "internet"`},
		{"[network]\nallow = [\"api.anthropic.com\"]", ""}, // of the preset
		{"[network]\nallow = [\"api.anthropic.com:22\"]", `network.allow + "api.anthropic.com:22"`},
		{"[network]\nallow = [\"git.corp.internal:*\"]", `network.allow + "git.corp.internal:*"`},
		{"[network]\nask = true", ""},
		{"[network]\nallow = [\"github.com\"]", `network.allow + "github.com"`},
		{"[network]\nports = [3000]", `network.ports + "3000"`}, // it says none
		{"[network]\ntls = \"any\"", ""},                        // nobody said
		{"[files]\nread = [\"~/x\"]\nhide = [\"*.pem\"]", ""},
		{"[limits]\nmemory = \"4GiB\"", ""},
		{"[limits]\nmemory = \"16GiB\"", "limits.memory"},
	} {
		p, err := policy.Merge(org, parse(t, "user", c.text))
		if err != nil {
			t.Fatal(err)
		}
		err = Check(org, p)
		if c.bad == "" && err != nil || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad) || !strings.Contains(err.Error(), "(user)")) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	if err := Check(nil, policy.Default()); err != nil || Of([]*policy.Layer{nil, {Name: "x"}, org}) != org {
		t.Error(err)
	}
}

// TestRead: a policy that others than root could have written is an error, and
// not passed over.
func TestRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	if l, err := read(file); l != nil || err != nil {
		t.Errorf("%v, %v", l, err)
	}
	if err := os.WriteFile(file, []byte("version = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := read(file)
	if mine := os.Getuid() == 0; mine != (err == nil && l != nil) {
		t.Errorf("uid %d: %v, %v", os.Getuid(), l, err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if l, err := read(file); err == nil {
		t.Errorf("everybody can write it: %v", l)
	}
	if l, err := read(filepath.Dir(file)); err == nil {
		t.Errorf("a folder: %v", l)
	}
}
