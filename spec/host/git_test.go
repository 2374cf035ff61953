package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/host/hosttest"
)

func TestGitRepository(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	f.Repo(f.Project)
	f.Git(f.Project, "config", "extensions.worktreeConfig", "true")
	f.Git(f.Project, "config", "--worktree", "core.sparseCheckout", "false")
	p := f.mustRead(Options{}).Project
	equal(t, "protect", names(p.Protect, f.Project), []string{".git/config", ".git/config.worktree", ".git/hooks"})
	equal(t, "pin", rels(p.Pin, f.Project), []string{".git"})
	has(t, "watch", names(p.Watch, f.Project), ".git/commondir", "HEAD", ".envrc", ".mcp.json", ".claude/settings.json")
	hasNot(t, "watch", names(p.Watch, f.Project), ".git")
	if len(p.Git)+len(p.Nested)+len(p.Links) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestNoRepository(t *testing.T) {
	f := newFake(t)
	has(t, "watch", names(f.mustRead(Options{}).Project.Watch, f.Project), ".git", "HEAD")
	// A folder of a repository: the user should know why git does not work.
	files(t, filepath.Dir(f.Project), ".git/HEAD")
	warned(t, f.mustRead(Options{}), "name that as the project")
}

func TestBareRepository(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	f.Git(f.Project, "init", "-q", "--bare")
	p := f.mustRead(Options{}).Project
	equal(t, "protect", names(p.Protect, f.Project), []string{"config", "hooks"})
	hasNot(t, "watch", names(p.Watch, f.Project), "HEAD")
}

func TestGitWorktree(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	main := filepath.Join(f.Home, "main")
	f.Repo(main)
	f.Git(main, "worktree", "add", "-q", "../src/tree")
	f.Git(main, "worktree", "add", "-q", "../src/other")
	tree := filepath.Join(f.Home, "src/tree")
	facts := f.mustRead(Options{ProjectDir: tree})
	equal(t, "git", facts.Project.Git, []string{filepath.Join(main, ".git")})
	equal(t, "protect", names(facts.Project.Protect, f.Home), []string{
		"main/.git/config", "main/.git/hooks", "main/.git/worktrees/other/commondir", "main/.git/worktrees/tree/commondir", "src/tree/.git",
	})
	equal(t, "pin", rels(facts.Project.Pin, f.Home), []string{"main/.git/worktrees", "main/.git/worktrees/other", "main/.git/worktrees/tree"})
	has(t, "watch", names(facts.Project.Watch, f.Home), "main/.git/worktrees/tree/config.worktree")
	if len(facts.Warnings) != 0 {
		t.Errorf("warnings %q", facts.Warnings)
	}

	// The same with relative paths, as git 2.48 writes them on request.
	write(t, tree, map[string]string{".git": "gitdir: ../../main/.git/worktrees/tree\n"})
	write(t, main, map[string]string{".git/worktrees/tree/gitdir": "../../../../src/tree/.git\n"})
	equal(t, "git", f.mustRead(Options{ProjectDir: tree}).Project.Git, []string{filepath.Join(main, ".git")})

	// A copy of the worktree elsewhere is not the one that main knows.
	write(t, f.Project, map[string]string{".git": "gitdir: " + main + "/.git/worktrees/tree\n"})
	facts = f.mustRead(Options{})
	equal(t, "git", facts.Project.Git, nil)
	warned(t, facts, "that is the worktree of")
}

func TestGitSubmodule(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	lib := filepath.Join(f.Home, "lib")
	f.Repo(lib)
	f.Repo(f.Project)
	f.Git(f.Project, "submodule", "--quiet", "add", lib, "vendor/deep/er/than/that/lib")
	f.Git(f.Project, "commit", "-q", "-m", "sub")
	sub := "vendor/deep/er/than/that/lib"

	p := f.mustRead(Options{}).Project
	has(t, "protect", names(p.Protect, f.Project), ".gitmodules", sub+"/.git", ".git/modules/"+sub+"/config", ".git/modules/"+sub+"/hooks")
	has(t, "pin", rels(p.Pin, f.Project), "vendor", "vendor/deep", ".git/modules/vendor", ".git/modules/"+sub, sub)

	facts := f.mustRead(Options{ProjectDir: filepath.Join(f.Project, sub)})
	g := filepath.Join(f.Project, ".git/modules", sub)
	equal(t, "git", facts.Project.Git, []string{g})
	has(t, "protect", names(facts.Project.Protect, f.Home), hosttest.Rel(g, f.Home)+"/config", hosttest.Rel(g, f.Home)+"/hooks")
	// The repository around a submodule is its parent, not its whole.
	if len(facts.Warnings) != 0 {
		t.Errorf("warnings %q", facts.Warnings)
	}
}

func TestSeparateGitDir(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	g := filepath.Join(f.Home, "repo.git")
	f.Git(f.Project, "init", "-q", "--separate-git-dir", g)
	facts := f.mustRead(Options{})
	equal(t, "git", facts.Project.Git, nil)
	warned(t, facts, "core.worktree")
	f.Git(f.Project, "config", "core.worktree", f.Project)
	equal(t, "git", f.mustRead(Options{}).Project.Git, []string{g})

	// Inside the project it needs no grant.
	if err := os.Rename(g, filepath.Join(f.Project, ".bare")); err != nil {
		t.Fatal(err)
	}
	write(t, f.Project, map[string]string{".git": "gitdir: ./.bare\n"})
	p := f.mustRead(Options{}).Project
	equal(t, "git", p.Git, nil)
	equal(t, "protect", names(p.Protect, f.Project), []string{".bare/config", ".bare/hooks", ".git"})
}

func TestHostileGitFile(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	other := filepath.Join(f.Home, "other")
	f.Repo(other)
	files(t, f.Home, ".ssh/id", "plain/x")
	for name, gitFile := range map[string]string{
		"root":             "gitdir: /\n",
		"etc":              "gitdir: /etc\n",
		"home":             "gitdir: " + f.Home + "\n",
		"home relative":    "gitdir: ../..\n",
		"parent":           "gitdir: ..\n",
		"ssh":              "gitdir: " + f.Home + "/.ssh\n",
		"plain":            "gitdir: ../../plain\n",
		"another repo":     "gitdir: ../../other/.git\n",
		"missing":          "gitdir: ../../none\n",
		"no gitdir":        "hello\n",
		"empty":            "",
		"no path":          "gitdir: \n",
		"NUL":              "gitdir: /\x00/etc\n",
		"store":            "gitdir: /nix/store\n",
		"proc":             "gitdir: /proc/self/root\n",
		"symlink to it":    "->../../other/.git",
		"symlink to etc":   "->/etc",
		"dangling symlink": "->../../none",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(f.Project, ".git")
			os.RemoveAll(path)
			write(t, f.Project, map[string]string{".git": gitFile})
			facts := f.mustRead(Options{})
			equal(t, "git", facts.Project.Git, nil)
			if len(facts.Warnings) == 0 {
				t.Error("no warning")
			}
			for _, w := range facts.Warnings {
				if strings.ContainsAny(w, "\n\x00") {
					t.Errorf("warning of more than a line: %q", w)
				}
			}
		})
	}
}

