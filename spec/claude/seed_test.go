package claude

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/spec/claude/account"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// planted is what may never reach the private folder.
const planted = "PLANTED-SECRET-77aa"

type fixture struct {
	t                    *testing.T
	home, state, private string
	o                    Options
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, home: filepath.Join(dir, "home"), state: filepath.Join(dir, "state")}
	f.private = filepath.Join(f.state, PrivateDir)
	f.o = Options{Host: folder.Find(nil, f.home), State: f.state, Project: "/src/project"}
	f.o.Host.Store = filepath.Join(dir, "store")
	for _, d := range []string{f.private, f.home + "/.claude", f.o.Host.Store} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *fixture) write(name, text string) string {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
	return name
}

func (f *fixture) host(name, text string) string {
	return f.write(filepath.Join(f.home, ".claude", name), text)
}

func (f *fixture) jail(name, text string) string {
	return f.write(filepath.Join(f.private, name), text)
}

func (f *fixture) read(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *fixture) link(target, name string) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) seed() Report {
	f.t.Helper()
	r, err := Seed(f.o)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// all is every file below a folder, with its text.
func (f *fixture) all(dir string) map[string]string {
	f.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			if d.Type() == fs.ModeSymlink {
				all[rel] = "a symlink"
			} else {
				all[rel] = f.read(p)
			}
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

func (f *fixture) object(name string) map[string]any {
	f.t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(f.read(name)), &v); err != nil {
		f.t.Fatalf("%s: %v", name, err)
	}
	return v
}

func keys[V any](m map[string]V) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// full makes a host configuration with all that there is, secrets planted.
func (f *fixture) full() {
	f.write(f.home+"/.claude.json", `{
  "numStartups": 7, "theme": "light", "hasCompletedOnboarding": true, "lastOnboardingVersion": "2.1.0", "editorMode": "vim",
  "bypassPermissionsModeAccepted": true, "primaryApiKey": "`+planted+`", "apiKeyHelper": "`+planted+`", "env": {"X": "`+planted+`"},
  "oauthAccount": {"emailAddress": "ada@example.org"},
  "diffTool": {"command": "`+planted+`"},
  "customApiKeyResponses": {"approved": ["01234567890123456789", "`+planted+`"], "rejected": []},
  "mcpServers": {"m": {"command": "`+planted+`"}},
  "projects": {"/src/project": {"hasTrustDialogAccepted": true, "allowedTools": ["Bash"], "history": ["`+planted+`"], "mcpServers": {"x": {}}},
    "/src": {"hasTrustDialogAccepted": true}, "/src/other": {"hasTrustDialogAccepted": true}}}`)
	f.host("settings.json", `{"model": "opus", "verbose": true, "theme": "`+"line\\u000aend"+`", "env": {"TOKEN": "`+planted+`"}, "apiKeyHelper": "`+planted+`",
  "hooks": {"Stop": []}, "statusLine": {"type": "command", "command": "`+planted+`"}, "language": {"x": "`+planted+`"}, "somethingNew": "`+planted+`",
  "permissions": {"allow": ["Bash(*)"], "deny": ["Read(.env)"], "ask": [], "defaultMode": "bypassPermissions", "additionalDirectories": ["/"]}}`)
	f.host(".credentials.json", planted)
	f.host("CLAUDE.md", "be kind\n")
	f.host("rules/go/style.md", "gofmt\n")
	f.host("output-styles/terse.md", "short\n")
	f.host("keybindings.json", `{"bindings":[]}`)
	for _, name := range []string{"commands/c.md", "agents/a.md", "skills/s/SKILL.md", "hooks/h.sh", "plugins/p.json", "projects/p/t.jsonl", "history.jsonl", "settings.local.json"} {
		f.host(name, planted)
	}
}

func TestSeed(t *testing.T) {
	f := newFixture(t)
	f.full()
	r := f.seed()
	if len(r.Warnings) != 0 || r.Login {
		t.Errorf("report %+v", r)
	}
	got := f.all(f.private)
	want := []string{".claude.json", "CLAUDE.md", "keybindings.json", "output-styles/terse.md", "rules/go/style.md", "settings.json"}
	if !slices.Equal(keys(got), want) {
		t.Errorf("seeded %q, want %q", keys(got), want)
	}
	for name, text := range f.all(f.state) {
		if strings.Contains(text, planted) {
			t.Errorf("a secret in %s: %s", name, text)
		}
	}
	global := f.object(f.private + "/.claude.json")
	if want := []string{"editorMode", "hasCompletedOnboarding", "lastOnboardingVersion", "projects", "theme"}; !slices.Equal(keys(global), want) {
		t.Errorf(".claude.json has %q, want %q", keys(global), want)
	}
	if text, _ := json.Marshal(global["projects"]); string(text) != `{"/src/project":{"hasTrustDialogAccepted":true}}` {
		t.Errorf("projects %s", text)
	}
	if text := compact(t, f.read(f.private+"/settings.json")); text != `{"model":"opus","verbose":true,"permissions":{"deny":["Read(.env)"]}}` {
		t.Errorf("settings.json %s", text)
	}
	for name := range got {
		if fi, err := os.Stat(filepath.Join(f.private, name)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, fi.Mode(), err)
		}
	}
	if names, _ := os.ReadDir(f.state); len(names) != 2 {
		t.Errorf("left in the state folder: %v", names)
	}

	// Once.
	f.host("CLAUDE.md", "new\n")
	if r := f.seed(); len(r.Seeded) != 0 || f.read(f.private+"/CLAUDE.md") != "be kind\n" {
		t.Errorf("seeded again: %+v", r)
	}
	// An emptied folder is a first run again.
	if err := errors.Join(os.RemoveAll(f.private), os.Mkdir(f.private, 0o700)); err != nil {
		t.Fatal(err)
	}
	if r := f.seed(); len(r.Seeded) == 0 || f.read(f.private+"/CLAUDE.md") != "new\n" {
		t.Errorf("not seeded again: %+v", r)
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	ms, err := object.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, m := range ms {
		var v any
		if err := json.Unmarshal(m.Value, &v); err != nil {
			t.Fatal(err)
		}
		value, _ := json.Marshal(v)
		parts = append(parts, `"`+m.Key+`":`+string(value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestSeedTrustIsForThatPathAlone(t *testing.T) {
	for project, want := range map[string]bool{"/src/project": true, "/src/project/sub": false, "/src/none": false, "/srcx": false, "": false} {
		f := newFixture(t)
		f.full()
		f.o.Project = project
		f.seed()
		_, ok := f.object(f.private + "/.claude.json")["projects"]
		if ok != want {
			t.Errorf("%q: trust %t, want %t", project, ok, want)
		}
	}
}

func TestSeedAPIKey(t *testing.T) {
	for key, want := range map[string]string{
		"sk-ant-01234567890123456789\n": `{"approved":["01234567890123456789"],"rejected":[]}`,
		"sk-ant-x1234567890123456789":   "null",
		"0123456789":                    "null",
		"":                              "null",
	} {
		f := newFixture(t)
		f.full()
		f.o.APIKey = key
		f.seed()
		text, _ := json.Marshal(f.object(f.private + "/.claude.json")["customApiKeyResponses"])
		if string(text) != want {
			t.Errorf("%q: %s, want %s", key, text, want)
		}
	}
}

// TestSeedPlaceholder: Claude is not asked about what stands for a key, in a
// new configuration or an old one, and no part of a real key gets in.
func TestSeedPlaceholder(t *testing.T) {
	const placeholder, tail = "placeholder-01234567890123456789", "01234567890123456789"
	for name, c := range map[string]struct{ host, private, want string }{
		"nothing on the host":  {"", "", `{"approved":["` + tail + `"]}`},
		"an old configuration": {"", `{"numStartups": 3}`, `{"approved":["` + tail + `"]}`},
		"others approved":      {"", `{"customApiKeyResponses": {"approved": ["x"], "rejected": ["y"]}}`, `{"approved":["x","` + tail + `"],"rejected":["y"]}`},
		"approved already":     {"", `{"customApiKeyResponses": {"approved": ["` + tail + `"]}}`, `{"approved":["` + tail + `"]}`},
		"a no stays":           {"", `{"customApiKeyResponses": {"rejected": ["` + tail + `"]}}`, `{"rejected":["` + tail + `"]}`},
		"the host's key":       {`{"theme": "dark", "customApiKeyResponses": {"approved": ["` + planted + `"]}}`, "", `{"approved":["` + tail + `"]}`},
	} {
		f := newFixture(t)
		f.o.Placeholder, f.o.APIKey = placeholder, planted
		if c.host != "" {
			f.write(f.home+"/.claude.json", c.host)
		}
		if c.private != "" {
			f.jail(".claude.json", c.private)
		}
		for range 2 {
			if r := f.seed(); len(r.Warnings) > 0 {
				t.Errorf("%s: %q", name, r.Warnings)
			}
			text, _ := json.Marshal(f.object(f.private + "/.claude.json")["customApiKeyResponses"])
			if string(text) != c.want {
				t.Errorf("%s: %s, want %s", name, text, c.want)
			}
		}
	}
	// What the agent left there is no reason to stop, and leads nowhere else.
	for _, left := range []string{"[]", "{", `{"customApiKeyResponses": 5}`, `{"customApiKeyResponses": {"approved": "x"}}`} {
		f := newFixture(t)
		f.o.Placeholder = placeholder
		name := f.jail(".claude.json", left)
		if r := f.seed(); len(r.Warnings) != 1 || f.read(name) != left {
			t.Errorf("%s: %q, and it is %s", left, r.Warnings, f.read(name))
		}
	}
	f := newFixture(t)
	f.o.Placeholder = placeholder
	mine := f.write(f.home+"/mine.json", "{}")
	f.link(mine, f.private+"/.claude.json")
	if r := f.seed(); len(r.Warnings) != 1 || f.read(mine) != "{}" {
		t.Errorf("%q: the host's file is %s", r.Warnings, f.read(mine))
	}
}

func TestSeedLogin(t *testing.T) {
	f := newFixture(t)
	f.full()
	f.o.Login = true
	if r := f.seed(); !r.Login {
		t.Error("no login was reported")
	}
	login := f.private + "/.credentials.json"
	if fi, err := os.Stat(login); err != nil || fi.Mode().Perm() != 0o600 || f.read(login) != planted {
		t.Errorf("%v %v", fi, err)
	}
	if account := f.object(f.private + "/.claude.json")["oauthAccount"]; account == nil {
		t.Error("whose login it is is missing")
	}
	// One that is there stays, and it is not the first run's alone.
	f.jail(".credentials.json", "the jail's own")
	if r := f.seed(); r.Login || f.read(login) != "the jail's own" {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(login); err != nil {
		t.Fatal(err)
	}
	if r := f.seed(); !r.Login || len(r.Seeded) != 0 {
		t.Errorf("%+v", r)
	}
	g := newFixture(t)
	g.o.Login = true
	if _, err := Seed(g.o); !errors.Is(err, account.ErrNoLogin) {
		t.Errorf("without a login: %v", err)
	}
}

// TestSeedDoesNotFollow: the jail may have planted links in its folder, and
// somebody in the host's.
func TestSeedDoesNotFollow(t *testing.T) {
	f := newFixture(t)
	secret := f.write(f.home+"/secret", planted)
	f.link(secret, f.home+"/.claude/CLAUDE.md")
	f.link(f.home+"/.claude/.credentials.json", f.home+"/.claude/rules/a.md")
	f.host(".credentials.json", planted)
	f.link(f.home, f.home+"/.claude/output-styles")
	if err := unix.Mkfifo(f.home+"/.claude/keybindings.json", 0o600); err != nil {
		t.Fatal(err)
	}
	f.host("rules/big.md", strings.Repeat("x", folder.MaxFile+1))
	f.host("rules/ok.md", "ok\n")
	f.link("..", f.home+"/.claude/rules/up")
	r := f.seed()
	if got := f.all(f.private); len(got) != 1 || got["rules/ok.md"] != "ok\n" {
		t.Errorf("seeded %q", got)
	}
	if len(r.Warnings) < 5 {
		t.Errorf("warnings %q", r.Warnings)
	}

	// home-manager: a link into the store.
	f = newFixture(t)
	f.write(f.o.Host.Store+"/h-md/CLAUDE.md", "from the store\n")
	f.write(f.o.Host.Store+"/h-rules/r.md", "rule\n")
	f.link(f.o.Host.Store+"/h-md/CLAUDE.md", f.home+"/.claude/CLAUDE.md")
	f.link(f.o.Host.Store+"/h-rules", f.home+"/.claude/rules")
	outside := f.write(f.home+"/outside/x", "untouched")
	f.link(f.home+"/outside", f.private+"/rules")
	if _, err := Seed(f.o); err == nil {
		t.Error("a symlink in the private folder was followed, or passed over")
	}
	if names, _ := os.ReadDir(f.home + "/outside"); len(names) != 1 || f.read(outside) != "untouched" {
		t.Errorf("written outside: %v", names)
	}
	if err := os.Remove(f.private + "/rules"); err != nil {
		t.Fatal(err)
	}
	f.seed()
	if got := f.all(f.private); got["CLAUDE.md"] != "from the store\n" || got["rules/r.md"] != "rule\n" {
		t.Errorf("from the store: %q", got)
	}
}

func TestSeedBrokenHost(t *testing.T) {
	for name, text := range map[string]string{
		"cut": `{"theme": "dark", "x": "` + planted, "list": `["` + planted + `"]`, "two": `{} {"a":1}`, "binary": "\xff\xfe" + planted,
		"deep": strings.Repeat(`{"a":`, 20000),
	} {
		f := newFixture(t)
		f.write(f.home+"/.claude.json", text)
		f.host("settings.json", text)
		f.host("CLAUDE.md", "be kind\n")
		r := f.seed()
		if len(r.Warnings) != 2 || strings.Contains(strings.Join(r.Warnings, ""), planted) {
			t.Errorf("%s: warnings %q", name, r.Warnings)
		}
		if got := f.all(f.private); len(got) != 1 || got["CLAUDE.md"] != "be kind\n" {
			t.Errorf("%s: seeded %q", name, got)
		}
	}
}

func TestSeedNothing(t *testing.T) {
	f := newFixture(t)
	if r := f.seed(); len(r.Seeded)+len(r.Warnings) != 0 {
		t.Errorf("%+v", r)
	}
	if names, _ := os.ReadDir(f.state); len(names) != 1 {
		t.Errorf("made %v", names)
	}
	// Nothing was copied, so a configuration that comes later is.
	f.full()
	if r := f.seed(); len(r.Seeded) == 0 {
		t.Error("not seeded")
	}
	// Where Claude was already, nothing is touched.
	for _, name := range []string{".claude.json", "settings.json"} {
		f := newFixture(t)
		f.full()
		f.jail(name, "{}")
		if f.seed(); len(f.all(f.private)) != 1 {
			t.Errorf("%s was there, and yet: %q", name, f.all(f.private))
		}
	}
}

// TestSeedAfterACrash: wherever a first run stopped, the next one makes the
// same of it.
func TestSeedAfterACrash(t *testing.T) {
	whole := newFixture(t)
	whole.full()
	whole.seed()
	want := whole.all(whole.private)
	for _, done := range [][]string{{}, {"CLAUDE.md"}, {"CLAUDE.md", "settings.json"}, {"CLAUDE.md", "settings.json", "rules/go/style.md"}, keys(want)} {
		f := newFixture(t)
		f.full()
		d, err := beneath.Dir(f.state)
		if err != nil {
			t.Fatal(err)
		}
		if err := (&manifest{Pieces: map[string]string{}}).save(d); err != nil {
			t.Fatal(err)
		}
		_ = d.Close()
		f.write(f.state+"/"+stagePrefix+"X/0", "left")
		for _, name := range done {
			f.jail(name, want[name])
		}
		f.seed()
		got := f.all(f.private)
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("after %v: %s is %q, want %q", done, name, got[name], want[name])
			}
		}
		if f.all(f.state)["claude-seed.json"] != whole.all(whole.state)["claude-seed.json"] || len(f.all(f.state)) != len(want)+1 {
			t.Errorf("after %v: the state is %q", done, keys(f.all(f.state)))
		}
		if r := f.seed(); len(r.Seeded) != 0 {
			t.Errorf("after %v: seeded a third time", done)
		}
	}
}

func TestSeedConcurrently(t *testing.T) {
	f := newFixture(t)
	f.full()
	var seeded, failed sync.Map
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r, err := Seed(f.o)
			if err != nil {
				failed.Store(i, err)
			}
			if len(r.Seeded) > 0 {
				seeded.Store(i, true)
			}
		})
	}
	wg.Wait()
	n := 0
	seeded.Range(func(any, any) bool { n++; return true })
	failed.Range(func(_, err any) bool { t.Error(err); return true })
	if n != 1 {
		t.Errorf("%d first runs", n)
	}
}

func TestHold(t *testing.T) {
	f := newFixture(t)
	dir := f.home + "/.claude"
	f.host("CLAUDE.md", "mine\n")
	var paths []string
	for _, n := range []string{"settings.json", "hooks", "CLAUDE.md", ".config.json", "scheduled_tasks.json", "deep/x"} {
		paths = append(paths, filepath.Join(dir, n))
	}
	f.link("/nowhere", dir+"/hooks")
	held, err := Hold(dir, paths)
	if err != nil {
		t.Fatal(err)
	}
	if want := paths[:4]; !slices.Equal(held, want) {
		t.Errorf("held %q, want %q", held, want)
	}
	if got := f.all(dir); len(got) != 4 || got["settings.json"] != "{}\n" || got["CLAUDE.md"] != "mine\n" || got["hooks"] != "a symlink" {
		t.Errorf("%q", got)
	}
	if fi, err := os.Stat(dir + "/.config.json"); err != nil || fi.Size() != 0 || fi.Mode().Perm() != 0o400 {
		t.Errorf(".config.json: %v %v; one that can be written to would count", fi, err)
	}
}

func TestSeedOldName(t *testing.T) {
	f := newFixture(t)
	f.full()
	if err := os.Rename(f.home+"/.claude.json", f.home+"/.claude/.config.json"); err != nil {
		t.Fatal(err)
	}
	f.seed()
	if f.object(f.private + "/.claude.json")["theme"] != "light" {
		t.Error("the old name of .claude.json was not read")
	}
}
