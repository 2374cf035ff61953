package git

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// plain returns what plainGit reads in the project, having compared it with
// what git says.
func (f *fake) plain() (list []Setting, ok bool) {
	f.T.Helper()
	git, err := f.Look("git")
	if err != nil {
		f.T.Fatal(err)
	}
	list, ok = asker{f.Source}.plainGit(git, f.Project)
	if asked := (asker{f.Source}).askGit(context.Background(), git, f.Project); ok && !slices.Equal(list, asked) {
		f.T.Errorf("read %+v; git says %+v", list, asked)
	}
	return list, ok
}

func requirePlainGit(t *testing.T) {
	t.Helper()
	requireGit(t)
	git, _ := source.This().Look("git")
	git, _ = filepath.EvalSymlinks(git)
	if _, ok := systemGitConfig(git); !ok {
		t.Skipf("%s is always asked", git)
	}
}

// TestOldGit: of a git before 2.26, which does not say whose a setting is, the
// identity is known and nothing is taken over.
func TestOldGit(t *testing.T) {
	requireGit(t)
	f := newFake(t)
	git, err := f.Look("git")
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\ncase \" $* \" in *\" --show-scope \"*) exit 129 ;; esac\nexec " + git + " \"$@\"\n"
	if err := os.WriteFile(old, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, f.Home, map[string]string{".gitconfig": "[user]\n\tname = A\n[pull]\n\trebase\n[core]\n\thooksPath = x\n"})
	list := asker{f.Source}.askGit(context.Background(), old, f.Home)
	name, _ := Identity(list)
	if hooks, _ := Last(list, "core.hookspath"); name != "A" || hooks != "x" || len(Taken(list)) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestPlainGit(t *testing.T) {
	requirePlainGit(t)
	f := newFake(t)
	system, _ := f.plain() // what this machine says, as git-lfs of Debian does
	want := func(what string, values ...string) {
		t.Helper()
		list, ok := f.plain()
		list = list[min(len(system), len(list)):]
		if !ok {
			t.Errorf("%s: git has to be asked", what)
		}
		var got []string
		for _, s := range list {
			got = append(got, s.Key+"="+s.Value)
		}
		if !slices.Equal(got, values) {
			t.Errorf("%s: %q, want %q", what, got, values)
		}
	}
	want("nothing")
	write(t, f.Home, map[string]string{".config/git/config": "[User]\n\tName = A B  \n; [x]\n[alias]\n lg = \"!f() { git log; }; f\" # x\n"})
	want("XDG", "user.name=A B", "alias.lg=!f() { git log; }; f")
	write(t, f.Home, map[string]string{".gitconfig": "[user]\n\temail=a@b\n[url \"git@x:\"]\n\tinsteadOf = https://x/\n[core]\n\thooksPath = ~/hooks\n"})
	want("both", "user.name=A B", "alias.lg=!f() { git log; }; f", "user.email=a@b", "core.hookspath=~/hooks")
	write(t, f.Home, map[string]string{".gitconfig": "[user]\n\temail=a@b\n\tname = \"A ; \\\"B\\\" \"  # x\n[pull]\n\trebase = a  b ; c\n[pretty]\n\tx = \"\\t# \"y\n"})
	want("quotes, escapes, comments", "user.name=A B", "alias.lg=!f() { git log; }; f", "user.email=a@b", "user.name=A ; \"B\" ", "pull.rebase=a  b", "pretty.x=\t# y")
	f.Repo(f.Project)
	f.Git(f.Project, "config", "user.name", "C")
	list, ok := f.plain()
	if n := len(list); !ok || list[n-1].Key != "user.name" && list[n-1].Value != "C" {
		t.Errorf("repository: %+v %v", list, ok)
	}
	f.Env["XDG_CONFIG_HOME"] = filepath.Join(f.Home, "xdg")
	if list, ok = f.plain(); !ok || list[len(system)].Key != "user.email" {
		t.Errorf("another XDG_CONFIG_HOME: %+v %v", list, ok)
	}
}

func TestSystemGitConfig(t *testing.T) {
	for git, want := range map[string]struct {
		file string
		ok   bool
	}{
		"/usr/bin/git":         {"/etc/gitconfig", true},
		"/nix/store/x/bin/git": {"", !source.Exists("/etc/gitconfig")},
		"/usr/local/bin/git":   {"", false},
		"/home/x/bin/git":      {"", false},
		"/nix/storex/bin/git":  {"", false},
	} {
		if file, ok := systemGitConfig(git); file != want.file || ok != want.ok {
			t.Errorf("%s: %q %v, want %q %v", git, file, ok, want.file, want.ok)
		}
	}
}

// What is not plain is left to git.
func TestNotPlainGit(t *testing.T) {
	requirePlainGit(t)
	repo := func(f *fake) { f.Repo(f.Project) }
	global := func(text string) func(*fake) {
		return func(f *fake) { write(f.T, f.Home, map[string]string{".gitconfig": text}) }
	}
	for name, prepare := range map[string]func(*fake){
		"include":            global("[include]\n\tpath = other\n"),
		"includeIf":          global("[includeIf \"gitdir:~/src/\"]\n\tpath = other\n"),
		"no end of quotes":   global("[user]\n\tname = \"A ; B\n"),
		"no escape":          global("[user]\n\tname = A\\xB\n"),
		"more lines":         global("[user]\n\tname = A\\\nB\n"),
		"others' more lines": global("[alias]\n\tx = A\\\nname = B\n"),
		"tab":                global("[user]\n\tname = A\tB\n"),
		"CRLF":               global("[user]\r\n\tname = A\r\n"),
		"no value":           global("[core]\n\tfsmonitor\n"),
		"on one line":        global("[user] name = A\n"),
		"escaped subsection": global("[a \"\\\"]\n[user]\"]\nname = A\n"),
		"dotted section":     global("[user.name]\nx = A\n"),
		"BOM":                global("\ufeff[user]\nname = A\n"),
		"no section":         global("name = A\n"),
		"bad name":           global("[user]\nname_x = A\n"),
		"not a file":         func(f *fake) { write(f.T, f.Home, map[string]string{".gitconfig/": ""}) },
		"a loop":             func(f *fake) { write(f.T, f.Home, map[string]string{".gitconfig": "->.gitconfig"}) },
		"no home":            func(f *fake) { delete(f.Env, "HOME") },
		"relative folder":    func(f *fake) { f.Env["XDG_CONFIG_HOME"] = "config" },
		"worktree config": func(f *fake) {
			repo(f)
			f.Git(f.Project, "config", "extensions.worktreeConfig", "true")
		},
		"newer repository": func(f *fake) {
			repo(f)
			f.Git(f.Project, "config", "core.repositoryFormatVersion", "1")
		},
		"in a repository": func(f *fake) { f.Repo(filepath.Dir(f.Project)) },
		"in a bare one":   func(f *fake) { f.Git(filepath.Dir(f.Project), "init", "-q", "--bare") },
		"bare":            func(f *fake) { f.Git(f.Project, "init", "-q", "--bare") },
		"not a repository": func(f *fake) {
			repo(f)
			if err := os.Remove(filepath.Join(f.Project, ".git/HEAD")); err != nil {
				f.T.Fatal(err)
			}
		},
		"gitdir file": func(f *fake) {
			f.Git(f.Project, "init", "-q", "--separate-git-dir", filepath.Join(f.Home, "elsewhere"))
		},
		"linked": func(f *fake) {
			repo(f)
			if err := os.Rename(filepath.Join(f.Project, ".git"), filepath.Join(f.Home, "elsewhere")); err != nil {
				f.T.Fatal(err)
			}
			write(f.T, f.Project, map[string]string{".git": "->" + f.Home + "/elsewhere"})
		},
		"common directory": func(f *fake) {
			repo(f)
			write(f.T, f.Project, map[string]string{".git/commondir": "."})
		},
		"somebody else's": func(f *fake) { repo(f); f.UID++ },
		"another git": func(f *fake) {
			write(f.T, f.Home, map[string]string{"git": "#!/bin/sh\n"})
			f.Look = func(string) (string, error) { return filepath.Join(f.Home, "git"), nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.T = t
			prepare(f)
			if list, ok := f.plain(); ok {
				t.Errorf("read %+v without git", list)
			}
		})
	}
}

// TestPlainGitSays is whether git would say the same of files that somebody
// writes who knows the format. What git refuses to read is no one's.
func TestPlainGitSays(t *testing.T) {
	requirePlainGit(t)
	const seed, rounds = 20, 300
	r := rand.New(rand.NewPCG(seed, seed))
	// One in a hundred is not as it should be.
	odd := func(usual, others []string) string {
		if r.IntN(100) > 0 {
			others = usual
		}
		return others[r.IntN(len(others))]
	}
	type list = []string
	f := newFake(t)
	f.Repo(f.Project)
	file := filepath.Join(f.Home, ".gitconfig")
	read, refused := 0, 0
	for range rounds {
		var text strings.Builder
		for i := range 1 + r.IntN(8) {
			switch {
			case i == 0 || r.IntN(4) == 0:
				text.WriteString(odd(list{"[", " ["}, list{"", "x["}) +
					odd(list{"user", "USER", "core", "Core", "alias", "a-b", "pull", "color"}, list{"user.x", "", "é", "core "}) +
					odd(list{"", "", "", ` "x"`, ` "a b]"`, ` ""`}, list{` "a\\b"`, `"x"`, ` "x`, ` "\""`}) +
					odd(list{"]", "] "}, list{"] # x", " ]", "]x=", ""}))
			case r.IntN(5) == 0:
				text.WriteString(odd(list{"", "# [user]", ";x", " \t"}, list{"[core]\n\trepositoryformatversion = 1", "\r", "x", "[user] name = Z"}))
			default:
				text.WriteString(odd(list{"", "\t", "  "}, list{"\v"}) +
					odd(list{"name", "Name", "email", "hooksPath", "fsmonitor", "x", "x-1"}, list{"1x", "a_b", "namé", ""}) +
					odd(list{"=", " = ", "\t=  "}, list{"", " ", ":"}) +
					odd(list{"A B", "true", "", "A  B ", "a=b", "é", "[x]", `"A"`, `A "b  c" # d`, `\"a ; b`}, list{`"A"`, `"A`, `A\\`, `A\`, "A;b", "A # b", "A\tB", `\x`, `"A  # " b  "c;"`, `"" a`, `\"a\" ;b`, `a\nb`}))
			}
			text.WriteString(odd(list{"\n", "\n\n"}, list{"\r\n", ""}))
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		if exec.Command("git", "config", "--file", file, "--list").Run() != nil {
			refused++
		} else if list, ok := f.plain(); ok && len(list) > 0 {
			read++
		}
		if t.Failed() {
			t.Fatalf("%s:\n%s", file, text.String())
		}
	}
	if read < rounds/10 || refused == 0 {
		t.Errorf("of %d files %d were read without git, and %d refused by git", rounds, read, refused)
	}
}
