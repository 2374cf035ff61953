package watch

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// watched is a project in which some paths are watched; links exist before.
func watched(t *testing.T, links map[string]string, names ...string) (*Watch, string) {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, ".claude"), 0o700) }) // or it cannot be removed
	must(t, os.MkdirAll(filepath.Join(dir, "pre/deep"), 0o755))
	for name, target := range links {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	why := map[string]string{"/elsewhere/.envrc": "not in the jail"}
	for _, n := range names {
		why[filepath.Join(dir, n)] = "because"
	}
	text, err := json.Marshal(why)
	must(t, err)
	s := &specs.Spec{
		Annotations: map[string]string{contract.WatchAnnotation: string(text)},
		Mounts:      []specs.Mount{{Type: "tmpfs", Destination: dir}, {Type: "bind", Source: dir, Destination: dir}},
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	opened := rootfs.Sources{-1, fd}
	w, err := New(s, opened)
	must(t, err)
	opened.Close() // what w needs it has of its own
	t.Cleanup(w.Close)
	return w, dir
}

func bindMount(source, dest string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: dest, Options: append([]string{"rbind", "nosuid", "nodev"}, options...)}
}

// of watches a jail until the test ends.
func of(t *testing.T, s *specs.Spec) *Watch {
	t.Helper()
	opened, err := rootfs.OpenSources(s.Mounts, nil)
	must(t, err)
	t.Cleanup(func() { opened.Close() })
	w, err := New(s, opened)
	must(t, err)
	t.Cleanup(func() { w.Close() })
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// appearances are ways to make a watched path appear, or not. Each runs in the
// project.
var appearances = map[string]struct {
	do func() error
	// want is what appears; empty if nothing does.
	want string
	// look: try it without inotify as well, which takes its time.
	look bool
	// unreadable: a folder that only root can list.
	unreadable bool
	link       map[string]string
}{
	"nothing":      {do: func() error { return nil }},
	"another name": {do: func() error { return errors.Join(write("harmless"), os.MkdirAll("x/y", 0o755), write("x/.envrc")) }},
	"a file":       {do: func() error { return write(".envrc") }, want: ".envrc", look: true},
	"a rename":     {do: func() error { return errors.Join(write("a"), os.Rename("a", ".envrc")) }, want: ".envrc"},
	"an exchange": {do: func() error {
		return errors.Join(write("a"), os.Mkdir(".claude", 0o755), os.Mkdir("b", 0o755), write("b/settings.json"), exchange("b", ".claude"))
	}, want: ".claude/settings.json"},
	"a hard link":              {do: func() error { return errors.Join(write("a"), os.Link("a", ".envrc")) }, want: ".envrc"},
	"a dangling symlink":       {do: func() error { return os.Symlink("gone", ".envrc") }, want: ".envrc"},
	"a folder":                 {do: func() error { return os.Mkdir(".envrc", 0o755) }, want: ".envrc"},
	"a FIFO":                   {do: func() error { return unix.Mkfifo(".envrc", 0o600) }, want: ".envrc"},
	"in a folder of the start": {do: func() error { return write("pre/deep/x") }, want: "pre/deep/x"},
	"in a new folder":          {do: func() error { return errors.Join(os.Mkdir(".claude", 0o755), write(".claude/settings.json")) }, want: ".claude/settings.json", look: true},
	"in a folder moved there": {do: func() error {
		return errors.Join(os.Mkdir("a", 0o755), write("a/settings.json"), os.Rename("a", ".claude"))
	}, want: ".claude/settings.json"},
	"in a folder that was replaced": {do: func() error {
		return errors.Join(os.Rename("pre", "post"), os.MkdirAll("pre/deep", 0o755), write("pre/deep/x"))
	}, want: "pre/deep/x", look: true},
	// Folders are listened to by descriptors, whose numbers are used again.
	"in another folder than a new one": {do: func() error {
		err := os.Mkdir(".claude", 0o755)
		time.Sleep(100 * time.Millisecond)
		return errors.Join(err, write("pre/x"))
	}, want: "pre/x"},
	"in a new folder beside another": {do: func() error {
		err := errors.Join(os.Rename("pre", "post"), os.Mkdir(".claude", 0o755), os.MkdirAll("pre/deep", 0o755))
		time.Sleep(100 * time.Millisecond)
		return errors.Join(err, write("pre/x"))
	}, want: "pre/x"},
	"in a folder that has moved away": {do: func() error {
		err := os.Rename("pre", "post")
		time.Sleep(200 * time.Millisecond)
		return errors.Join(err, write("post/deep/x"))
	}},
	"a file where a folder would be": {do: func() error { return write(".claude") }},
	"a symlink where a folder would be": {do: func() error {
		return errors.Join(os.Mkdir("a", 0o755), os.Symlink("a", ".claude"))
	}, want: ".claude/settings.json"},
	"by a symlink of the start": {
		do: func() error { return write("pre/settings.json") }, want: ".claude/settings.json",
		link: map[string]string{".claude": "pre"},
	},
	"in a folder that a symlink leads to as well": {do: func() error { return write("pre/x") }, want: "pre/x", link: map[string]string{".claude": "pre"}},
	"by another symlink than at the start": {do: func() error {
		return errors.Join(os.Remove(".claude"), os.Symlink("elsewhere", ".claude"))
	}, want: ".claude/settings.json", link: map[string]string{".claude": "pre"}},
	"a folder that cannot be read": {do: func() error {
		return errors.Join(os.Mkdir(".claude", 0o300), write(".claude/settings.json"))
	}, want: ".claude/settings.json", unreadable: true},
}

func write(name string) error { return os.WriteFile(name, []byte("x"), 0o600) }

func exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

var watchNames = []string{".envrc", ".claude/settings.json", "pre/deep/x", "pre/x"}

// TestReportAtTheEnd: what has appeared is named, and nothing else.
func TestReportAtTheEnd(t *testing.T) {
	for name, a := range appearances {
		t.Run(name, func(t *testing.T) {
			w, dir := watched(t, a.link, watchNames...)
			t.Chdir(dir)
			must(t, a.do())
			expect(t, w, dir, a.want)
		})
	}
}

func expect(t *testing.T, w *Watch, dir, want string) {
	t.Helper()
	var out strings.Builder
	got := w.appeared()
	if said := w.Report(&out, false); said != (want != "") {
		t.Errorf("reported: %v\n%s", said, &out)
	}
	if want == "" && len(got) > 0 || want != "" && !slices.Equal(got, []string{filepath.Join(dir, want)}) {
		t.Errorf("appeared: %q, want %q", got, want)
	}
	if want != "" && !strings.Contains(out.String(), filepath.Join(dir, want)+`": because`) {
		t.Errorf("the report does not say what and why:\n%s", &out)
	}
}

// TestStrictTellsAtOnce: by inotify, and without where it is exhausted.
func TestStrictTellsAtOnce(t *testing.T) {
	for name, a := range appearances {
		t.Run(name, func(t *testing.T) {
			within := pollEvery / 2
			if a.unreadable && os.Geteuid() != 0 {
				within = 3 * pollEvery // a supervisor can listen there, this test cannot
			}
			t.Run("inotify", func(t *testing.T) { strictly(t, a.do, a.want, a.link, a.want != "", within) })
			if !a.look {
				return
			}
			t.Run("looking", func(t *testing.T) {
				var limit unix.Rlimit
				must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
				without := func(w *Watch) <-chan struct{} { // inotify_init needs a descriptor
					must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}))
					defer func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }()
					return w.Start(true)
				}
				strictlyBy(t, without, a.do, a.want, a.link, a.want != "", 3*pollEvery)
			})
		})
	}
	t.Run("what has gone again", func(t *testing.T) {
		do := func() error { return errors.Join(write(".envrc"), os.Remove(".envrc")) }
		strictly(t, do, ".envrc", nil, true, pollEvery/2)
	})
	t.Run("among many other names", func(t *testing.T) {
		do := func() error {
			for range 40_000 { // more than the queue of inotify takes
				if err := errors.Join(write("a"), os.Remove("a")); err != nil {
					return err
				}
			}
			return write(".envrc")
		}
		strictly(t, do, ".envrc", nil, true, 20*pollEvery)
	})
}

