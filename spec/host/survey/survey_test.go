package survey

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/hosttest"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

type fake struct{ *hosttest.Fake }

func newFake(t hosttest.TB) *fake { return &fake{hosttest.New(t)} }

var (
	write = hosttest.Write
	files = hosttest.Files
	equal = hosttest.Equal
	has   = hosttest.Has
	rels  = hosttest.Rels
)

// found is what a survey says.
type found struct {
	Project  Project
	Warnings []string
}

// read surveys the project; hide and protect are of o.
func (f *fake) read(ctx context.Context, o Options) (*found, error) {
	o.Home, o.UID = f.Home, f.UID
	if o.Dir == "" {
		o.Dir = f.Project
	}
	o.Settings, o.Refuse = func() []git.Setting { return nil }, func(string) error { return nil }
	p, warnings, err := Of(ctx, o)
	return &found{p, warnings}, err
}

func (f *fake) mustRead(o Options) *found {
	f.T.Helper()
	facts, err := f.read(context.Background(), o)
	if err != nil {
		f.T.Fatal(err)
	}
	for _, list := range [][]Path{facts.Project.Hide, facts.Project.Protect} {
		for _, p := range list {
			real, err := filepath.EvalSymlinks(p.Path)
			if err != nil || real != p.Path || p.Why == "" || p.Dir != source.IsDir(real) {
				f.T.Errorf("entry %+v is not what it should be", p)
			}
		}
	}
	for _, w := range facts.Project.Watch {
		if source.Exists(w.Path) || w.Why == "" {
			f.T.Errorf("watch %+v exists, or has no reason", w)
		}
	}
	return facts
}

// names lists paths below dir.
func names(list []Path, dir string) (out []string) {
	for _, p := range list {
		out = append(out, hosttest.Rel(p.Path, dir))
	}
	return out
}

// warned fails unless a warning has the text.
func warned(t testing.TB, f *found, text string) {
	t.Helper()
	if !slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.Contains(w, text) }) {
		t.Errorf("no warning with %q in %q", text, f.Warnings)
	}
}

// TestOwnAgents: what an agent of the user's own executes is held, watched and
// named in a review as that of those that are known.
func TestOwnAgents(t *testing.T) {
	f := newFake(t)
	write(f.T, f.Project, map[string]string{"sub/.crush/plugins/a.js": "x"})
	own := []agent.Agent{agent.Defined{Name: "crush", Exec: []string{"crush.json", ".crush/plugins"}}.Agent()}
	p := f.mustRead(Options{Own: own}).Project
	has := func(list []Path, rel string) bool {
		return slices.ContainsFunc(list, func(e Path) bool { return e.Path == filepath.Join(f.Project, rel) && strings.Contains(e.Why, "crush") })
	}
	if !has(p.Protect, "sub/.crush/plugins") || !has(p.Watch, "crush.json") || p.Names[".crush/plugins"] == "" || p.Names[".pi/extensions"] == "" {
		t.Errorf("protected %v, watched %v", p.Protect, p.Watch)
	}
	if Trusts("a/crush.json", own) == "" || Trusts("a/crush.json", nil) != "" || Trusts("a/.pi/hooks/x", own) == "" {
		t.Error("a review would not name it, or names it for everybody")
	}
	if p := f.mustRead(Options{}).Project; has(p.Protect, "sub/.crush/plugins") {
		t.Error("it is protected for everybody")
	}
}

// TestCalledByWhatOpensAFolder: what the files run that a shell or an editor of the host
// executes as soon as somebody enters or opens a folder is reported if it changes.
func TestCalledByWhatOpensAFolder(t *testing.T) {
	f := newFake(t)
	write(f.T, f.Project, map[string]string{
		"mise.toml":                       "[env]\n_.source = \"env.sh\"\n[hooks]\nenter = \"python3 hooks/enter.py\"\n",
		"env.sh":                          "",
		"hooks/enter.py":                  "",
		"pkg/.envrc":                      "PATH_add bin\n./setup\n# ./comment.sh\n",
		"pkg/setup":                       "",
		"pkg/comment.sh":                  "",
		".vscode/tasks.json":              "{\"tasks\": [{\"command\": \"${workspaceFolder}/scripts/watch.sh\", \"args\": [\"src/main.py\"]}]}\n",
		"scripts/watch.sh":                "",
		"src/main.py":                     "",
		".devcontainer/devcontainer.json": "{\"initializeCommand\": \"bash scripts/init\"}",
		"scripts/init":                    "",
		"pkg/.helix/languages.toml":       "[language-server.x]\ncommand = \"tools/lsp\"\n",
		"pkg/tools/lsp":                   "",
	})
	for _, name := range []string{"pkg/setup", "pkg/tools/lsp"} {
		if err := os.Chmod(filepath.Join(f.Project, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := names(f.mustRead(Options{}).Project.Changes, f.Project)
	for _, want := range []string{"env.sh", "hooks/enter.py", "pkg/setup", "scripts/watch.sh", "scripts/init", "pkg/tools/lsp"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s would change without a word: %q", want, got)
		}
	}
	for _, not := range []string{"pkg/comment.sh", "src/main.py"} {
		if slices.Contains(got, not) {
			t.Errorf("%s is ordinary work: %q", not, got)
		}
	}
}

// TestProgramsToCome: what git's config names is watched before it exists, and
// protected once it does; a word that is no path is no file to come.
func TestProgramsToCome(t *testing.T) {
	f := newFake(t)
	write(f.T, f.Project, map[string]string{
		".git/HEAD":   "ref: refs/heads/main\n",
		".git/config": "[diff]\n\texternal = ./differ --all\n[alias]\n\tx = !tools/x\n\ty = !later\n[core]\n\tfsmonitor = tools/there\n\teditor = /usr/bin/vi\n",
		"tools/there": "#!/bin/sh\n",
	})
	p := f.mustRead(Options{}).Project
	watched := names(p.Watch, f.Project)
	for _, want := range []string{"differ", "tools/x"} {
		if !slices.Contains(watched, want) {
			t.Errorf("%s is not watched: %q", want, watched)
		}
	}
	if slices.Contains(watched, "later") || slices.Contains(watched, "--all") {
		t.Errorf("words are watched: %q", watched)
	}
	if got := names(p.Protect, f.Project); !slices.Contains(got, "tools/there") {
		t.Errorf("protected: %q", got)
	}
}
