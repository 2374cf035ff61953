package seed

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude"
)

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func of(t *testing.T, name string) Of {
	t.Helper()
	o := Of{Agent: agent.Named(name), Home: t.TempDir(), State: t.TempDir()}
	for _, dir := range o.Agent.Kept(o.State) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// TestNoSecret: whatever an agent's folders on the host hold, nothing of it that is
// not a text to follow or a key that somebody looked at comes into a jail.
func TestNoSecret(t *testing.T) {
	const secret = "sk-secret"
	for _, a := range agent.All() {
		if len(a.Programs) == 0 || a.Name == agent.Default().Name {
			continue
		}
		o := of(t, a.Name)
		var text []string
		for _, f := range a.Folders {
			for _, s := range f.Seeds {
				file := filepath.Join(o.Home, f.Path, s.Path)
				switch filepath.Ext(s.Path) {
				case ".md":
					put(t, file, "be kind\n")
					text = append(text, s.Path)
				case ".toml":
					put(t, file, "model = \"m\"\nnotify = [\""+secret+"\"]\n[mcp_servers.x]\ncommand = \""+secret+"\"\n[model_providers.x]\nhttp_headers = { a = \""+secret+"\" }\n[tui]\ntheme = { x = \""+secret+"\" }\n")
				default:
					put(t, file, `{"model":"m","theme":{"x":"`+secret+`"},"ui":{"theme":"dark","customThemes":{"x":"`+secret+`"}},"defaultModel":"m","mcpServers":{"x":{"command":"`+secret+`"}},"hooks":["`+secret+`"],"env":{"KEY":"`+secret+`"},"security":{"auth":{"selectedType":"oauth-personal","apiKey":"`+secret+`"}},"shellPath":"`+secret+`"}`)
				}
			}
			for _, other := range []string{f.Login, "auth.json", ".env", "hooks.json", "history.jsonl", "skills/x/SKILL.md"} {
				if other != "" {
					put(t, filepath.Join(o.Home, f.Path, other), secret)
				}
			}
		}
		if !o.First() {
			t.Errorf("%s: not the first run", a.Name)
		}
		seeded, warnings, err := o.Put()
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %q %v", a.Name, warnings, err)
		}
		if len(seeded) < len(text) || o.First() != (len(seeded) == 0) {
			t.Errorf("%s: %q of %q", a.Name, seeded, text)
		}
		_ = filepath.WalkDir(o.State, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if all, _ := os.ReadFile(p); strings.Contains(string(all), secret) {
					t.Errorf("%s: %s has a secret: %s", a.Name, p, all)
				}
			}
			return err
		})
		if changes, err := o.Changes(); err != nil || len(changes) > 0 {
			t.Errorf("%s: what was seeded is shown as changed: %+v %v", a.Name, changes, err)
		}
	}
}

// TestPutFollowsNothing: the private folder is a jail's, and a symlink that it left
// there leads no seed out.
func TestPutFollowsNothing(t *testing.T) {
	for name, link := range map[string]string{"codex": "AGENTS.md", "pi": "agent"} {
		o := of(t, name)
		i := slices.IndexFunc(o.Agent.Folders, func(f agent.Folder) bool { return len(f.Seeds) > 0 })
		for _, s := range o.Agent.Folders[i].Seeds {
			if filepath.Ext(s.Path) == ".md" {
				put(t, filepath.Join(o.Home, o.Agent.Folders[i].Path, s.Path), "be kind\n")
			}
		}
		out := filepath.Join(t.TempDir(), "out")
		if name == "pi" {
			put(t, filepath.Join(out, "kept"), "")
		}
		if err := os.Symlink(out, filepath.Join(o.Agent.Kept(o.State)[i], link)); err != nil {
			t.Fatal(err)
		}
		_, _, err := o.Put()
		left, _ := os.ReadDir(filepath.Dir(out))
		below, _ := os.ReadDir(out)
		if name == "codex" && (err != nil || len(left) > 0) || name == "pi" && (err == nil || len(below) != 1) {
			t.Errorf("%s: %v, and outside %v %v", name, err, left, below)
		}
	}
}

func TestSettings(t *testing.T) {
	o := of(t, "codex")
	put(t, filepath.Join(o.Home, ".codex/config.toml"), "# mine\nmodel = \"gpt-9\"\nsandbox_mode = \"workspace-write\"\napproval_policy = \"never\"\n[tui]\ntheme = \"nord\"\n")
	if seeded, _, err := o.Put(); err != nil || !slices.Equal(seeded, []string{"2 of the settings in config.toml"}) {
		t.Errorf("%q %v", seeded, err)
	}
	got, _ := os.ReadFile(filepath.Join(o.Agent.Kept(o.State)[0], "config.toml"))
	if string(got) != "model = 'gpt-9'\n\n[tui]\ntheme = 'nord'\n" {
		t.Errorf("%q", got)
	}
	// A symlink out of the folder, and what cannot be read, are warnings, without
	// what is in them.
	o = of(t, "gemini")
	put(t, filepath.Join(o.Home, "secret"), "sk-secret")
	put(t, filepath.Join(o.Home, ".gemini/settings.json"), "{ sk-secret")
	if err := os.Symlink("../secret", filepath.Join(o.Home, ".gemini/GEMINI.md")); err != nil {
		t.Fatal(err)
	}
	seeded, warnings, err := o.Put()
	if err != nil || len(seeded) > 0 || len(warnings) != 2 || strings.Contains(strings.Join(warnings, ""), "sk-secret") {
		t.Errorf("%q %q %v", seeded, warnings, err)
	}
}

