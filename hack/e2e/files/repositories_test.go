package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// toolFolders are what the searches for repositories pass over: tools clone
// into some of them, and nobody works there.
var toolFolders = []string{
	".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", ".pnpm-store", ".venv", "venv", "__pycache__", ".tox", ".nox",
	".mypy_cache", ".pytest_cache", ".ruff_cache", ".direnv", ".cache", ".gradle", ".terraform", "target",
}

// TestRepositoriesOfTheStartAreNotTheAgents: a repository that was there before
// the jail is not reported, wherever it lies, and does not end a strict jail.
func TestRepositoriesOfTheStartAreNotTheAgents(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
	w.Write("a/target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
	places := []string{
		"plain", "a/b/plain", "1/2/3/4", "1/2/3/4/5", "1/2/3/4/5/6/7", "build/target/r", "secrets/r", "a/secrets", "vendor/r", "read/r",
	}
	for _, folder := range toolFolders {
		places = append(places, folder+"/r", folder+"/modules/m", "a/"+folder+"/r", "a/b/c/"+folder+"/r")
	}
	for _, p := range places {
		w.Mkdir(filepath.Join(w.Project, p), 0o755)
		w.Git(filepath.Join(w.Project, p), "init", "--quiet")
	}
	w.Write(w.Dir+"/policy.toml", "version = 1\n[files]\nhide = [\"secrets/\"]\nprotect = [\"vendor/\"]\n")
	for _, flags := range [][]string{nil, {"--strict"}, {"--strict", "--policy", w.Dir + "/policy.toml"}} {
		r := w.Bash("true", flags...)
		if len(flags) > 1 {
			// Of the policy's pattern.
			first, rest, _ := strings.Cut(r.Err, "\n")
			if r.Err = rest; !strings.Contains(first, "is not hidden in") {
				t.Errorf("%q: no word of the folders of tools: %q", flags, first)
			}
		}
		if r.Status != 0 || r.Err != "" || r.Out != "" {
			t.Errorf("%q: %s", flags, r)
		}
	}
	// The agent's own work in them is as silent: git, and what tools do.
	if r := w.Bash("cd plain && echo x >x && git add x && git commit -qm x && cd ../.terraform/modules/m && echo x >x && git add x && git commit -qm x", "--strict"); r.Status != 0 || r.Err != "" {
		t.Errorf("commits in repositories of the start: %s", r)
	}
}

// TestNewRepositories: one that the jail makes is reported where the searches
// go, and ends a strict jail. In a folder of tools it is as little
// reported as one of the start is protected there.
func TestNewRepositories(t *testing.T) {
	t.Parallel()
	const ended = "--strict ended the jail"
	for _, place := range []string{"new", "a/b/c/new", "build/target/new", "target/new", ".github/new"} {
		w := world.New(t)
		for _, flags := range [][]string{nil, {"--strict"}} {
			script := "git init -q " + place
			if len(flags) > 0 {
				script += "; sleep 60" // it does not come to that
			}
			r := w.Bash(script, flags...)
			if want := filepath.Join(w.Project, place, ".git") + `": a new git repository`; r.Status != 125*len(flags) || !strings.Contains(r.Err, want) {
				t.Errorf("%s %q: %s", place, flags, r)
			}
			if strings.Contains(r.Err, ended) != (len(flags) > 0) || strings.Contains(r.Err, "while the jail ran, files appeared") != (len(flags) == 0) {
				t.Errorf("%s %q: the sentence is not true: %s", place, flags, r)
			}
			if err := os.RemoveAll(filepath.Join(w.Project, place)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := world.New(t)
	w.Write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
	var script strings.Builder
	for _, folder := range toolFolders {
		if folder != ".git" && folder != ".direnv" { // which is reported itself
			script.WriteString("git init -q " + folder + "/new; git init -q a/b/" + folder + "/m/new; ")
		}
	}
	script.WriteString("rm -rf a/b/target; mkdir -p a/b/target; touch a/b/target/CACHEDIR.TAG; git init -q a/b/target/new")
	if r := w.Bash(script.String(), "--strict"); r.Status != 0 || r.Err != "" {
		t.Errorf("in folders of tools: %s", r)
	}
	if r := w.Bash("echo x >.envrc; sleep 60", "--strict"); r.Status != 125 || !strings.Contains(r.Err, ended) {
		t.Errorf("a jail that was ended: %s", r)
	}
}
