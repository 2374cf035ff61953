package review

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
)

func attributes(t *testing.T, name string) []string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Listxattr(name, buf)
	if err != nil || n == 0 {
		return nil
	}
	all := strings.Split(strings.Trim(string(buf[:n]), "\x00"), "\x00")
	var users []string
	for _, a := range all {
		if strings.HasPrefix(a, "user.") {
			users = append(users, a)
		}
	}
	return users
}

const fullVariable = "REVIEW_TEST_FULL"

// TestFullDisk runs itself in a user namespace, where anybody may mount a small
// tmpfs.
func TestFullDisk(t *testing.T) {
	if os.Getenv(fullVariable) == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(self, "-test.run=^TestFullDisk$", "-test.v")
		c.Env = append(os.Environ(), fullVariable+"=1")
		userNamespace(c)
		out, err := c.CombinedOutput()
		switch {
		case strings.Contains(string(out), "--- SKIP"), err != nil && strings.Contains(err.Error(), "fork/exec"):
			t.Skipf("no tmpfs in a user namespace here: %v: %s", err, out)
		case err != nil || !strings.Contains(string(out), "--- PASS: TestFullDisk/"):
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	for _, full := range []string{"project", "layer"} {
		t.Run(full, func(t *testing.T) { fullDisk(t, full) })
	}
}

func fullDisk(t *testing.T, full string) {
	root := t.TempDir()
	project, state := filepath.Join(root, "project"), filepath.Join(root, "layer")
	for _, d := range []string{project, state} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	small := filepath.Join(root, full)
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=1m,mode=755"); err != nil {
		t.Skip(err)
	}
	defer func() { _ = unix.Unmount(small, unix.MNT_DETACH) }()
	const files = 12
	old, changed := bytes.Repeat([]byte("o"), 32<<10), bytes.Repeat([]byte("n"), 32<<10)
	for i := range files {
		if err := os.WriteFile(filepath.Join(project, fmt.Sprint(i)), old, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * layer.Coarse)
	dir := layer.Dir(state)
	if err := dir.Make(project); err != nil {
		t.Skip(err)
	}
	base := layer.Below(project, layer.Base{})
	base.Time = time.Now()
	if err := dir.SetBase(base); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir.Upper(), fmt.Sprint(i)), changed, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func() (apply.Done, error) {
		r, err := Lock(Options{Layer: state, Project: project, Trusted: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		return r.Apply(Wanted{})
	}
	filler := filepath.Join(small, "filler")
	failed := 0
	// From a disk that is quite full to one with room for some of it.
	for _, room := range []int{0, 4 << 10, 40 << 10, 80 << 10, 160 << 10} {
		fill(t, filler, room)
		d, err := run()
		if err != nil {
			failed++
			t.Logf("%d bytes free: %v", room, err)
		} else if len(d.Failed) > 0 {
			t.Errorf("%+v", d)
		}
		for i := range files {
			text, err := os.ReadFile(filepath.Join(project, fmt.Sprint(i)))
			if err != nil || !bytes.Equal(text, old) && !bytes.Equal(text, changed) {
				t.Fatalf("%d is neither as before nor as afterwards: %d bytes, %v", i, len(text), err)
			}
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
	if failed == 0 {
		t.Error("the disk was never full")
	}
	if full == "project" {
		if _, err := run(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		if text, _ := os.ReadFile(filepath.Join(project, fmt.Sprint(i))); full == "project" && !bytes.Equal(text, changed) {
			t.Errorf("%d was not applied", i)
		}
	}
	if full == "project" && apply.Unfinished(state) {
		t.Error("not finished")
	}
}

// fill makes a file that leaves so many bytes of a file system.
func fill(t *testing.T, name string, room int) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			break
		}
	}
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(max(0, fi.Size()-int64(room))); err != nil {
		t.Fatal(err)
	}
}
