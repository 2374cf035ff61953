package survey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/host/hosttest"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/pattern"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

func TestHideAndPin(t *testing.T) {
	f := newFake(t)
	files(t, f.Project, ".env", "a/b/.env", "a/b/c/key.pem", "secrets/x/.env", "a/secrets", "infra/live/x", "infra/.env",
		"node_modules/m/.env", "node_modules/.env", "web/node_modules/m/.env", ".venv/.env", "target/.env", "rust/target/CACHEDIR.TAG", "rust/target/.env",
		"a/.git-not/.env")
	p := f.mustRead(Options{
		Hide:    []string{".env", "secrets/", "*.pem", "web/node_modules/m/.env"},
		Protect: []string{"infra/"},
	}).Project
	equal(t, "hide", names(p.Hide, f.Project), []string{
		".env", "a/.git-not/.env", "a/b/.env", "a/b/c/key.pem", "infra/.env", "secrets", "target/.env", "web/node_modules/m/.env",
	})
	equal(t, "protect", names(p.Protect, f.Project), []string{"infra"})
	equal(t, "pin", rels(p.Pin, f.Project), []string{"a", "a/.git-not", "a/b", "a/b/c", "target", "web", "web/node_modules", "web/node_modules/m"})
}

// What a host protects by itself gives way to what the user hides.
func TestHideWinsOverProtect(t *testing.T) {
	f := newFake(t)
	files(t, f.Project, ".envrc", ".vscode/tasks.json", ".claude/settings.json", ".claude/hooks/x")
	p := f.mustRead(Options{Hide: []string{".envrc", ".vscode/", ".claude/hooks/x"}}).Project
	equal(t, "hide", names(p.Hide, f.Project), []string{".claude/hooks/x", ".envrc", ".vscode"})
	equal(t, "protect", names(p.Protect, f.Project), []string{".claude/hooks", ".claude/settings.json"})
	equal(t, "pin", rels(p.Pin, f.Project), []string{".claude"})
}

