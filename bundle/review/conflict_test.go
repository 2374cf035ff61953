package review

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
)

const tenLines = `for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; done >ten; `

// TestConflicts: what the host changed since the layer was new is never
// overwritten. It is merged where git can.
func TestConflicts(t *testing.T) {
	needGit(t)
	for name, c := range map[string]struct{ before, jail, host, lines, says string }{
		"the same line":       {jail: "sed -i 's/line 5/jail/' ten", host: "sed -i 's/line 5/host/' ten", lines: "changed  ten CONFLICT", says: "host"},
		"other lines":         {jail: "sed -i 's/line 2/jail/' ten", host: "sed -i 's/line 9/host/' ten", lines: "changed  ten MERGED", says: "jail host"},
		"touched":             {jail: "sed -i 's/line 2/jail/' ten", host: "touch ten; sed -i 's/line 1/line 1/' ten", lines: "changed  ten", says: "jail"},
		"not in git":          {before: "rm ten; echo line 5 >ten; git rm -q --cached ten; git commit -qm gone", jail: "echo jail >>ten", host: "echo host >ten", lines: "changed  ten CONFLICT", says: "host"},
		"deleted in the jail": {jail: "rm ten", host: "sed -i 's/line 5/host/' ten", lines: "deleted  ten CONFLICT", says: "host"},
		"deleted on the host": {before: "mkdir d; mv ten d/ten; ln -s d/ten ten; git add -A; git commit -qm m", jail: "echo jail >>d/ten", host: "rm d/ten; touch d/other", lines: "added    d/ten CONFLICT"},
		"a deleted folder":    {before: "mkdir d; cp ten d; git add -A; git commit -qm m", jail: "rm -r d", host: "echo host >>d/ten; ln -sf d/ten ten", lines: "deleted  d/ (1 files) CONFLICT", says: "host"},
		"a new folder":        {jail: "mkdir n; echo jail >n/a", host: "mkdir n; echo host >n/b; ln -sf n/b ten", lines: "added    n/a", says: "host"},
		"the same change":     {jail: "echo both >>ten", host: "echo both >>ten"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldIn(t, inMemory(t), plainProject+tenLines+"git add -A; git commit -qm ten; "+c.before)
			w.jail(c.jail)
			w.host(c.host)
			if got := strings.Join(w.lines(), "|"); got != c.lines {
				t.Errorf("%q, want %q", got, c.lines)
			}
			d := w.apply(Wanted{})
			if conflict := strings.Contains(c.lines, "CONFLICT"); conflict != (len(d.Failed) > 0) {
				t.Errorf("%+v", d)
			}
			text, err := os.ReadFile(filepath.Join(w.project, "ten"))
			for word := range strings.FieldsSeq(c.says) {
				if !strings.Contains(string(text), word) {
					t.Errorf("no %q in %q, %v", word, text, err)
				}
			}
			// It stays a conflict after an apply of the rest, and goes over if told.
			again := w.lines()
			if strings.Contains(c.lines, "CONFLICT") {
				if !slices.Equal(again, []string{c.lines}) {
					t.Errorf("left %q", again)
				}
				if d := w.apply(Wanted{Over: []string{"."}}); len(d.Failed) > 0 {
					t.Errorf("%+v", d)
				}
				again = w.lines()
			}
			if len(again) > 0 {
				t.Errorf("left %q", again)
			}
			if c.lines != "" {
				w.undo()
			}
		})
	}
}

// TestRaces: what the host does while it is applied is not overwritten either, and
// nothing goes where a symlink leads.
func TestRaces(t *testing.T) {
	outside := t.TempDir()
	// What lies there is just what the project has.
	if err := os.WriteFile(filepath.Join(outside, "keep"), []byte("keep\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	there := tree(t, outside)
	for name, c := range map[string]struct {
		step, do, want string
		fails          int
	}{
		"written":             {"staged", "echo host >a.txt", "host", 1},
		"replaced":            {"staged", "echo host >x; mv x a.txt", "host", 1},
		"made":                {"staged", "mkdir -p n; echo host >n/new; cp n/new a.txt", "host", 2},
		"a symlink":           {"staged", "ln -sf " + outside + "/victim a.txt", "", 1},
		"a folder's symlink":  {"journal", "mv src away; ln -s " + outside + " src; cp b.txt a.txt", "two", 2},
		"the staging's place": {"journal", "rm -rf a.txt; mkdir a.txt; echo keep >a.txt/keep", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plainProject)
			w.jail("echo jail >a.txt; echo jail >src/keep; mkdir n; echo jail >n/new")
			done := false
			d := w.apply(Wanted{Step: func(step string) {
				if step == c.step && !done {
					done = true
					w.host(c.do)
				}
			}})
			if len(d.Failed) != c.fails {
				t.Errorf("%+v", d)
			}
			if text, _ := os.ReadFile(filepath.Join(w.project, "a.txt")); strings.TrimSpace(string(text)) != c.want {
				t.Errorf("a.txt is %q", text)
			}
			sameTree(t, "outside", tree(t, outside), there)
			// The layer still has what did not go over.
			if got := w.lines(); len(got) < c.fails {
				t.Errorf("left %q", got)
			}
			if apply.Unfinished(w.layer) {
				t.Error("not finished")
			}
		})
	}
}

