package hold

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func bind(source, at string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: at, Options: options}
}

// TestPlaces: what lies below a bind mount of the host's can be replaced there,
// and is held; what holds others comes first.
func TestPlaces(t *testing.T) {
	s := &specs.Spec{
		Mounts: []specs.Mount{
			{Type: "tmpfs", Destination: "/home/a"},
			{Type: "proc", Destination: "/proc"},
			bind("/etc/x", "/etc/x", "ro"),
			bind("/home/a/p", "/home/a/p", "rw"),
			bind("/state/claude", "/home/a/.claude", "rw"),
			bind("/state/claude/settings.json", "/home/a/.claude/settings.json", "ro"),
			bind("/elsewhere", "/home/a/.claude/other.json", "ro"),
			bind("/home/a/p/.git", "/home/a/p/.git", "rw"),
			bind("/home/a/p/.git/hooks", "/home/a/p/.git/hooks", "ro", "rro"),
			{Type: "tmpfs", Destination: "/home/a/p/tmp"},
			bind("/home/a/ro", "/home/a/ro", "ro"),
			bind("/home/a/ro/rw", "/home/a/ro/rw", "rw"),
			bind("/home/a/p_not", "/home/a/p_not", "ro"),
		},
		Linux: &specs.Linux{MaskedPaths: []string{"/proc/kcore", "/home/a/p/.env", "/home/a/ro/.env"}},
	}
	h := New(s)
	var got []string
	for _, p := range h.places {
		text := strings.TrimPrefix(p.path, "/home/a/")
		if p.mount == nil {
			text += " hidden"
		}
		if p.foreign {
			text += " foreign"
		}
		if p.above >= 0 {
			text += " in " + strings.TrimPrefix(h.places[p.above].path, "/home/a/")
		}
		got = append(got, text)
	}
	want := []string{".claude/settings.json", ".claude/other.json foreign", "p/.git", "p/.git/hooks in p/.git", "p/tmp", "p/.env hidden", "ro/.env hidden"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestSettle: only a file that took the place of another at once, as often as it
// was covered, is certainly the host's, and one that holds what it held before.
func TestSettle(t *testing.T) {
	p := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for events, want := range map[string]bool{
		"to": true, "": false, "to to": false, "to write": false, "to attrib": false, "from to": false, "create write": false, "delete to": false, "to dir": false,
		// In place, before the jail could do anything to it.
		"write write to": true,
		// "/" is a cover, "." a judgement.
		"to / to": true, "to / write to": false, "to . to": true, "to . write": false, "to . write to": false, "/ to to": true, "delete create write": false,
		// What lies in a folder that was gone, or is another one.
		"away to": false, "away write to": false, "to . away to": false, "away / to": false, "same away to": true,
		"same delete create write": true, "same to write": true, "same to . write": false, "same": true, "same delete create": false,
	} {
		masks := map[string]uint32{"to": unix.IN_MOVED_TO, "write": unix.IN_CLOSE_WRITE, "attrib": unix.IN_ATTRIB, "from": unix.IN_MOVED_FROM, "create": unix.IN_CREATE, "delete": unix.IN_DELETE}
		m := bind(p, p, "ro")
		h := &Hold{places: []place{{path: p, mount: &m}}}
		f := &h.places[0]
		cover := func() { f.covers, f.renewed = f.covers+1, f.renewed+1 }
		for e := range strings.FieldsSeq(events) {
			switch e {
			case "dir":
				f.events[0] |= unix.IN_ISDIR
			case "away":
				f.away = true
			case "same":
				f.contents = h.contents(p)
			case "/":
				cover()
			case ".":
				cover()
				h.settle(f, h.certain(f, time.Now()))
			default:
				f.hear(masks[e])
			}
		}
		if f.covers > 0 || !f.doubt {
			cover()
		}
		h.settle(f, h.certain(f, time.Now()))
		if got := !f.unsure; got != want {
			t.Errorf("%q: %v", events, got)
		}
	}
}

// TestPrint: what is read of a path, and where nothing is said.
func TestPrint(t *testing.T) {
	dir := t.TempDir()
	h := &Hold{}
	prints := map[contents]string{unknown: "nothing"}
	for i, do := range []func() error{
		func() error { return os.WriteFile(dir+"/a", []byte("x"), 0o600) },
		func() error { return os.Chmod(dir+"/a", 0o700) },
		func() error { return os.WriteFile(dir+"/a", []byte("y"), 0o600) },
		func() error { return os.Mkdir(dir+"/b", 0o700) },
		func() error { return os.Rename(dir+"/a", dir+"/b/a") },
		func() error { return os.Rename(dir+"/b/a", dir+"/b/c") },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		got := h.contents(dir)
		if was, ok := prints[got]; ok {
			t.Errorf("after step %d as after %s", i, was)
		}
		if got != h.contents(dir) {
			t.Errorf("step %d: twice is not the same", i)
		}
		prints[got] = fmt.Sprint(i)
	}
	for name, do := range map[string]func() error{
		"a symlink": func() error { return os.Symlink("b", dir+"/l") },
		"a pipe":    func() error { return unix.Mkfifo(dir+"/l", 0o600) },
		"too large": func() error { return os.WriteFile(dir+"/l", make([]byte, printSize+1), 0o600) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if h.contents(dir) != unknown {
			t.Errorf("%s is read", name)
		}
		_ = os.Remove(dir + "/l")
	}
}

func same(p string) string { return p }

// TestReport: each history has its sentence, and what may be of the jail's
// making is to be reviewed.
func TestReport(t *testing.T) {
	m := &specs.Mount{}
	for name, c := range map[string]struct {
		place
		says   []string
		review bool
	}{
		"nothing":           {place: place{mount: m}},
		"replaced":          {place: place{mount: m, history: history{renewed: 1, slowest: 1234 * time.Microsecond}}, says: []string{"replaced once, and covered again in 1.23ms at most\n"}},
		"often":             {place: place{mount: m, history: history{renewed: 7}}, says: []string{"replaced 7 times"}},
		"unsure":            {place: place{mount: m, history: history{renewed: 1, unsure: true}}, says: []string{"review it"}, review: true},
		"hidden":            {place: place{history: history{renewed: 1, unsure: true}}, says: []string{"it could be read until then\n"}},
		"gone":              {place: place{mount: m, state: gone, history: history{left: true}}, says: []string{"it is gone"}},
		"moved and back":    {place: place{mount: m, history: history{left: true}}},
		"a symlink":         {place: place{mount: m, state: link, history: history{left: true, symlink: true, unsure: true}}, says: []string{"a symlink, which cannot be covered"}, review: true},
		"replaced and gone": {place: place{mount: m, state: gone, history: history{renewed: 1, left: true}}, says: []string{"replaced once", "it is gone"}},
	} {
		c.path = "/p/x"
		var out strings.Builder
		review := (&Hold{places: []place{c.place}}).Report(&out, same)
		if review != c.review || len(c.says) == 0 && out.Len() > 0 {
			t.Errorf("%s: review %v\n%s", name, review, &out)
		}
		for _, s := range c.says {
			if !strings.Contains(out.String(), s) {
				t.Errorf("%s: no %q in\n%s", name, s, &out)
			}
		}
	}
	var out strings.Builder
	h := &Hold{kill: make(chan struct{}, 1)}
	h.end("because")
	h.end("another")
	if !h.Report(&out, same) || !h.Ended() || !strings.Contains(out.String(), "the jail was ended: because\n") || strings.Contains(fmt.Sprint(&out), "another") {
		t.Errorf("ended: %s", &out)
	}
}
