package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// TestComesAndGoes: what appeared and is gone again before the end is named, by
// every way to appear; so is nothing else.
func TestComesAndGoes(t *testing.T) {
	gone := func(name string) error { return os.RemoveAll(name) }
	for name, c := range map[string]struct {
		do   func() error
		want string
	}{
		"a file":           {func() error { return errors.Join(write(".envrc"), gone(".envrc")) }, ".envrc"},
		"moved in and out": {func() error { return errors.Join(write("a"), os.Rename("a", ".envrc"), os.Rename(".envrc", "b")) }, ".envrc"},
		"in a new folder": {func() error {
			return errors.Join(os.Mkdir(".claude", 0o755), pause(), write(".claude/settings.json"), pause(), gone(".claude"))
		}, ".claude/settings.json"},
		"often": {func() error { return errors.Join(write(".envrc"), gone(".envrc"), write(".envrc"), gone(".envrc")) }, ".envrc"},
		"after another one": {func() error {
			return errors.Join(write("pre/deep/x"), pause(), write(".envrc"), pause(), gone(".envrc"), gone("pre/deep/x"))
		}, ".envrc"},
		"another name":      {func() error { return errors.Join(write("envrc"), gone("envrc")) }, ""},
		"in another folder": {func() error { return errors.Join(write("pre/.envrc"), gone("pre/.envrc")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := watched(t, nil, watchNames...)
			t.Chdir(dir)
			if found := w.Start(false); len(found) > 0 {
				t.Error("told at once, which only --strict does")
			}
			must(t, c.do())
			w.Stop()
			var out strings.Builder
			w.Report(&out, false)
			if c.want == "" && out.Len() > 0 || c.want != "" && !strings.Contains(out.String(), filepath.Join(dir, c.want)+`": because`+goneAgain) {
				t.Errorf("reported:\n%s", &out)
			}
		})
	}
}

// pause is for what has to be heard before it goes on.
func pause() error { //nolint:unparam // it stands in a list of errors
	time.Sleep(100 * time.Millisecond)
	return nil
}

// TestStrictHearsOfRepositories: in every folder that the search goes to, also
// those that appear; and a worktree of the repository itself is none.
func TestStrictHearsOfRepositories(t *testing.T) {
	worktree := func(dir, commondir, config string) func(string) error {
		return func(p string) error {
			g := p + "/.git/worktrees/wt"
			err := errors.Join(os.MkdirAll(g, 0o755), os.MkdirAll(p+"/"+dir, 0o755), os.WriteFile(p+"/"+dir+"/.git", nil, 0o644), pause(),
				os.WriteFile(p+"/"+dir+"/.git", []byte("gitdir: "+g+"\n"), 0o644), pause())
			if config != "" {
				err = errors.Join(err, os.WriteFile(g+"/config.worktree", []byte(config), 0o644))
			}
			return errors.Join(err, os.WriteFile(g+"/HEAD", []byte("ref: refs/heads/wt\n"), 0o644), os.WriteFile(g+"/commondir", []byte(commondir+"\n"), 0o644))
		}
	}
	for name, c := range map[string]struct {
		do    func(project string) error
		want  string
		never string // not in the report either
	}{
		"nothing":         {do: func(string) error { return nil }},
		"harmless":        {do: put("pkg/x", "new/deep/y")},
		"a repository":    {do: put("pkg/.git/HEAD"), want: "pkg/.git"},
		"and gone again":  {do: func(p string) error { return errors.Join(put("pkg/.git/HEAD")(p), os.RemoveAll(p+"/pkg/.git")) }, want: "pkg/.git"},
		"in a new folder": {do: put("new/deep/.git/HEAD"), want: "new/deep/.git"},
		"in a folder moved there": {do: func(p string) error {
			return errors.Join(put(".cache/r/.git/HEAD")(p), os.Rename(p+"/.cache/r", p+"/r"))
		}, want: "r/.git"},
		"a bare one":           {do: put("pkg/bare/objects/x", "pkg/bare/refs/x", "pkg/bare/HEAD"), want: "pkg/bare/HEAD"},
		"a name of any folder": {do: put("pkg/.claude/settings.json"), want: "pkg/.claude/settings.json"},
		"in a folder of tools": {do: put("node_modules/m/.git/HEAD"), never: "node_modules"},
		"in a build that begins": {do: func(p string) error {
			return errors.Join(os.Mkdir(p+"/target", 0o755), pause(), put("target/CACHEDIR.TAG")(p), pause(), put("target/r/.git/HEAD")(p))
		}, never: "target"},
		"the known one":         {do: func(p string) error { return errors.Join(os.RemoveAll(p+"/old/.git"), put("old/.git/HEAD")(p)) }, never: "old/.git"},
		"a worktree of its own": {do: worktree("wt", "../..", ""), never: "wt/.git"},
		"one with a config":     {do: worktree("wt", "../..", "[core]"), want: "wt/.git"},
		"one that gets a config": {do: func(p string) error {
			return errors.Join(worktree("wt", "../..", "")(p), pause(), put(".git/worktrees/wt/config.worktree")(p), os.Remove(p+"/.git/worktrees/wt/config.worktree"))
		}, want: ".git/worktrees/wt/config.worktree"},
		"one of another": {do: worktree("wt", "../../../other", ""), want: "wt/.git"},
		"a pointer elsewhere": {do: func(p string) error {
			return errors.Join(os.MkdirAll(p+"/wt", 0o755), os.WriteFile(p+"/wt/.git", []byte("gitdir: ../other/.git/worktrees/wt\n"), 0o644))
		}, want: "wt/.git"},
		"one that stays empty": {do: func(p string) error { return put("wt/.git")(p) }, want: "wt/.git"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := t.TempDir()
			must(t, put(".git/HEAD", "old/.git/HEAD", "pkg/x")(project))
			s := &specs.Spec{
				Annotations: map[string]string{
					contract.RepositoriesAnnotation: `{"` + project + `":["` + project + `/old"]}`, contract.NamesAnnotation: `{".claude/settings.json":"settings"}`,
				},
				Mounts: []specs.Mount{bindMount(project, project, "rw")},
			}
			w := of(t, s)
			found := w.Start(true)
			must(t, c.do(project))
			within := 5 * pendingFor
			if c.want == "" {
				within = pendingFor / 2
			}
			select {
			case <-found:
				if c.want == "" {
					t.Errorf("told for nothing: %v", w.heard)
				}
			case <-time.After(within):
				if c.want != "" {
					t.Error("not told")
				}
			}
			w.Stop()
			var out strings.Builder
			w.Report(&out, true)
			if c.want != "" && !strings.Contains(out.String(), project+"/"+c.want+`"`) || c.never != "" && strings.Contains(out.String(), project+"/"+c.never) {
				t.Errorf("reported:\n%s", &out)
			}
		})
	}
}