// TestChanges: whatever a jail wrote that the host's agent would execute or follow
// is shown, and nothing of it is followed out of the folder.
func TestChanges(t *testing.T) {
	o := of(t, "codex")
	private := o.Agent.Kept(o.State)[0]
	put(t, filepath.Join(o.Home, ".codex/AGENTS.md"), "be kind\n")
	put(t, filepath.Join(o.Home, ".codex/hooks.json"), "{}")
	if _, _, err := o.Put(); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(private, "AGENTS.md"), "be evil\n")
	put(t, filepath.Join(private, "hooks.json"), `{"x":1}`)
	put(t, filepath.Join(private, "skills/a/run.sh"), "#!/bin/sh\n")
	put(t, filepath.Join(private, "sessions/1.jsonl"), "state")
	put(t, filepath.Join(o.Home, "secret"), "sk-secret")
	if err := os.Symlink(filepath.Join(o.Home, "secret"), filepath.Join(private, "rules")); err != nil {
		t.Fatal(err)
	}
	pieces, err := o.Changes()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]claude.Effect{}
	for _, p := range pieces {
		got[p.Path] = p.Effect
		if strings.Contains(p.Text(false), "sk-secret") {
			t.Errorf("it was followed: %s", p.Text(false))
		}
	}
	for name, want := range map[string]claude.Effect{
		"~/.codex/AGENTS.md": claude.Instructs, "~/.codex/hooks.json": claude.Executes, "~/.codex/skills/a/run.sh": claude.Executes, "~/.codex/rules": claude.Unknown,
	} {
		if got[name] != want {
			t.Errorf("%s: %q", name, got[name])
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
}

// TestChangesOfEach: of every agent each file that its program on the host executes or
// follows is named, by whichever folder it lies in, and nothing where there is none.
// Names and contents of a jail's do nothing to a terminal.
func TestChangesOfEach(t *testing.T) {
	for _, a := range agent.All() {
		if len(a.Programs) == 0 || a.Name == agent.Default().Name {
			continue
		}
		t.Run(a.Name, func(t *testing.T) {
			o := of(t, a.Name)
			changes := func() map[string]*claude.Piece {
				t.Helper()
				pieces, err := o.Changes()
				if err != nil {
					t.Fatal(err)
				}
				all := map[string]*claude.Piece{}
				for _, p := range pieces {
					all[p.Path] = p
				}
				return all
			}
			if got := changes(); len(got) > 0 {
				t.Errorf("nothing is there: %v", got)
			}
			const evil = "\x1b]0;evil\x07\n~/x: harmless"
			want := map[string]bool{}
			for i, dir := range o.Agent.Kept(o.State) {
				f := a.Folders[i]
				put(t, filepath.Join(dir, "history.jsonl"), "state")
				for _, trusted := range f.Trusted {
					name := filepath.Join("~", f.Path, trusted.Path)
					if filepath.Ext(trusted.Path) == "" && !strings.HasPrefix(trusted.Path, ".") || trusted.Whole && !strings.HasSuffix(name, ".json") {
						put(t, filepath.Join(dir, trusted.Path, evil), evil+"SECRET\n")
						if !trusted.Whole {
							name = filepath.Join(name, evil)
						}
					} else {
						put(t, filepath.Join(dir, trusted.Path), evil+"SECRET\n")
					}
					want[name] = trusted.Whole
				}
			}
			got := changes()
			for name, whole := range want {
				p := got[name]
				if p == nil {
					t.Errorf("%q is not named", name)
					continue
				}
				text := p.Text(false)
				if strings.ContainsAny(text, "\x1b\x07") || strings.Contains(text, "\n~/x: harmless") {
					t.Errorf("%q", text)
				}
				if p.Effect != claude.Executes && p.Effect != claude.Instructs || whole == strings.Contains(text, "SECRET") {
					t.Errorf("%q", text)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d are named, %d were made", len(got), len(want))
			}
			// The host has the same.
			for i, dir := range o.Agent.Kept(o.State) {
				if err := os.CopyFS(filepath.Join(o.Home, a.Folders[i].Path), os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
			}
			if got := changes(); len(got) > 0 {
				t.Errorf("the host has the same: %v", got)
			}
		})
	}
}

// TestChangesOfNothing: a file that agents make when they start and that says nothing
// is not named, unless the host's says something.
func TestChangesOfNothing(t *testing.T) {
	o := of(t, "qwen")
	private := o.Agent.Kept(o.State)[0]
	put(t, filepath.Join(private, "extensions/extension-enablement.json"), "{}")
	put(t, filepath.Join(private, "settings.json"), "{}\n")
	if pieces, err := o.Changes(); err != nil || len(pieces) > 0 {
		t.Errorf("%v %v", pieces, err)
	}
	put(t, filepath.Join(o.Home, ".qwen/settings.json"), `{"tools":{}}`)
	if pieces, err := o.Changes(); err != nil || len(pieces) != 1 || pieces[0].Path != "~/.qwen/settings.json" {
		t.Errorf("%v %v", pieces, err)
	}
}