// A git directory made by the agent that claims to be a worktree of another
// repository, or to be one of its submodules.
func TestForgedGitDir(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	other := filepath.Join(f.Home, "other")
	f.Repo(other)
	forged := map[string]string{"HEAD": "ref: refs/heads/main\n", "commondir": other + "/.git\n", "gitdir": f.Project + "/.git\n"}

	write(t, filepath.Join(f.Project, "forged"), forged)
	write(t, f.Project, map[string]string{".git": "gitdir: forged\n"})
	facts := f.mustRead(Options{})
	equal(t, "inside: git", facts.Project.Git, nil)
	warned(t, facts, "outside the project")

	write(t, filepath.Join(f.Home, "elsewhere/worktrees/x"), forged)
	write(t, f.Project, map[string]string{".git": "gitdir: ../../elsewhere/worktrees/x\n"})
	facts = f.mustRead(Options{})
	equal(t, "outside: git", facts.Project.Git, nil)
	warned(t, facts, "is no worktree of")

	// A .git folder may be redirected as well.
	os.Remove(filepath.Join(f.Project, ".git"))
	write(t, f.Project, map[string]string{".git/commondir": other + "/.git\n", ".git/HEAD": "ref: refs/heads/main\n"})
	facts = f.mustRead(Options{})
	equal(t, "folder: git", facts.Project.Git, nil)
	has(t, "folder: protect", names(facts.Project.Protect, f.Project), ".git/commondir")
	warned(t, facts, "outside the project")
}

