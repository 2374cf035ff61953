package claude

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/ask"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

func (f *fixture) review() *Review {
	f.t.Helper()
	r, err := NewReview(f.o.Host, f.state)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// summary is one line a piece: path, change, effect.
func (f *fixture) summary() []string {
	f.t.Helper()
	var s []string
	for _, p := range f.review().Pieces {
		line := p.Path + " " + p.Change + " " + string(p.Effect)
		if p.Problem != "" {
			line += " !"
		}
		s = append(s, line)
	}
	return s
}

func (f *fixture) piece(name string) (*Review, *Piece) {
	f.t.Helper()
	r := f.review()
	p := r.Find(name)
	if p == nil {
		f.t.Fatalf("no piece %q in %q", name, f.summary())
	}
	return r, p
}

// agent does what an agent may do to its configuration.
func (f *fixture) agent() {
	f.jail("settings.json", `{"verbose": true, "model": "haiku", "newKey": 1, "permissions": {"deny": ["Read(.env)"]},
  "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "curl evil"}]}]}, "statusLine": {"command": "x"}, "env": {"A": "b"}}`)
	f.jail("CLAUDE.md", "be evil\n")
	f.jail("commands/c.md", "do !`id`\n")
	f.jail("commands/plain.md", "be plain\n")
	f.jail("agents/a.md", "---\ntools: Read\n---\nhelp\n")
	f.jail("skills/s/SKILL.md", "text\n")
	f.jail("skills/s/run.sh", "#!/bin/sh\n")
	f.jail("skills/t/SKILL.md", "text\n")
	f.jail("hooks/h.sh", "#!/bin/sh\n")
	f.jail("plugins/installed_plugins.json", "{}")
	f.jail("plugins/cache/x/hooks/hooks.json", "{}")
	f.jail("output-styles/terse.md", "long\n")
	f.jail("themes/t.json", "{}")
	f.jail(".claude.json", `{"theme":"dark","numStartups":3,"mcpServers":{"evil":{"command":"sh"}},
  "projects":{"/src/project":{"hasTrustDialogAccepted":true,"mcpServers":{"local":{"type":"http","url":"http://x"}}}}}`)
	for _, n := range []string{"projects/p/t.jsonl", "todos/t.json", "history.jsonl", ".credentials.json", "sessions/1.json", "cache/x", "shell-snapshots/s.sh"} {
		f.jail(n, "state")
	}
}

func TestReview(t *testing.T) {
	f := newFixture(t)
	f.full()
	f.seed()
	if s := f.summary(); len(s) != 0 {
		t.Errorf("nothing was changed, and yet: %q", s)
	}
	// What a first run of Claude Code leaves there by itself.
	f.jail("plugins/store/cc-plugin-agents-md_builtin-b049b47b3618.json", `{"usage-rows-queued":"ok"}`)
	if s := f.summary(); len(s) != 0 {
		t.Errorf("only state was written, and yet: %q", s)
	}
	f.agent()
	want := []string{
		".claude.json:mcpServers.evil added executes",
		".claude.json:projects./src/project.mcpServers.local added executes",
		"CLAUDE.md changed instructs",
		"agents/a.md changed instructs",
		"commands/c.md changed executes",
		"commands/plain.md added instructs",
		"hooks/h.sh changed executes",
		"output-styles/terse.md changed instructs",
		"plugins added executes",
		"settings.json:env changed executes",
		"settings.json:hooks changed executes",
		"settings.json:model changed harmless",
		"settings.json:newKey added unknown",
		"settings.json:statusLine changed executes",
		"skills/s changed executes",
		"skills/t added instructs",
		"themes/t.json added harmless",
	}
	if got := f.summary(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	_, p := f.piece("CLAUDE.md")
	if want := "--- host/CLAUDE.md\n+++ jail/CLAUDE.md\n@@ -1,1 +1,1 @@\n-be kind\n+be evil\n"; p.Diff != want {
		t.Errorf("diff %q, want %q", p.Diff, want)
	}
	_, p = f.piece("settings.json:newKey")
	if want := "--- /dev/null\n+++ jail/settings.json:newKey\n@@ -0,0 +1,1 @@\n+1\n"; p.Diff != want {
		t.Errorf("diff %q, want %q", p.Diff, want)
	}
	// What is removed.
	if err := os.Remove(f.private + "/CLAUDE.md"); err != nil {
		t.Fatal(err)
	}
	if _, p := f.piece("CLAUDE.md"); p.Change != Removed || !strings.Contains(p.Diff, "+++ /dev/null") {
		t.Errorf("%+v", p)
	}
	// The agent cannot say that it changed nothing.
	f.jail("claude-seed.json", `{"version":1,"complete":true,"pieces":{}}`)
	if got := f.summary(); len(got) != len(want) {
		t.Errorf("with a manifest of the agent's: %q", got)
	}
}

func TestReviewShowsWhatCannotBeSeen(t *testing.T) {
	f := newFixture(t)
	f.jail("CLAUDE.md", "a\x1b[2Jb\rc\u202ed\u200be\ufefff\xffg\u00a0h\U000e0041\x7f\n")
	_, p := f.piece("CLAUDE.md")
	if strings.ContainsAny(p.Diff, "\x1b\r\u202e\u200b\ufeff\u00a0\x7f\U000e0041") {
		t.Errorf("diff %q", p.Diff)
	}
	// Not UTF-8: no diff, but what it is.
	if !strings.Contains(p.Diff, "not a text") || !strings.Contains(p.Diff, "sha256:") {
		t.Errorf("diff %q", p.Diff)
	}
	f.jail("CLAUDE.md", "a\x1b[2Jb\rc\u202ed\u200be\n")
	if _, p = f.piece("CLAUDE.md"); !strings.Contains(p.Diff, "+a<U+001B>[2Jb<U+000D>c<U+202E>d<U+200B>e\n") {
		t.Errorf("diff %q", p.Diff)
	}
	// Spelt out and real look the same: it says so, and does not pass it over.
	f.host("CLAUDE.md", "a<U+001B>\n")
	f.jail("CLAUDE.md", "a\x1b\n")
	if _, p = f.piece("CLAUDE.md"); !strings.Contains(p.Diff, "cannot be seen") {
		t.Errorf("diff %q", p.Diff)
	}
	f.jail("commands/a\nb.md", "x\n")
	f.jail("commands/rtl\u202e.md", "x\n")
	f.jail("commands/\xff.md", "x\n")
	f.jail("skills/a/\x1b", "x\n")
	for _, p := range f.review().Pieces {
		if p.Path != "CLAUDE.md" && p.Problem == "" {
			t.Errorf("%q can be taken over", p.Path)
		}
		if strings.ContainsAny(p.Diff+p.Problem+p.Why, "\x1b\u202e") {
			t.Errorf("%q: %q %q", p.Path, p.Diff, p.Problem)
		}
	}
	f.jail("settings.json", `{"a\u001bb": 1, "model": "\u001b[2J\u202e"}`)
	if _, p := f.piece("settings.json:a\x1bb"); p.Problem == "" {
		t.Error("a key that cannot be seen can be taken over")
	}
	if _, p := f.piece("settings.json:model"); p.Effect != Unknown || strings.ContainsAny(p.Diff, "\x1b\u202e") {
		t.Errorf("%+v", p)
	}
}

func TestReviewOfHostileFolders(t *testing.T) {
	f := newFixture(t)
	f.host("CLAUDE.md", "mine\n")
	f.seed()
	secret := f.write(f.home+"/secret", planted)
	if err := os.Remove(f.private + "/CLAUDE.md"); err != nil {
		t.Fatal(err)
	}
	f.link(secret, f.private+"/CLAUDE.md")
	f.link(f.home, f.private+"/skills")
	f.link(f.home, f.private+"/commands/home")
	f.jail("settings.json", "{broken")
	f.jail(".claude.json", strings.Repeat("[", 100000))
	f.jail("keybindings.json", strings.Repeat("x", folder.MaxFile+1))
	for i := range folder.MaxFiles + 10 {
		f.jail("plugins/f"+string(rune('a'+i%26))+strings.Repeat("x", i/26), "")
	}
	f.jail("agents/"+strings.Repeat("d/", 40)+"a.md", "deep")
	want := []string{
		".claude.json added executes !", "CLAUDE.md changed instructs !", "agents added instructs !", "commands/home added executes !",
		"keybindings.json added harmless !", "plugins added executes !", "settings.json added unknown !", "skills added executes !",
	}
	got := f.summary()
	for i, line := range got { // which word is said of what cannot be read matters little
		if !strings.HasSuffix(line, "!") || i >= len(want) || strings.Fields(line)[0] != strings.Fields(want[i])[0] {
			t.Errorf("line %d: %q, want %q", i, line, want)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %q", got)
	}
	for _, p := range f.review().Pieces {
		if strings.Contains(p.Diff, planted) {
			t.Errorf("%s: a symlink was followed", p.Path)
		}
		if err := f.review().Take(p); !errors.Is(err, errCannot) {
			t.Errorf("%s was taken: %v", p.Path, err)
		}
	}
	// All of it can be dropped.
	for _, p := range f.review().Pieces {
		r, again := f.piece(p.Path)
		if err := r.Drop(again); err != nil {
			t.Errorf("drop %s: %v", p.Path, err)
		}
	}
	if got := f.summary(); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	if f.read(f.private+"/CLAUDE.md") != "mine\n" || f.read(secret) != planted {
		t.Error("the seeded memory was not restored, or through the symlink")
	}
}

func TestTake(t *testing.T) {
	f := newFixture(t)
	f.full()
	f.seed()
	f.agent()
	for _, name := range []string{
		"CLAUDE.md", "commands/c.md", "commands/plain.md", "skills/s", "settings.json:model", "settings.json:newKey",
		".claude.json:mcpServers.evil", ".claude.json:projects./src/project.mcpServers.local",
	} {
		r, p := f.piece(name)
		if err := r.Take(p); err != nil {
			t.Errorf("take %s: %v", name, err)
		}
		if f.review().Find(name) != nil {
			t.Errorf("%s is taken, and still shown", name)
		}
	}
	h := f.home + "/.claude/"
	for name, want := range map[string]string{
		"CLAUDE.md": "be evil\n", "CLAUDE.md.before-jailed-claude": "be kind\n",
		"commands/c.md": "do !`id`\n", "commands/c.md.before-jailed-claude": planted, "commands/plain.md": "be plain\n",
		"skills/s/SKILL.md": "text\n", "skills/s/run.sh": "#!/bin/sh\n", "hooks/h.sh": planted,
	} {
		if got := f.read(h + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	settings := f.object(h + "settings.json")
	if settings["model"] != "haiku" || settings["newKey"] != 1.0 || settings["apiKeyHelper"] != planted || settings["hooks"] == nil {
		t.Errorf("settings %v", settings)
	}
	text := f.read(h + "settings.json")
	if i, j := strings.Index(text, `"model"`), strings.Index(text, `"somethingNew"`); i < 0 || j < i {
		t.Errorf("the order is another: %s", text)
	}
	global := f.object(f.home + "/.claude.json")
	if s := global["mcpServers"].(map[string]any); s["m"] == nil || s["evil"] == nil {
		t.Errorf("servers %v", s)
	}
	if global["primaryApiKey"] != planted {
		t.Error("what was not taken is gone")
	}
	if _, err := os.Stat(f.home + "/.claude.json.lock"); err == nil {
		t.Error("the lock was left")
	}
	for name := range f.all(f.home) {
		if strings.Contains(name, ".jailed-claude-") {
			t.Errorf("left: %s", name)
		}
	}
	// A removal, and a second backup beside the first.
	if err := os.Remove(f.private + "/CLAUDE.md"); err != nil {
		t.Fatal(err)
	}
	r, p := f.piece("CLAUDE.md")
	if err := r.Take(p); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h + "CLAUDE.md"); err == nil || f.read(h+"CLAUDE.md.before-jailed-claude.2") != "be evil\n" {
		t.Error("it was not removed, or not kept")
	}
}

// TestTakeWhatWasShown: another jail writes on, and somebody on the host.
func TestTakeWhatWasShown(t *testing.T) {
	f := newFixture(t)
	f.host("CLAUDE.md", "mine\n")
	f.seed()
	f.jail("CLAUDE.md", "shown\n")
	f.jail("commands/c.md", "shown\n")
	r, p := f.piece("CLAUDE.md")
	c := r.Find("commands/c.md")
	f.jail("CLAUDE.md", "evil\n")
	f.link(f.write(f.home+"/other", "evil\n"), f.private+"/x")
	if err := os.Rename(f.private+"/x", f.private+"/commands/c.md"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Take(p), r.Take(c)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"CLAUDE.md", "commands/c.md"} {
		if got := f.read(f.home + "/.claude/" + name); got != "shown\n" {
			t.Errorf("%s is %q", name, got)
		}
	}
	if f.review().Find("CLAUDE.md") == nil {
		t.Error("what was changed since is not shown")
	}
	r, p = f.piece("CLAUDE.md")
	f.host("CLAUDE.md", "written meanwhile\n")
	if err := r.Take(p); !errors.Is(err, errMoved) {
		t.Errorf("the host's was replaced: %v", err)
	}
	// A new symlink on the host.
	f.jail("agents/a.md", "x\n")
	r, p = f.piece("agents/a.md")
	if err := os.Mkdir(f.home+"/outside", 0o755); err != nil {
		t.Fatal(err)
	}
	f.link(f.home+"/outside", f.home+"/.claude/agents")
	if err := r.Take(p); err == nil {
		t.Error("written through a symlink")
	}
	if names, _ := os.ReadDir(f.home + "/outside"); len(names) != 0 {
		t.Errorf("written outside: %v", names)
	}
	if err := os.Remove(f.home + "/.claude/agents"); err != nil {
		t.Fatal(err)
	}
	f.link(f.home+"/outside/new", f.home+"/.claude/agents/a.md")
	if r, p = f.piece("agents/a.md"); r.Take(p) == nil {
		t.Error("a symlink was replaced")
	}
}

func TestTakeKeepsAPrivateMode(t *testing.T) {
	f := newFixture(t)
	name := f.host("settings.json", `{"model":"a"}`)
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	f.seed()
	f.jail("settings.json", `{"model":"b"}`)
	r, p := f.piece("settings.json:model")
	if err := r.Take(p); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(name); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
	if f.read(name) != "{\n  \"model\": \"b\"\n}\n" {
		t.Errorf("%q", f.read(name))
	}
	// A program is one on the host, and said to be one.
	if err := os.Chmod(f.jail("hooks/h", "#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, p = f.piece("hooks/h")
	if !strings.Contains(p.Diff, "0755, a program") {
		t.Errorf("diff %q", p.Diff)
	}
	if err := r.Take(p); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(f.home + "/.claude/hooks/h"); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
}

func TestDrop(t *testing.T) {
	f := newFixture(t)
	f.full()
	f.seed()
	f.agent()
	for _, p := range f.review().Pieces {
		r, again := f.piece(p.Path)
		if err := r.Drop(again); err != nil {
			t.Errorf("drop %s: %v", p.Path, err)
		}
	}
	if got := f.summary(); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	if f.read(f.private+"/CLAUDE.md") != "be kind\n" || f.object(f.private + "/settings.json")["model"] != "opus" {
		t.Error("what was seeded is not back")
	}
	if global := f.object(f.private + "/.claude.json"); global["numStartups"] != 3.0 || len(global["mcpServers"].(map[string]any)) != 0 {
		t.Errorf("%v", global)
	}
	if f.read(f.private+"/projects/p/t.jsonl") != "state" {
		t.Error("state was touched")
	}
	for name, text := range f.all(f.private) {
		if strings.Contains(text, planted) {
			t.Errorf("a secret came in by %s", name)
		}
	}
}

func TestReset(t *testing.T) {
	f := newFixture(t)
	f.full()
	f.seed()
	f.link(f.home, f.private+"/home")
	if err := Reset(f.state); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(f.state); len(names) != 0 {
		t.Errorf("left %v", names)
	}
	if f.read(f.home+"/.claude/CLAUDE.md") != "be kind\n" {
		t.Error("the host's was touched")
	}
	if r := f.seed(); len(r.Seeded) == 0 {
		t.Error("the next run is no first one")
	}
	if _, err := NewReview(f.o.Host, filepath.Join(f.state, "none")); !errors.Is(err, ErrNoPrivate) {
		t.Errorf("%v", err)
	}
	// os.OpenRoot alone would wait for a writer.
	fifo := filepath.Join(f.home, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Reset(fifo); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a FIFO: %v", err)
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"", "plain\n", "\x1b]0;x\a", "\u202e", "\xff\xfe", "é😀", "a\u200db"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := show.Text(s)
		for _, r := range v {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' || r == '\u2066' {
				t.Fatalf("%q became %q", s, v)
			}
		}
		if show.Text(v) != v {
			t.Fatalf("%q: not stable", s)
		}
	})
}

func FuzzSet(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"c":[]}}`), "b", "c")
	f.Add([]byte("\ufeff{}"), "x", "y")
	f.Fuzz(func(t *testing.T, text []byte, k1, k2 string) {
		out, err := object.Set(text, []string{k1, k2}, []byte(`"v"`))
		if err != nil {
			return
		}
		ms, err := object.Parse(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		before, _ := object.Parse(text)
		if len(ms) < len(before) || len(ms) > len(before)+1 {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

// TestDo: what is asked, and that nothing is done without an answer.
func TestDo(t *testing.T) {
	f := newFixture(t)
	f.full()
	f.seed()
	f.agent()
	all := len(f.review().Pieces)
	var printed []*Piece
	print := func(p []*Piece) error { printed = p; return nil }
	for _, w := range []Wanted{{Take: []string{"CLAUDE.md"}}, {Take: []string{"CLAUDE.md"}, JSON: print, Ask: func(string) string { return "y" }}} {
		if err := f.review().Do(w); !errors.Is(err, ask.ErrNobody) {
			t.Error(err)
		}
	}
	if err := f.review().Do(Wanted{Yes: true}); err == nil {
		t.Error("yes to nothing")
	}
	if err := f.review().Do(Wanted{JSON: print}); err != nil || len(printed) != all {
		t.Errorf("%d of %d: %v", len(printed), all, err)
	}
	shown := 0
	if err := f.review().Do(Wanted{Show: func(*Piece) { shown++ }}); err != nil || shown != all || len(f.review().Pieces) != all {
		t.Errorf("%d of %d shown: %v", shown, all, err)
	}
	if err := f.review().Do(Wanted{Drop: []string{"CLAUDE.md"}, Yes: true, JSON: print}); err != nil || len(printed) != 1 || len(f.review().Pieces) != all-1 {
		t.Errorf("dropped %d: %v", len(printed), err)
	}
}