func strictly(t *testing.T, do func() error, want string, links map[string]string, found bool, within time.Duration) {
	t.Helper()
	strictlyBy(t, strictStart, do, want, links, found, within)
}

func strictStart(w *Watch) <-chan struct{} { return w.Start(true) }

func strictlyBy(t *testing.T, start func(*Watch) <-chan struct{}, do func() error, want string, links map[string]string, found bool, within time.Duration) {
	t.Helper()
	w, dir := watched(t, links, watchNames...)
	t.Chdir(dir)
	ch := start(w)
	must(t, do())
	if !found {
		within = 300 * time.Millisecond
	}
	select {
	case <-ch:
		if !found {
			t.Errorf("told for nothing: %v", w.seen)
		}
	case <-time.After(within):
		if found {
			t.Error("not told")
		}
	}
	w.stop()
	expect(t, w, dir, want)
}

// TestAnnotationMustBeReadable: a list that cannot be read watches nothing, and
// that must not go unseen.
func TestAnnotationMustBeReadable(t *testing.T) {
	s := &specs.Spec{Annotations: map[string]string{contract.WatchAnnotation: `["/p/.envrc"]`}}
	if _, err := New(s, nil); err == nil {
		t.Error("accepted")
	}
}

// ended makes a watch of a project, lets change happen, and returns what would
// be reported.
func ended(t *testing.T, annotations func(project string) map[string]string, before, change func(project string)) string {
	t.Helper()
	project := t.TempDir()
	before(project)
	s := &specs.Spec{Annotations: annotations(project), Mounts: []specs.Mount{bindMount(project, project, "rw")}}
	opened, err := rootfs.OpenSources(s.Mounts, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	w, err := New(s, opened)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	change(project)
	var out strings.Builder
	w.Report(&out, false)
	return strings.ReplaceAll(out.String(), project, "PROJECT")
}

func makeFolder(t *testing.T, p string) {
	t.Helper()
	if err := os.MkdirAll(p, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestNewRepositoriesAreReported(t *testing.T) {
	known := func(project string) map[string]string {
		return map[string]string{contract.RepositoriesAnnotation: `{"` + project + `":["` + project + `/old"]}`}
	}
	before := func(project string) {
		makeFolder(t, project+"/.git")
		makeFolder(t, project+"/old/.git")
		makeFolder(t, project+"/node_modules/x/.git")
	}
	if out := ended(t, known, before, func(string) {}); out != "" {
		t.Errorf("nothing changed: %s", out)
	}
	out := ended(t, known, before, func(project string) {
		makeFolder(t, project+"/a/b/new/.git")
		makeFolder(t, project+"/sub")
		if err := os.WriteFile(project+"/sub/.git", []byte("gitdir: ../elsewhere\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/", project+"/out"); err != nil {
			t.Fatal(err)
		}
	})
	for _, want := range []string{`"PROJECT/a/b/new/.git": a new git repository`, `"PROJECT/sub/.git"`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "PROJECT/old") || strings.Contains(out, "node_modules") || strings.Count(out, ".git\"") != 2 {
		t.Errorf("more than what is new:\n%s", out)
	}
}

func TestReplacedSymlinksAreReported(t *testing.T) {
	links := func(project string) map[string]string {
		return map[string]string{contract.LinksAnnotation: `{"` + project + `/.claude":"real"}`}
	}
	before := func(project string) {
		if err := os.Symlink("real", project+"/.claude"); err != nil {
			t.Fatal(err)
		}
	}
	if out := ended(t, links, before, func(string) {}); out != "" {
		t.Errorf("nothing changed: %s", out)
	}
	for name, change := range map[string]func(link string) error{
		"gone":     os.Remove,
		"a folder": func(link string) error { _ = os.Remove(link); return os.Mkdir(link, 0o755) },
		"another":  func(link string) error { _ = os.Remove(link); return os.Symlink("other", link) },
	} {
		out := ended(t, links, before, func(project string) {
			if err := change(project + "/.claude"); err != nil {
				t.Fatal(err)
			}
		})
		if !strings.Contains(out, `"PROJECT/.claude": a symlink that the host follows`) {
			t.Errorf("%s: %q", name, out)
		}
	}
}

// TestNow: what is named is where the host finds it: in the folder that was moved,
// also where another one is in its place, and not in one that is gone.
func TestNow(t *testing.T) {
	w, dir := watched(t, nil, ".envrc")
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return nil }, dir},
		{func() error { return os.Rename(dir, dir+".moved") }, dir + ".moved"},
		{func() error { return os.Mkdir(dir, 0o755) }, dir + ".moved"},
		{func() error { return os.RemoveAll(dir + ".moved") }, dir},
	} {
		must(t, step.do())
		if got := w.Now(dir + "/x/y"); got != step.want+"/x/y" {
			t.Errorf("%s, not in %s", got, step.want)
		}
	}
}