// TestStrictHearsOfTheRest: what is in a folder before it is listened to is heard of,
// also where it is the rest of a name that begins with the folder, or above it.
func TestStrictHearsOfTheRest(t *testing.T) {
	for entered, c := range map[string]struct{ has, want string }{
		"pkg/.claude":    {"settings.json", "pkg/.claude/settings.json"},
		"pkg/.a/b":       {"c", "pkg/.a/b/c"},
		"pkg/.claude/no": {"settings.json", ""},
		"pkg/x":          {"y", ""},
	} {
		project := t.TempDir()
		must(t, put(".git/HEAD")(project))
		s := &specs.Spec{
			Annotations: map[string]string{contract.RepositoriesAnnotation: `{"` + project + `":[]}`, contract.NamesAnnotation: `{".claude/settings.json":"settings",".a/b/c":"deep"}`},
			Mounts:      []specs.Mount{bindMount(project, project, "rw")},
		}
		w := of(t, s)
		must(t, put(entered+"/"+c.has)(project))
		n := newNested(&notifier{w: w, strict: true})
		n.queue = []listened{{project, filepath.Join(project, entered), strings.Count(entered, "/") + 1}}
		if told := n.enter(); told != (c.want != "") {
			t.Errorf("%s: %v", entered, told)
		}
		if _, heard := w.heard[filepath.Join(project, c.want)]; c.want != "" && !heard || c.want == "" && len(w.heard) > 0 {
			t.Errorf("%s: heard of %v", entered, w.heard)
		}
	}
}

// TestHearsInSoManyFolders: beside an agent a few folders are begun with at a time, in
// so many and no more, and the end says that there were more. A folder that is gone
// makes room for another one.
func TestHearsInSoManyFolders(t *testing.T) {
	project := t.TempDir()
	for i := range 40 {
		must(t, os.MkdirAll(filepath.Join(project, fmt.Sprint("d", i)), 0o755))
	}
	s := &specs.Spec{
		Annotations: map[string]string{contract.RepositoriesAnnotation: `{"` + project + `":[]}`, contract.NamesAnnotation: `{".envrc":"direnv"}`},
		Mounts:      []specs.Mount{bindMount(project, project, "rw")},
	}
	w := of(t, s)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		t.Skip("no more inotify instances (fs.inotify.max_user_instances)")
	}
	must(t, err)
	n := &notifier{w: w, fd: fd, file: os.NewFile(uintptr(fd), "inotify")}
	defer n.file.Close()
	n.nested = newNested(n)
	n.nested.enter()
	if len(n.nested.folders) != n.nested.atOnce || w.deaf {
		t.Errorf("%d folders at one time, deaf %v", len(n.nested.folders), w.deaf)
	}
	n.nested.left = 3
	for n.nested.waits() {
		n.nested.enter()
	}
	if got := len(n.nested.folders); got != n.nested.atOnce+3 || !w.deaf {
		t.Errorf("%d folders, deaf %v", got, w.deaf)
	}
	var out strings.Builder
	if w.Report(&out, false) || !strings.Contains(out.String(), "not all that came and was gone again could be heard") {
		t.Errorf("reported:\n%s", &out)
	}
	must(t, os.Remove(filepath.Join(project, "d0")))
	must(t, os.Remove(filepath.Join(project, "d1")))
	n.read()
	if n.nested.left != 2 {
		t.Errorf("room for %d more", n.nested.left)
	}
}