// The folder that a worktree belongs to must not be more than a repository.
func TestWideGitDir(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	bare := filepath.Join(f.Home, "bare")
	f.Repo(filepath.Join(f.Home, "seed"))
	f.Git(f.Home, "clone", "-q", "--bare", "seed", "bare")
	f.Git(bare, "worktree", "add", "-q", "inner", "main")
	facts := f.mustRead(Options{ProjectDir: filepath.Join(bare, "inner")})
	equal(t, "git", facts.Project.Git, nil)
	warned(t, facts, "contains the project")
}

func TestNestedRepositories(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	f.Repo(f.Project)
	for _, dir := range []string{"a/b/inner", "node_modules/dep", "1/2/3/4/5"} {
		f.Repo(filepath.Join(f.Project, dir))
	}
	f.Git(f.Project, "worktree", "add", "-q", ".claude/worktrees/w")
	files(t, f.Project, "a/b/inner/.vscode/tasks.json", "a/.vscode/tasks.json", "a/b/inner/.claude/settings.json")
	p := f.mustRead(Options{}).Project
	got := names(p.Protect, f.Project)
	has(t, "protect", got, "a/.vscode", "a/b/inner/.git/config", "a/b/inner/.git/hooks", "a/b/inner/.vscode", "a/b/inner/.claude/settings.json", ".claude/worktrees/w/.git", ".git/worktrees/w/commondir")
	hasNot(t, "protect", got, "node_modules/dep/.git/config")
	equal(t, "nested", rels(p.Nested, f.Project), []string{".claude/worktrees/w", "a/b/inner"})
	has(t, "pin", rels(p.Pin, f.Project), "a", "a/b", "a/b/inner", "a/b/inner/.git", "a/b/inner/.claude", ".claude", ".claude/worktrees")
}

func TestGitConfigNamesPrograms(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	f.Repo(f.Project)
	files(t, f.Project, "tools/hooks/x", "watch.sh", "clean filter.sh", "merge.js", "run.sh", "not-named", "conf/more", "conf/even", "global/x")
	for _, c := range [][2]string{
		{"core.hooksPath", "tools/hooks"},
		{"core.fsmonitor", "./watch.sh"},
		{"filter.x.clean", `node merge.js %f`},
		{"filter.x.smudge", `sh "clean filter.sh" %f`},
		{"alias.go", "!sh run.sh not-there"},
		{"include.path", "../conf/more"},
		{"blame.ignoreRevsFile", "not-named"},
	} {
		f.Git(f.Project, "config", c[0], c[1])
	}
	write(t, f.Project, map[string]string{"conf/more": "[include]\npath = even\n[include]\npath = absent\n[core]\neditor = /etc/passwd\n"})
	write(t, f.Home, map[string]string{".gitconfig": "[core]\nhooksPath = global\n"})
	p := f.mustRead(Options{}).Project
	got := names(p.Protect, f.Project)
	has(t, "protect", got, "tools/hooks", "watch.sh", "merge.js", "clean filter.sh", "run.sh", "conf/more", "conf/even")
	hasNot(t, "protect", got, "not-named", "/etc/passwd")
	has(t, "watch", names(p.Watch, f.Project), "conf/absent")

	f.Git(f.Project, "config", "--unset", "core.hooksPath")
	has(t, "the caller's own", names(f.mustRead(Options{}).Project.Protect, f.Project), "global")
	f.Git(f.Project, "config", "core.hooksPath", ".husky/_")
	has(t, "missing", names(f.mustRead(Options{}).Project.Watch, f.Project), ".husky/_")
}

