package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	w := newWorld(t)
	w.write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
	w.write("a/target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
	places := []string{
		"plain", "a/b/plain", "1/2/3/4", "1/2/3/4/5", "1/2/3/4/5/6/7", "build/target/r", "secrets/r", "a/secrets", "vendor/r", "read/r",
	}
	for _, folder := range toolFolders {
		places = append(places, folder+"/r", folder+"/modules/m", "a/"+folder+"/r", "a/b/c/"+folder+"/r")
	}
	for _, p := range places {
		w.mkdir(filepath.Join(w.project, p), 0o755)
		w.git(filepath.Join(w.project, p), "init", "--quiet")
	}
	w.write(w.dir+"/policy.toml", "version = 1\n[files]\nhide = [\"secrets/\"]\nprotect = [\"vendor/\"]\n")
	for _, flags := range [][]string{nil, {"--strict"}, {"--strict", "--policy", w.dir + "/policy.toml"}} {
		if r := w.bash("true", flags...); r.status != 0 || r.err != "" || r.out != "" {
			t.Errorf("%q: %s", flags, r)
		}
	}
	// The agent's own work in them is as silent: git, and what tools do.
	if r := w.bash("cd plain && echo x >x && git add x && git commit -qm x && cd ../.terraform/modules/m && echo x >x && git add x && git commit -qm x", "--strict"); r.status != 0 || r.err != "" {
		t.Errorf("commits in repositories of the start: %s", r)
	}
}

// TestNewRepositories: one that the jail makes is reported where the searches
// go, and a strict jail's status says so. In a folder of tools it is as little
// reported as one of the start is protected there.
func TestNewRepositories(t *testing.T) {
	t.Parallel()
	const ended = "--strict ended the jail"
	for _, place := range []string{"new", "a/b/c/new", "build/target/new", "target/new", ".github/new"} {
		w := newWorld(t)
		for _, flags := range [][]string{nil, {"--strict"}} {
			r := w.bash("git init -q "+place, flags...)
			if want := filepath.Join(w.project, place, ".git") + `": a new git repository`; r.status != 125*len(flags) || !strings.Contains(r.err, want) {
				t.Errorf("%s %q: %s", place, flags, r)
			}
			// It ended by itself.
			if strings.Contains(r.err, ended) || !strings.Contains(r.err, "while the jail ran, files appeared") {
				t.Errorf("%s %q: the sentence is not true: %s", place, flags, r)
			}
			if err := os.RemoveAll(filepath.Join(w.project, place)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := newWorld(t)
	w.write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
	var script strings.Builder
	for _, folder := range toolFolders {
		if folder != ".git" {
			if folder != ".direnv" { // that is reported itself
				script.WriteString("git init -q " + folder + "/new; ")
			}
			script.WriteString("git init -q a/b/" + folder + "/m/new; ")
		}
	}
	script.WriteString("rm -rf a/b/target; mkdir -p a/b/target; touch a/b/target/CACHEDIR.TAG; git init -q a/b/target/new")
	if r := w.bash(script.String(), "--strict"); r.status != 0 || r.err != "" {
		t.Errorf("in folders of tools: %s", r)
	}
	if r := w.bash("echo x >.envrc; sleep 60", "--strict"); r.status != 125 || !strings.Contains(r.err, ended) {
		t.Errorf("a jail that was ended: %s", r)
	}
}