// TestGitMeanwhile: refs move by compare-and-swap.
func TestGitMeanwhile(t *testing.T) {
	needGit(t)
	w := newWorld(t, plainProject)
	w.jail("echo jail >>a.txt; git commit -qam jail; git branch side")
	commit := func() { w.host("echo host >>b.txt; git commit -qam host") }
	race := w.copied()
	commit()
	d := w.apply(Wanted{})
	if len(d.Failed) == 0 || w.host("git log --format=%s main") != "host\nfirst\n" || w.host("git log --format=%s side") != "jail\nfirst\n" {
		t.Errorf("%+v, %s", d, w.host("git log --all --oneline"))
	}
	if got := w.host("git status --porcelain"); got != " M a.txt\n" {
		t.Errorf("%q", got)
	}
	d = race.apply(Wanted{Step: func(step string) {
		if step == "objects" {
			race.host("echo host >>b.txt; git commit -qam host")
		}
	}})
	if len(d.Failed) == 0 || race.host("git log --format=%s main") != "host\nfirst\n" {
		t.Errorf("%+v, %s", d, race.host("git log --all --oneline"))
	}
	if got := race.host("git status --porcelain"); got != " M a.txt\n" {
		t.Errorf("%q", got)
	}
	if got := race.jail("git log --format=%s main"); got != "jail\nfirst\n" {
		t.Errorf("the layer lost it: %q", got)
	}
}

// TestForged: attributes by which overlayfs would find contents elsewhere, and that
// a layer of ours never has.
func TestForged(t *testing.T) {
	w := newWorld(t, plainProject)
	w.jail("echo jail >new; echo jail >a.txt; mkdir -p src/sub; : >src/empty; : >src/keep")
	set := func(name, attribute, value string) {
		t.Helper()
		if err := unix.Setxattr(filepath.Join(w.layer, "upper", name), "user.overlay."+attribute, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	set("new", "metacopy", "")
	set("a.txt", "metacopy", "")
	// Without the folder's own mark it is an empty file, as the kernel has it.
	set("src/keep", "whiteout", "")
	want := []string{"changed  a.txt NEVER", "added    new NEVER", "added    src/empty", "changed  src/keep", "added    src/sub/"}
	if got := w.lines(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if d := w.apply(Wanted{Executes: []string{"."}, Over: []string{"."}}); len(d.Failed) > 0 || d.Held != 2 {
		t.Errorf("%+v", d)
	}
	if got := w.host("cat a.txt; test ! -e new; cat src/keep"); got != "one\n" {
		t.Errorf("on the host: %q", got)
	}
	if names := attributes(t, filepath.Join(w.project, "src/keep")); len(names) > 0 {
		t.Errorf("src/keep has %q", names)
	}
	// Where whiteouts are such files, their folder is marked.
	w.jail("mkdir -p src; touch src/x")
	if err := os.WriteFile(filepath.Join(w.layer, "upper/src/moves"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	set("src", "opaque", "x")
	set("src/moves", "whiteout", "")
	if got := w.lines(); !slices.Contains(got, "deleted  src/moves") {
		t.Errorf("a whiteout that is a file: %q", got)
	}
	set("src", "redirect", "/elsewhere")
	if r, err := New(w.options()); err == nil || !strings.Contains(err.Error(), "redirect") {
		t.Errorf("a redirect: %v", err)
		r.Close()
	}
}

// TestWhatDoesNotCross: setuid bits, overlayfs's attributes, hard links to what
// stays in the layer.
func TestWhatDoesNotCross(t *testing.T) {
	w := newWorld(t, plainProject)
	w.jail("echo x >suid; chmod 6755 suid; echo y >one; ln one .envrc; echo more >>tool; mkdir -m 2775 shared; mkdir -m 1777 sticky; echo z >>shared/z")
	d := w.apply(Wanted{})
	if len(d.Failed) > 0 || d.Held != 1 {
		t.Errorf("%+v", d)
	}
	if got := w.host("stat -c '%a %n' suid shared sticky"); got != "755 suid\n775 shared\n777 sticky\n" {
		t.Errorf("%q", got)
	}
	if got := w.host("stat -c %h one"); got != "1\n" {
		t.Errorf("one has %q names", got)
	}
	w.jail("echo evil >>.envrc")
	if got := w.host("cat one"); got != "y\n" {
		t.Errorf("the layer wrote to the host: %q", got)
	}
	for _, name := range []string{"tool", "suid", "one"} {
		if names := attributes(t, filepath.Join(w.project, name)); len(names) > 0 {
			t.Errorf("%s has %q", name, names)
		}
	}
}