func TestHostileNames(t *testing.T) {
	f := newFake(t)
	odd := []string{"a\nb", "${HOME}", "a\tb", " ", "-rf", "a,b:c=d", `back\slash`, "\u202e", "é"}
	for _, n := range odd {
		files(t, f.Project, n+"/.env")
	}
	p := f.mustRead(Options{Hide: []string{".env"}}).Project
	got := names(p.Hide, f.Project)
	for _, n := range odd {
		has(t, "hide", got, n+"/.env")
	}
	has(t, "pin", rels(p.Pin, f.Project), odd...)

	// Not UTF-8: harmless where nothing matches, an error where it does.
	files(t, f.Project, "bad\xff/x")
	f.mustRead(Options{Hide: []string{".env"}})
	for _, o := range []Options{{Hide: []string{"x"}}, {Protect: []string{"bad?"}}} {
		o.Dir = f.Project
		_, err := f.read(context.Background(), o)
		if !errors.Is(err, errPattern) || !strings.Contains(err.Error(), `bad\xff`) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestMatchedSymlinks(t *testing.T) {
	f := newFake(t)
	write(t, f.Home, map[string]string{"outside/key": ""})
	write(t, f.Project, map[string]string{
		"real/key": "", "a/.env": "->../real/key", "b/.env": "->" + f.Home + "/outside/key", "c/.env": "->nowhere",
		"all/.env": "->..", "dirlink": "->real", "loop": "->loop", "x/secrets": "->../real",
	})
	facts := f.mustRead(Options{Hide: []string{".env", "dirlink/key", "loop/x"}})
	equal(t, "hide", names(facts.Project.Hide, f.Project), []string{"real/key"})
	warned(t, facts, "outside/key")
	warned(t, facts, `leads to "`+f.Project+`"`)
	equal(t, "pin", rels(facts.Project.Pin, f.Project), []string{"real"})
	// A symlink to a folder counts as a folder: better hidden than seen.
	facts = f.mustRead(Options{Hide: []string{"secrets/"}})
	equal(t, "hide", names(facts.Project.Hide, f.Project), []string{"real"})
	if len(facts.Project.Links) != 1 || facts.Project.Links[0] != (Link{Path: filepath.Join(f.Project, "x/secrets"), Target: "../real"}) {
		t.Errorf("links %v", facts.Project.Links)
	}
}

func TestHardLink(t *testing.T) {
	f := newFake(t)
	files(t, f.Project, ".env")
	if err := os.Link(filepath.Join(f.Project, ".env"), filepath.Join(f.Project, "copy")); err != nil {
		t.Fatal(err)
	}
	warned(t, f.mustRead(Options{Hide: []string{".env"}}), "hard links")
}

func TestTooManyMatches(t *testing.T) {
	f := newFake(t)
	for i := range maxMatches + 1 {
		files(t, f.Project, fmt.Sprintf("d/%d.log", i))
	}
	if _, err := f.read(context.Background(), Options{Dir: f.Project, Hide: []string{"*.log"}}); !errors.Is(err, errPattern) {
		t.Errorf("%v", err)
	}
	equal(t, "hide", names(f.mustRead(Options{Hide: []string{"d/"}}).Project.Hide, f.Project), []string{"d"})
}

func TestUnreadableFolderIsHidden(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads every folder; run the tests as a user too")
	}
	f := newFake(t)
	files(t, f.Project, "locked/.env", "open/x")
	if err := os.Chmod(filepath.Join(f.Project, "locked"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(f.Project, "locked"), 0o755) })
	facts := f.mustRead(Options{Hide: []string{".env"}})
	equal(t, "hide", names(facts.Project.Hide, f.Project), []string{"locked"})
	warned(t, facts, "hidden as a whole")
	if facts = f.mustRead(Options{}); len(facts.Project.Hide) != 0 || len(facts.Warnings) != 0 {
		t.Errorf("without patterns: %v %q", facts.Project.Hide, facts.Warnings)
	}
}