func TestSymlinkedGuards(t *testing.T) {
	f := newFake(t)
	write(t, f.Project, map[string]string{
		"conf/vscode/tasks.json": "", ".vscode": "->conf/vscode", ".envrc": "->/etc/hostname", ".idea": "->none",
		"dot/settings.json": "", ".claude": "->dot", ".zed": "->.", "githooks/pre-commit": "", ".git/HEAD": "", ".git/hooks": "->../githooks",
	})
	facts := f.mustRead(Options{})
	equal(t, "protect", names(facts.Project.Protect, f.Project), []string{"conf/vscode", "dot/settings.json", "githooks"})
	equal(t, "pin", rels(facts.Project.Pin, f.Project), []string{"conf", "dot"})
	var links []string
	for _, l := range facts.Project.Links {
		links = append(links, hosttest.Rel(l.Path, f.Project)+"->"+l.Target)
	}
	equal(t, "links", links, []string{".claude->dot", ".envrc->/etc/hostname", ".git/hooks->../githooks", ".idea->none", ".vscode->conf/vscode", ".zed->."})
	warned(t, facts, "itself can be replaced")
}

func TestEnvrc(t *testing.T) {
	f := newFake(t)
	write(t, f.Project, map[string]string{
		".envrc": "use flake\nsource_env \"extra/one\"\ndotenv\n. $PWD/two\nsource /etc/profile\nsource_env_if_exists .local-env\n",
		".env":   "", "extra/one": "", "two": "",
	})
	facts := f.mustRead(Options{})
	has(t, "protect", names(facts.Project.Protect, f.Project), ".envrc", ".env", "extra/one", "two")
	has(t, "watch", names(facts.Project.Watch, f.Project), ".local-env")
	warned(t, facts, "use flake")
}

func TestClaudeNamesPrograms(t *testing.T) {
	f := newFake(t)
	files(t, f.Project, "hooks/a.sh", "mcp/server.js", "not-named.sh", "status.sh")
	write(t, f.Project, map[string]string{
		".claude/settings.json": `{"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":"\"$CLAUDE_PROJECT_DIR\"/hooks/a.sh --x"}]}]},
			"statusLine":{"type":"command","command":"sh status.sh"},"note":"not-named.sh"}`,
		".mcp.json": `{"mcpServers":{"x":{"command":"node","args":["mcp/server.js"]}}}`,
	})
	got := names(f.mustRead(Options{}).Project.Protect, f.Project)
	has(t, "protect", got, "hooks/a.sh", "status.sh", "mcp/server.js", ".mcp.json", ".claude/settings.json")
	hasNot(t, "protect", got, "not-named.sh")
	write(t, f.Project, map[string]string{".mcp.json": "{ not JSON"})
	f.mustRead(Options{})
}

