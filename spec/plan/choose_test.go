package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func TestCalledAgent(t *testing.T) {
	for argv0, want := range map[string]string{
		"/usr/bin/jailed-codex": "codex", "jailed-gemini": "gemini", "jailed-claude": "", "jailed-cursor": "", "jailed-": "", "codex": "", "": "",
	} {
		if got := CalledAgent(argv0); got != want {
			t.Errorf("%q: %q, want %q", argv0, got, want)
		}
	}
}

func TestTakeAgent(t *testing.T) {
	for _, c := range []struct {
		args  []string
		dash  int
		agent string
		rest  []string
		after int
	}{
		{nil, -1, "", nil, -1},
		{[]string{"codex"}, -1, "codex", []string{}, -1},
		{[]string{"codex", "-p", "x"}, 1, "codex", []string{"-p", "x"}, 0},
		// What follows "--" is the agent's, whatever it is called.
		{[]string{"codex"}, 0, "", []string{"codex"}, 0},
		{[]string{"fix"}, -1, "", []string{"fix"}, -1},
		{[]string{"cursor"}, -1, "", []string{"cursor"}, -1},
	} {
		var o Options
		if rest, dash := o.TakeAgent(c.args, c.dash); o.Agent != c.agent || !slices.Equal(rest, c.rest) || dash != c.after {
			t.Errorf("%q at %d: agent %q, %q at %d", c.args, c.dash, o.Agent, rest, dash)
		}
	}
}

// TestChosen: the strongest layer that names an agent or its package decides,
// and no agent runs with the folders of another.
func TestChosen(t *testing.T) {
	layer := func(name, pkg string) *policy.Layer {
		l := &policy.Layer{Name: "x"}
		if name != "" {
			l.Agent.Name = &name
		}
		if pkg != "" {
			l.Agent.Package = &pkg
		}
		return l
	}
	for _, c := range []struct {
		what      string
		layers    []*policy.Layer
		name, pkg string
	}{
		{"nothing", []*policy.Layer{nil, layer("", "")}, "", ""},
		{"a name", []*policy.Layer{layer("codex", "")}, "codex", ""},
		{"a path", []*policy.Layer{layer("", "~/.npm-global/bin/codex")}, "codex", "~/.npm-global/bin/codex"},
		{"an installable", []*policy.Layer{layer("", "nixpkgs#opencode")}, "opencode", "nixpkgs#opencode"},
		{"a program of another name", []*policy.Layer{layer("", "cn")}, "continue", "cn"},
		{"what nobody knows", []*policy.Layer{layer("", "/x/agent")}, "", "/x/agent"},
		{"both", []*policy.Layer{layer("codex", "/x/claude")}, "codex", "/x/claude"},
		{"a stronger package", []*policy.Layer{layer("codex", ""), layer("", "~/bin/claude")}, "claude", "~/bin/claude"},
		{"a stronger name", []*policy.Layer{layer("", "~/bin/codex"), layer("gemini", "")}, "gemini", ""},
		{"another than the default", []*policy.Layer{layer("", "nixpkgs#claude-code"), layer("codex", "")}, "codex", ""},
		{"the same once more", []*policy.Layer{layer("", "~/bin/codex"), layer("codex", "")}, "codex", "~/bin/codex"},
		{"of the host", []*policy.Layer{layer("", "host"), layer("codex", "")}, "codex", "host"},
	} {
		var o Options
		p, err := policy.Merge(o.chosen(c.layers)...)
		if err != nil || p.Agent.Name != c.name || p.Agent.Package != c.pkg {
			t.Errorf("%s: agent %q, package %q, %v", c.what, p.Agent.Name, p.Agent.Package, err)
		}
	}
	if l := (&Options{Command: []string{"codex", "login"}}).guess(nil); l == nil || *l.Agent.Name != "codex" {
		t.Errorf("a shell that runs codex: %v", l)
	}
	for _, command := range [][]string{nil, {"claude"}, {"sh", "-c", "codex"}} {
		if l := (&Options{Command: command}).guess(nil); l != nil {
			t.Errorf("%q: %v", command, l)
		}
	}
}

// TestFailing: codex brings a bubblewrap, and looks on PATH first; that of the jail says
// what to do, wherever the jail has no other.
func TestFailing(t *testing.T) {
	bins := t.TempDir()
	if err := os.WriteFile(filepath.Join(bins, "bwrap"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		agent   string
		nesting bool
		bins    []string
		want    string
	}{
		{"claude", false, nil, ""},
		{"claude", false, []string{bins}, "bwrap"},
		{"codex", false, nil, "bwrap"},
		{"codex", true, nil, ""},
		{"codex", true, []string{bins}, ""},
	} {
		p := policy.Policy{Agent: policy.Agent{Name: c.agent}, Identity: policy.Identity{Nesting: c.nesting}}
		if got := strings.Join(failing(p, c.bins), " "); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestBakedAgent: a jailed agent that a wrapper was built with (makeJailedAgent) has
// the row of its program, as one on PATH has, and another one that is asked for has
// its own and nothing of what was built.
func TestBakedAgent(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "baked.toml")
	if err := os.WriteFile(file, []byte("version = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(bakedPolicy, file)
	for _, c := range []struct {
		program, flag, want string
		baked               bool
	}{
		{"codex", "", "codex", true},
		{"codex", "codex", "codex", true},
		{"codex", "gemini", "gemini", false},
		{"codex", "claude", "claude", false},
		{"claude", "", "claude", true},
		{"claude", "codex", "codex", false},
		{"python3", "", "claude", true},
	} {
		t.Setenv(bakedPackage, "/nix/store/0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-"+c.program+"-1/bin/"+c.program)
		o := &Options{Policy: noPolicy, Agent: c.flag}
		p, _, err := o.Merged()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Agent.Row().Name; got != c.want || bakedFor(p) != c.baked {
			t.Errorf("%+v: %s, baked %v", c, got, bakedFor(p))
		}
	}
}
