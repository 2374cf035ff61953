package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 7, time.UTC)

// store is one whose warnings are collected.
func store(t *testing.T) (Store, *[]error) {
	t.Helper()
	warnings := new([]error)
	return Store{Dir: filepath.Join(t.TempDir(), "state/trust"), Warn: func(err error) { *warnings = append(*warnings, err) }}, warnings
}

func file(path, text string) *File {
	return &File{Path: path, Text: []byte(text), Digest: Digest([]byte(text))}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestApprovalIsForThesePathAndBytes(t *testing.T) {
	s, warnings := store(t)
	f := file("/p/.jailed-claude.toml", "version = 1\n")
	if s.Lookup(f) {
		t.Error("approved by nobody")
	}
	if _, err := os.Lstat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking made the store: %v", err)
	}
	check(t, s.Approve(f, noon))
	check(t, s.Approve(f, noon)) // twice is as good as once
	if !s.Lookup(f) {
		t.Error("the approval is not found")
	}
	for what, other := range map[string]*File{
		"other bytes":       file(f.Path, "version = 1\n\n"),
		"another path":      file("/q/.jailed-claude.toml", "version = 1\n"),
		"a path before it":  file("/p/./.jailed-claude.toml", "version = 1\n"),
		"an empty file":     file(f.Path, ""),
		"bytes of the name": {Path: f.Path + "\x00", Text: f.Text, Digest: f.Digest},
	} {
		if s.Lookup(other) {
			t.Errorf("%s: approved too", what)
		}
	}
	for path, mode := range map[string]fs.FileMode{s.Dir: 0o700 | fs.ModeDir, filepath.Join(s.Dir, name(f.Path, f.Digest)): 0o600} {
		if fi, err := os.Lstat(path); err != nil || fi.Mode() != mode {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the store holds %v, %v", entries, err)
	}
	if len(*warnings) > 0 {
		t.Errorf("warnings: %v", *warnings)
	}
}

func TestApproveRefuses(t *testing.T) {
	s, _ := store(t)
	for what, f := range map[string]*File{
		"a relative path":       file("p/.jailed-claude.toml", ""),
		"a path of other bytes": file("/p/\xff/.jailed-claude.toml", ""),
		"another digest":        {Path: "/p/x", Text: []byte("a"), Digest: Digest([]byte("b"))},
	} {
		if err := s.Approve(f, noon); err == nil {
			t.Errorf("%s was approved", what)
		}
	}
}

func TestListAndRevoke(t *testing.T) {
	s, warnings := store(t)
	check(t, s.Approve(file("/b", "1"), noon.Add(time.Hour)))
	check(t, s.Approve(file("/b", "2"), noon))
	check(t, s.Approve(file("/a", "1"), noon))
	list, err := s.List()
	check(t, err)
	var got []string
	for _, e := range list {
		got = append(got, e.Path+" "+e.Approved.Format("15:04"))
	}
	if strings.Join(got, ",") != "/a 12:00,/b 12:00,/b 13:00" {
		t.Errorf("list: %v", got)
	}
	if n, err := s.Revoke("/b"); n != 2 || err != nil {
		t.Errorf("revoked %d, %v", n, err)
	}
	if n, err := s.Revoke("/b"); n != 0 || err != nil {
		t.Errorf("revoked again %d, %v", n, err)
	}
	if s.Lookup(file("/b", "1")) || s.Lookup(file("/b", "2")) || !s.Lookup(file("/a", "1")) {
		t.Error("revoked too little or too much")
	}
	empty := Store{Dir: filepath.Join(t.TempDir(), "none")}
	if list, err := empty.List(); len(list) != 0 || err != nil {
		t.Errorf("a store that is not there: %v, %v", list, err)
	}
	if len(*warnings) > 0 {
		t.Errorf("warnings: %v", *warnings)
	}
}

// TestUnsafeEntriesAreIgnored: with a warning, and none of them hides others.
func TestUnsafeEntriesAreIgnored(t *testing.T) {
	f, other := file("/p/.jailed-claude.toml", "version = 1\n"), file("/z", "")
	for what, spoil := range map[string]func(dir, entry string) error{
		"others can write it": func(_, e string) error { return os.Chmod(e, 0o602) },
		"others can read it":  func(_, e string) error { return os.Chmod(e, 0o640) },
		"a symlink":           func(d, e string) error { return errors.Join(os.Rename(e, d+"/x"), os.Symlink("x", e)) },
		"a symlink out":       func(d, e string) error { return errors.Join(os.Rename(e, d+"/../x"), os.Symlink("../x", e)) },
		"a hard link":         func(d, e string) error { return os.Link(e, d+"/../x") },
		"a folder":            func(_, e string) error { return errors.Join(os.Remove(e), os.Mkdir(e, 0o700)) },
		"a FIFO":              func(_, e string) error { return errors.Join(os.Remove(e), syscall.Mkfifo(e, 0o600)) },
		"empty":               func(_, e string) error { return os.Truncate(e, 0) },
		"no JSON":             func(_, e string) error { return os.WriteFile(e, []byte("yes"), 0o600) },
		"of a later version":  func(_, e string) error { return os.WriteFile(e, []byte(`{"path":"/p","scope":"all"}`), 0o600) },
		"of another file": func(_, e string) error {
			return os.WriteFile(e, []byte(`{"path":"/q","sha256":"`+f.Digest+`"}`), 0o600)
		},
		"the folder is open":   func(d, _ string) error { return os.Chmod(d, 0o770) },
		"the folder is a link": func(d, _ string) error { return errors.Join(os.Rename(d, d+"2"), os.Symlink(d+"2", d)) },
		"the folder is a file": func(d, _ string) error { return errors.Join(os.Rename(d, d+"2"), os.WriteFile(d, nil, 0o600)) },
	} {
		t.Run(what, func(t *testing.T) {
			s, warnings := store(t)
			check(t, s.Approve(f, noon))
			check(t, s.Approve(other, noon))
			check(t, spoil(s.Dir, filepath.Join(s.Dir, name(f.Path, f.Digest))))
			if s.Lookup(f) {
				t.Error("it counts")
			}
			if len(*warnings) != 1 || !errors.Is((*warnings)[0], errUnsafe) {
				t.Errorf("warnings: %v", *warnings)
			}
			list, err := s.List()
			if err != nil || strings.Contains(what, "the folder") != (len(list) == 0) || len(list) > 1 {
				t.Errorf("list: %v, %v", list, err)
			}
		})
	}
}

func TestSomebodyElsesEntryIsIgnored(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	f := file("/p", "")
	s, warnings := store(t)
	check(t, s.Approve(f, noon))
	check(t, os.Chown(filepath.Join(s.Dir, name(f.Path, f.Digest)), 65534, 65534))
	if s.Lookup(f) || len(*warnings) != 1 {
		t.Errorf("an entry of somebody else counts; warnings: %v", *warnings)
	}
	check(t, os.Chown(s.Dir, 65534, 65534))
	if s.Lookup(f) || len(*warnings) != 2 {
		t.Errorf("a store of somebody else counts; warnings: %v", *warnings)
	}
}

// TestApproveReplacesWhatIsUnsafe: the user's own word mends an entry.
func TestApproveReplacesWhatIsUnsafe(t *testing.T) {
	s, _ := store(t)
	f := file("/p", "")
	check(t, s.Approve(f, noon))
	entry := filepath.Join(s.Dir, name(f.Path, f.Digest))
	victim := filepath.Join(t.TempDir(), "victim")
	check(t, os.WriteFile(victim, []byte("mine"), 0o600))
	check(t, errors.Join(os.Remove(entry), os.Symlink(victim, entry)))
	check(t, s.Approve(f, noon))
	if !s.Lookup(f) {
		t.Error("the approval does not count")
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "mine" {
		t.Errorf("the symlink was followed: %q, %v", text, err)
	}
}

func TestRead(t *testing.T) {
	const text = "version = 1\n"
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "policy")
	check(t, os.WriteFile(outside, []byte(text), 0o644))
	for what, c := range map[string]struct {
		make func(p, f string) error
		want string // of the error; empty if it can be read
		none bool
	}{
		"none":   {make: func(string, string) error { return nil }, none: true},
		"a file": {make: func(_, f string) error { return os.WriteFile(f, []byte(text), 0o644) }},
		"a link inside": {make: func(p, f string) error {
			return errors.Join(os.WriteFile(p+"/real", []byte(text), 0o644), os.Symlink("real", f))
		}},
		"a link out":         {make: func(_, f string) error { return os.Symlink(outside, f) }, want: "out of the project"},
		"a link by ..":       {make: func(_, f string) error { return os.Symlink("../x/y", f) }, want: "out of the project"},
		"a link to itself":   {make: func(_, f string) error { return os.Symlink(Name, f) }, want: "cannot be followed"},
		"a link to nothing":  {make: func(_, f string) error { return os.Symlink("gone", f) }, want: "leads nowhere"},
		"a link to a device": {make: func(_, f string) error { return os.Symlink("/dev/zero", f) }, want: "out of the project"},
		"a link to a descriptor": {
			make: func(_, f string) error { return os.Symlink("/proc/self/fd/0", f) },
			want: "out of the project",
		},
		"a folder": {make: func(_, f string) error { return os.Mkdir(f, 0o755) }, want: "no regular file"},
		"a FIFO":   {make: func(_, f string) error { return syscall.Mkfifo(f, 0o644) }, want: "no regular file"},
		"too big":  {make: func(_, f string) error { return os.WriteFile(f, make([]byte, maxFile+1), 0o644) }, want: "larger"},
		"a giant":  {make: func(_, f string) error { return errors.Join(os.WriteFile(f, nil, 0o644), os.Truncate(f, 1<<40)) }, want: "larger"},
	} {
		t.Run(what, func(t *testing.T) {
			p := filepath.Join(dir, what)
			check(t, os.Mkdir(p, 0o755))
			check(t, c.make(p, filepath.Join(p, Name)))
			f, err := Read(p)
			switch {
			case c.want != "":
				if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, %v", f, err)
				}
			case err != nil || c.none != (f == nil):
				t.Errorf("%v, %v", f, err)
			case f != nil && (string(f.Text) != text || f.Digest != Digest([]byte(text)) || f.Path != filepath.Join(p, Name)):
				t.Errorf("%+v", f)
			}
		})
	}
	if f, err := Read(filepath.Join(dir, "nowhere")); f != nil || err != nil {
		t.Errorf("a project that is not there: %v, %v", f, err)
	}
	// One project has one path, by whatever name the user calls it.
	check(t, os.Symlink(filepath.Join(dir, "a file"), filepath.Join(dir, "alias")))
	if f, err := Read(filepath.Join(dir, "alias")); err != nil || f.Path != filepath.Join(dir, "a file", Name) {
		t.Errorf("%v, %v", f, err)
	}
	if os.Geteuid() == 0 {
		check(t, os.Chown(filepath.Join(dir, "a file", Name), 65534, 65534))
		if _, err := Read(filepath.Join(dir, "a file")); !errors.Is(err, ErrFile) {
			t.Errorf("somebody else's file: %v", err)
		}
	}
}
