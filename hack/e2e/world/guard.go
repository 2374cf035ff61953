package world

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// attackGuarded is the part "guard": it tries to change each of the files that
// the arguments name, below the working directory, and to get it or any folder
// above it out of the way. It prints what worked, and undoes it.
func attackGuarded(files []string) int {
	got := []string{}
	for _, f := range files {
		ok := func(err error, what string, args ...any) bool {
			if err == nil {
				got = append(got, f+": "+fmt.Sprintf(what, args...))
			}
			return err == nil
		}
		before, err := os.ReadFile(f)
		if err != nil {
			got = append(got, f+": cannot be read: "+err.Error())
			continue
		}
		attackFile(f, ok)
		for d := filepath.Dir(f); d != "." && d != os.Getenv("HOME"); d = filepath.Dir(d) {
			attackFolder(d, ok)
		}
		after, err := os.ReadFile(f)
		if err != nil || string(after) != string(before) {
			got = append(got, fmt.Sprintf("%s: is now %q, %v", f, after, err))
		}
	}
	if json.NewEncoder(os.Stdout).Encode(got) != nil {
		return 1
	}
	return 0
}

func attackFile(f string, ok func(error, string, ...any) bool) {
	for flags, what := range map[int]string{os.O_WRONLY: "open to write", os.O_RDWR: "open to read and write", os.O_WRONLY | os.O_APPEND: "open to append"} {
		w, err := os.OpenFile(f, flags, 0)
		if ok(err, what) {
			_ = w.Close()
		}
	}
	text, _ := os.ReadFile(f)
	ok(os.Truncate(f, int64(len(text))), "truncate")
	ok(os.Chmod(f, 0o777), "chmod")
	ok(os.Chtimes(f, time.Unix(0, 0), time.Unix(0, 0)), "set its times")
	// With a copy at hand, what is taken away is put back.
	back := func() { _ = os.WriteFile(f, text, 0o644) }
	if ok(os.Remove(f), "remove") {
		back()
	}
	for _, dir := range []string{".", filepath.Dir(f), "/tmp"} {
		link := filepath.Join(dir, "e2e-link")
		if err := os.Link(f, link); err == nil {
			w, err := os.OpenFile(link, os.O_WRONLY, 0)
			if ok(err, "open a hard link in %s to write", dir) {
				_ = w.Close()
			}
			_ = os.Remove(link)
		}
		evil := filepath.Join(dir, "e2e-evil")
		if os.WriteFile(evil, []byte("evil"), 0o755) == nil {
			if ok(os.Rename(evil, f), "rename over it from %s", dir) {
				back()
			}
			if ok(unix.Renameat2(unix.AT_FDCWD, evil, unix.AT_FDCWD, f, unix.RENAME_EXCHANGE), "exchange with %s", dir) {
				back()
			}
			_ = os.Remove(evil)
		}
		if os.Symlink("/tmp/evil", evil) == nil {
			if ok(os.Rename(evil, f), "rename a symlink over it from %s", dir) {
				back()
			}
			_ = os.Remove(evil)
		}
		away := filepath.Join(dir, "e2e-away")
		if ok(os.Rename(f, away), "move away to %s", dir) {
			_ = os.Rename(away, f)
		}
	}
}

func attackFolder(d string, ok func(error, string, ...any) bool) {
	for _, dir := range []string{".", filepath.Dir(d), "/tmp"} {
		away := filepath.Join(dir, "e2e-away")
		if ok(os.Rename(d, away), "move %s away to %s", d, dir) {
			_ = os.Rename(away, d)
		}
		for what, make := range map[string]func(string) error{
			"folder":  func(p string) error { return os.Mkdir(p, 0o755) },
			"symlink": func(p string) error { return os.Symlink("/tmp", p) },
		} {
			evil := filepath.Join(dir, "e2e-evil")
			if make(evil) != nil {
				continue
			}
			if ok(unix.Renameat2(unix.AT_FDCWD, evil, unix.AT_FDCWD, d, unix.RENAME_EXCHANGE), "exchange %s with a %s of %s", d, what, dir) {
				_ = unix.Renameat2(unix.AT_FDCWD, evil, unix.AT_FDCWD, d, unix.RENAME_EXCHANGE)
			}
			ok(os.Rename(evil, d), "rename a %s of %s over %s", what, dir, d)
			_ = os.Remove(evil)
		}
	}
	if ok(os.Remove(d), "remove %s", d) {
		_ = os.Mkdir(d, 0o755)
	}
}

// Guard attacks files of the project from inside a jail, and says what worked.
// A name that is not in the project begins with "/".
func (w *World) Guard(files []string, flags ...string) []string {
	w.T.Helper()
	c := w.Part("guard", flags...)
	c.Args = append(c.Args, files...)
	r := Finish(w.T, c)
	var got []string
	if err := json.Unmarshal([]byte(r.Out), &got); err != nil {
		w.T.Fatalf("the attacker did not report: %v\n%s", err, r)
	}
	return got
}

// Holds attacks and reports what got through, and every change on the host.
func (w *World) Holds(files []string, flags ...string) {
	w.T.Helper()
	type state struct {
		inode   uint64
		mode    fs.FileMode
		content string
	}
	look := func(f string) state {
		if !filepath.IsAbs(f) {
			f = filepath.Join(w.Project, f)
		}
		fi, err := os.Lstat(f)
		if err != nil {
			w.T.Errorf("on the host: %v", err)
			return state{}
		}
		return state{inodeOf(w.T, f), fi.Mode(), w.Read(f)}
	}
	before, status := map[string]state{}, w.Status()
	for _, f := range files {
		before[f] = look(f)
	}
	if got := w.Guard(files, flags...); len(got) > 0 {
		w.T.Errorf("got through:\n%s", strings.Join(got, "\n"))
	}
	for _, f := range files {
		if now := look(f); now != before[f] {
			w.T.Errorf("on the host %s has changed: %v, was %v", f, now, before[f])
		}
	}
	if after := w.Status(); after != status {
		w.T.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}