func TestVeryDeepFolders(t *testing.T) {
	f := newFake(t)
	dir, err := unix.Open(f.Project, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("d", 200)
	for range 40 {
		if err := unix.Mkdirat(dir, name, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(dir)
		dir = next
	}
	unix.Close(dir)
	facts := f.mustRead(Options{Hide: []string{".env"}})
	if len(facts.Project.Hide) != 1 {
		t.Errorf("what cannot be searched is not hidden: %v", facts.Project.Hide)
	}
	warned(t, facts, "hidden as a whole")
}

// counted runs the walk alone and says how many folders it read.
func counted(t testing.TB, f *fake, hide ...string) (reads int, p Project) {
	t.Helper()
	v := newSurvey(Options{Dir: f.Project, Home: f.Home, UID: f.UID})
	patterns, err := parsePatterns("hide", hide)
	if err != nil {
		t.Fatal(err)
	}
	var states []pattern.State
	for _, p := range patterns {
		states = append(states, pattern.Begin(p, true))
	}
	w := &walk{survey: v}
	if err := w.run(context.Background(), states); err != nil {
		t.Fatal(err)
	}
	v.finish()
	return w.reads, *v.p
}

// TestWalkReadsAhead: in a tree of many folders the walk finds the same, whether
// other processors read for it or not.
func TestWalkReadsAhead(t *testing.T) {
	f := newFake(t)
	for i := range 300 {
		files(t, f.Project, fmt.Sprintf("pkg/p%d/main.go", i), fmt.Sprintf("pkg/p%d/.vscode/tasks.json", i), fmt.Sprintf("pkg/p%d/sub/.env", i))
	}
	files(t, f.Project, "pkg/p200/vendored/.git/HEAD")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	reads, alone := counted(t, f, ".env")
	runtime.GOMAXPROCS(2)
	for range 3 {
		if n, p := counted(t, f, ".env"); n != reads || !reflect.DeepEqual(p, alone) {
			t.Errorf("%d folders read, %d hidden, %d protected; alone %d, %d, %d", n, len(p.Hide), len(p.Protect), reads, len(alone.Hide), len(alone.Protect))
		}
	}
	if len(alone.Hide) != 300 || len(alone.Protect) < 300 || len(alone.Nested) != 1 {
		t.Errorf("%d hidden, %d protected, nested %q", len(alone.Hide), len(alone.Protect), alone.Nested)
	}
}

func TestWalkReadsOnlyWhatMatters(t *testing.T) {
	f := newFake(t)
	for i := range 100 {
		files(t, f.Project, fmt.Sprintf("node_modules/m%d/.env", i), fmt.Sprintf(".git/objects/%d/x", i), fmt.Sprintf("deep/1/2/3/4/%d/.env", i))
	}
	for _, c := range []struct {
		hide  []string
		reads int
		found int
	}{
		// The project, and deep/1/2/3 in search of nested repositories.
		{nil, 5, 0},
		{[]string{"node_modules/m7/.env", "/deep/1/2/3/4/5/.env"}, 5, 2},
		// An anchored wildcard reads the folder that it stands in.
		{[]string{"node_modules/m7*/.env"}, 6, 11},
		{[]string{".env"}, 106, 100},
		{[]string{"node_modules/"}, 106, 1},
	} {
		reads, p := counted(t, f, c.hide...)
		if reads != c.reads || len(p.Hide) != c.found {
			t.Errorf("%q: %d folders read, %d found; want %d and %d", c.hide, reads, len(p.Hide), c.reads, c.found)
		}
	}
}

func TestWalkIsBounded(t *testing.T) {
	f := newFake(t)
	for i := range search.Folders + 10 {
		write(t, f.Project, map[string]string{fmt.Sprintf("d/%d/", i): ""})
	}
	reads, _ := counted(t, f)
	if reads > search.Folders {
		t.Errorf("%d folders read", reads)
	}
	warned(t, f.mustRead(Options{}), "nested git repositories")
}

func TestWalkStops(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.read(ctx, Options{Dir: f.Project}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// benchmarkProject has 200,000 files below node_modules and 1,000 others.
func benchmarkProject(b *testing.B) *fake {
	// In memory if possible: 200,000 files on a disk take minutes.
	top, err := os.MkdirTemp("/dev/shm", "host-bench-")
	if err != nil {
		top = b.TempDir()
	}
	b.Cleanup(func() { os.RemoveAll(top) })
	f := &fake{&hosttest.Fake{Source: &source.Source{UID: os.Getuid()}, Home: top, Project: filepath.Join(top, "project")}}
	dir := func(format string, n int) {
		path := filepath.Join(f.Project, fmt.Sprintf(format, n))
		if err := os.MkdirAll(path, 0o755); err != nil {
			b.Fatal(err)
		}
		for i := range 100 {
			if err := os.WriteFile(filepath.Join(path, fmt.Sprintf("%d.js", i)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	for n := range 2000 {
		dir("node_modules/m%d", n)
	}
	for n := range 10 {
		dir("src/d%d", n)
	}
	return f
}

func BenchmarkWalk(b *testing.B) {
	f := benchmarkProject(b)
	for _, c := range []struct {
		name string
		hide []string
	}{
		{"no-pattern", nil},
		{"unanchored", []string{".env", ".env.*", "*.pem", "secrets/"}},
		{"explicit", []string{"node_modules/**/.env"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				counted(b, f, c.hide...)
			}
		})
	}
}

// TestGuardsAtEveryDepth: what programs of the host execute or trust is
// protected in every folder that the search reaches, and in none that it passes
// over.
func TestGuardsAtEveryDepth(t *testing.T) {
	f := newFake(t)
	want := []string{
		"pkg/.vscode", "pkg/.mcp.json", "pkg/.envrc", "backend/mise.toml", "a/b/c/.claude/settings.json", "a/b/c/d/.idea",
		"a/mise.ci.local.toml", "a/.config/mise.toml", "a/.config/mise.ci.toml", "a/.config/lefthook-local.yml", "x/team.code-workspace",
		"a/mise/config.ci.toml", "a/.jj/repo/config.toml", "a/.hg/hgrc", "a/.helix", "a/lefthook-local.toml",
		"a/.claude/rules", "a/.claude/routines", "a/.claude/scheduled_tasks.json", "a/.claude/loop.md", "a/.opencode/plugin",
		"a/.github/hooks", "a/.pi/extensions", "a/.codex/config.toml", "a/opencode.json", ".hg/hgrc", "lefthook-local.yml",
		"pkg/scripts/serve.sh", "pkg/env.sh",
	}
	for _, n := range want {
		content := ""
		switch n {
		case "pkg/.mcp.json":
			content = `{"mcpServers": {"x": {"command": "./scripts/serve.sh"}}}`
		case "pkg/.envrc":
			content = "source env.sh\n"
		}
		if strings.HasSuffix(n, ".vscode") || strings.HasSuffix(n, ".idea") || strings.HasSuffix(n, ".helix") || strings.HasSuffix(n, "plugin") ||
			strings.HasSuffix(n, "hooks") || strings.HasSuffix(n, "extensions") || strings.HasSuffix(n, "rules") || strings.HasSuffix(n, "routines") {
			n += "/x"
		}
		write(t, f.Project, map[string]string{n: content})
	}
	files(t, f.Project, "a/.opencode/package.json", "a/Makefile", "a/.env", "a/package.json", "a/.github/workflows/x.yml", "a/mise.toml.bak",
		"node_modules/m/.vscode/x", "1/2/3/4/5/.envrc", ".cache/x/.envrc")
	p := f.mustRead(Options{}).Project
	slices.Sort(want)
	equal(t, "protect", names(p.Protect, f.Project), want)
	has(t, "pin", rels(p.Pin, f.Project), "pkg", "backend", "a/b/c/.claude", "a/.config", "a/.opencode")
	for n := range p.Names {
		if strings.Contains(n, "[") || strings.Contains(n, "?") || strings.Count(n, "*") > 1 {
			t.Errorf("%q: only one * is understood", n)
		}
	}
	if p.Names[".claude/settings.json"] == "" || p.Names[".bashrc"] != "" {
		t.Errorf("names: %q", p.Names)
	}
}

// TestFollows: what agents take for instructions is found in the folders below a
// project, where the search goes.
func TestFollows(t *testing.T) {
	f := newFake(t)
	files(t, f.Project, "AGENTS.md", "pkg/AGENTS.md", "pkg/a/b/CLAUDE.md", "pkg/a/b/README.md", "pkg/.claude/CLAUDE.md", "node_modules/x/AGENTS.md", "a/b/c/d/e/AGENTS.md", "pkg/AGENTS.md.bak")
	got := f.mustRead(Options{}).Project.Follows
	slices.Sort(got)
	equal(t, "what agents follow", rels(got, f.Project), []string{"pkg/.claude/CLAUDE.md", "pkg/AGENTS.md", "pkg/a/b/CLAUDE.md"})
}

// TestLinksOfGuards: a symlink where a guard would be is noted, be there
// something behind it or not.
func TestLinksOfGuards(t *testing.T) {
	f := newFake(t)
	write(t, f.Project, map[string]string{"real/": "", "pkg/.claude": "->../real", "pkg/.envrc": "->gone", "pkg/.config": "->/etc"})
	var got []string
	for _, l := range f.mustRead(Options{}).Project.Links {
		got = append(got, hosttest.Rel(l.Path, f.Project))
	}
	has(t, "links", got, "pkg/.claude", "pkg/.envrc", "pkg/.config")
}
