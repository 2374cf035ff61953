package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/receipt"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

func open(t *testing.T, dir string) int {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestLook: what a jail left is read through no symlink, waited for nowhere, and a
// folder only as far as a jail may make it take.
func TestLook(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, outside := t.TempDir(), t.TempDir()
	must(os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	must(os.Symlink(outside, filepath.Join(dir, "link")))
	must(os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "file")))
	must(unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	must(unix.Mkfifo(filepath.Join(dir, "folder/fifo"), 0o600))
	must(os.WriteFile(filepath.Join(dir, "folder/a"), []byte("a"), 0o600))
	root, e := open(t, dir), &End{}
	look := e.look
	for name, want := range map[string]string{"link/secret": receipt.Unseen, "gone": receipt.Unseen, "link": "symlink", "file": "symlink", "fifo": "fifo", "folder": "folder", "folder/a": "file"} {
		kind, digest := look(root, name)
		if kind != want || (digest == "") != (want == receipt.Unseen || want == "fifo") {
			t.Errorf("%s: %s %q, not %s", name, kind, digest, want)
		}
	}
	_, secret := look(open(t, outside), "secret")
	if _, digest := look(root, "file"); digest == secret {
		t.Error("the file behind a symlink was read")
	}
	_, before := look(root, "folder")
	must(os.WriteFile(filepath.Join(dir, "folder/a"), []byte("b"), 0o600))
	if _, after := look(root, "folder"); after == before {
		t.Error("another content of a folder has the same digest")
	}
	for i := range maxTree {
		must(os.WriteFile(filepath.Join(dir, "folder", fmt.Sprint(i)), nil, 0o600))
	}
	if kind, digest := look(root, "folder"); kind != "folder" || digest != "" {
		t.Errorf("a folder of too many files: %s %q", kind, digest)
	}
	// These have no block on the disk, and would be read for an hour.
	const huge = 1 << 42
	must(os.Mkdir(filepath.Join(dir, "sparse"), 0o700))
	for _, name := range []string{"huge", "sparse/a"} {
		must(os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		must(os.Truncate(filepath.Join(dir, name), huge))
	}
	for name, want := range map[string]string{"huge": "file", "sparse": "folder"} {
		if kind, digest := look(root, name); kind != want || digest != "" {
			t.Errorf("%s: %s %q", name, kind, digest)
		}
	}
	if _, digest := look(root, "folder/a"); digest == "" {
		t.Error("a small file is not read after a large one")
	}
	// Many of them are no way around.
	e.read = maxRead
	if kind, digest := look(root, "folder/a"); kind != "file" || digest != "" {
		t.Errorf("%s %q of what is too much together", kind, digest)
	}
}

// TestListed: a jail cannot make a receipt as long as it likes, and what is left out is
// counted.
func TestListed(t *testing.T) {
	var p receipt.Predicate
	for i := range maxListed + 7 {
		list(&p, receipt.Change{Path: fmt.Sprint("a\x1b", i), Kind: "file"})
	}
	if len(p.Changed) != maxListed || p.Unlisted != 7 {
		t.Errorf("%d listed, %d not", len(p.Changed), p.Unlisted)
	}
	if c := p.Changed[1]; c.Path != receipt.Text("a\x1b1") || c.Kind != "file" {
		t.Errorf("%+v", c)
	}
}

// TestPlace: a receipt replaces nothing, and leaves nothing where it cannot be
// written.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	r := launch.Receipt{Dir: open(t, dir), Name: "receipt.json"}
	if err := place(r, "abc", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := place(r, "abd", []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("one that is there: %v", err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, ".abe.receipt")); err != nil {
		t.Fatal(err)
	}
	if err := place(launch.Receipt{Dir: r.Dir, Name: "other"}, "abe", []byte("third")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a symlink in the place of what is not finished: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "receipt.json"))
	if err != nil || string(text) != "first" {
		t.Errorf("%q: %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left: %v: %v", left, err)
	}
}