func TestFIFOsDoNotBlock(t *testing.T) {
	f := newFake(t)
	files(t, f.Project, ".git/HEAD")
	for _, name := range []string{".git/config", ".gitmodules", ".envrc", ".mcp.json", "sub/.git"} {
		path := filepath.Join(f.Project, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mkfifo(t, path)
	}
	got := names(f.mustRead(Options{Hide: []string{"x"}}).Project.Protect, f.Project)
	has(t, "protect", got, ".git/config", ".gitmodules", ".envrc", ".mcp.json")
}

func TestGitIdentity(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	if facts := f.mustRead(Options{}); facts.GitName != "" || facts.GitEmail != "" {
		t.Errorf("unset: %q %q", facts.GitName, facts.GitEmail)
	}
	write(t, f.Home, map[string]string{".gitconfig": "[user]\nname = Global\nemail = g@example.org\n[user]\nemail = last@example.org\n"})
	f.Git(f.Project, "init", "-q")
	f.Git(f.Project, "config", "user.name", "Local\n[core]\tpager = x\x1b[0m")
	facts := f.mustRead(Options{})
	if facts.GitName != "Local[core]pager = x[0m" || facts.GitEmail != "last@example.org" {
		t.Errorf("%q %q", facts.GitName, facts.GitEmail)
	}
	f.Look = func(string) (string, error) { return "", os.ErrNotExist }
	if facts := f.mustRead(Options{}); facts.GitName != "" {
		t.Errorf("without git: %q", facts.GitName)
	}
}

// TestGitTexts: a jail has a copy of the user's ignore file, and of no other file
// that a jail put a link to in its place.
func TestGitTexts(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	secret, dots := filepath.Join(f.Home, ".ssh/id_rsa"), filepath.Join(f.Home, "dots")
	write(t, f.Home, map[string]string{".ssh/id_rsa": "secret", "dots/ignore": "*.swp\n", "dots/git/ignore": "*.bak\n"})
	want := func(what, text string) {
		t.Helper()
		if got := f.mustRead(Options{}).GitIgnore; got != text {
			t.Errorf("%s: %q", what, got)
		}
	}
	link := func(to, at string) {
		t.Helper()
		_ = os.RemoveAll(at)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(to, at)); err != nil {
			t.Fatal(err)
		}
	}
	want("none", "")
	usual := filepath.Join(f.Home, ".config/git/ignore")
	link("../../dots/ignore", usual)
	want("the user's own link", "*.swp\n")
	link(secret, dots+"/ignore")
	want("a link behind it", "")
	link("../dots/git", filepath.Dir(usual))
	want("a folder of dotfiles", "*.bak\n")
	link(secret, dots+"/git/ignore")
	want("a link in it", "")
	write(t, f.Home, map[string]string{".gitconfig": "[core]\n\texcludesFile = ~/dots/mine\n", "dots/mine": "*.o\n"})
	want("named", "*.o\n")
	link(secret, dots+"/mine")
	want("named, and a link", "")
	_ = os.Remove(dots + "/mine")
	mkfifo(t, dots+"/mine")
	want("named, and a FIFO", "")
}

// TestChangesOfGit: what makes git show something else than there is, and the
// scripts that hooks run, are said when they change.
func TestChangesOfGit(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	f.Repo(f.Project)
	f.Repo(f.Project + "/nested")
	write(t, f.Project, map[string]string{
		".git/hooks/pre-commit": "#!/bin/sh\n# docs/no.sh\nset -e\nscripts/lint.sh --fix src/a.js\n[ -x bin/x ] && exec \"$PWD/bin/x\"\n",
		".git/hooks/x.sample":   "scripts/sample.sh\n",
		".husky/pre-push":       "node tools/check.js\nnpm test\n",
		"lefthook.yml":          "pre-commit:\n  commands:\n    a:\n      run: python3 tools/a.py {staged_files}\n",
		"scripts/lint.sh":       "", "scripts/sample.sh": "", "src/a.js": "", "bin/x": "", "tools/check.js": "", "tools/a.py": "", "docs/no.sh": "",
	})
	for _, n := range []string{"scripts/lint.sh", "scripts/sample.sh", "bin/x", "docs/no.sh"} {
		if err := os.Chmod(f.Project+"/"+n, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := names(f.mustRead(Options{}).Project.Changes, f.Project)
	has(t, "changes", got, ".git/index", ".git/info/exclude", ".git/info/grafts", ".git/refs/replace", "nested/.git/index",
		"scripts/lint.sh", "tools/check.js", "tools/a.py")
	hasNot(t, "changes", got, "src/a.js", "scripts/sample.sh", "docs/no.sh", ".git/hooks/pre-commit")
}
