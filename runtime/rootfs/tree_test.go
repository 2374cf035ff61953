package rootfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

func TestReadOnlyBind(t *testing.T) {
	if !inside(t) {
		return
	}
	src := scratch(t)
	rootfs, err := built(t, bindMount(src, "/work", "ro", "rro"), bindMount(src, "/other", "rw"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(rootfs, "work/x"), nil, 0o600); err == nil {
		t.Error("a read-only mount is writable")
	}
	if err := os.WriteFile(filepath.Join(rootfs, "other/x"), nil, 0o600); err != nil {
		t.Error(err)
	}
}

// TestStorePaths: folders and files of a store, which nobody can add to.
func TestStorePaths(t *testing.T) {
	if !inside(t) {
		return
	}
	store := scratch(t)
	must(t, os.Mkdir(filepath.Join(store, "folder"), 0o755))
	must(t, os.WriteFile(filepath.Join(store, "folder/x"), []byte("x"), 0o600))
	must(t, os.WriteFile(filepath.Join(store, "file"), []byte("y"), 0o600))
	host, err := openFolder(store)
	must(t, err)
	defer host.Close()
	tr := emptyTree(t)
	points, err := tr.mountPoint(storepath.Dir, true)
	must(t, err)
	defer unix.Close(points)
	jail, err := tr.storeRoot(points)
	must(t, err)
	defer unix.Close(jail)
	var mounts []specs.Mount
	for _, name := range []string{"folder", "file", "gone"} {
		mounts = append(mounts, storeMount(name))
	}
	for err := range makeStorePoints(points, mounts) {
		must(t, err)
	}
	for _, name := range []string{"folder", "file"} {
		must(t, bindStorePath(int(host.Fd()), jail, points, name))
	}
	if err := bindStorePath(int(host.Fd()), jail, points, "gone"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("of what is not there: %v", err)
	}
	at := filepath.Join(tr.Place, storepath.Dir)
	for name, want := range map[string]string{"folder/x": "x", "file": "y"} {
		if text, err := os.ReadFile(filepath.Join(at, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	if err := os.WriteFile(filepath.Join(at, "new"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("a file beside the store paths: %v", err)
	}
	if err := os.Remove(filepath.Join(at, "gone")); !errors.Is(err, unix.EROFS) {
		t.Errorf("removed: %v", err)
	}
}

func storeMount(name string) specs.Mount {
	return bindMount(filepath.Join(storepath.Dir, name), filepath.Join(storepath.Dir, name), "ro", "rro")
}

// TestReadOnlyCoversSubmounts: what is mounted below a read-only folder is
// read-only too.
func TestReadOnlyCoversSubmounts(t *testing.T) {
	if !inside(t) {
		return
	}
	src := scratch(t)
	below := filepath.Join(src, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", below, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	rootfs, err := built(t, bindMount(src, "/work", "ro", "rro"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(rootfs, "work/below/x"), nil, 0o600); err == nil {
		t.Error("a mount below a read-only one is writable")
	}
}

// TestSourceBecameSymlink: CVE-2021-30465 was a link put where a source had
// been checked.
func TestSourceBecameSymlink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{filepath.Join(dir, "link"), filepath.Join(dir, "link/below")} {
		_, err := OpenSources([]specs.Mount{bindMount(source, "/work")}, nil)
		if err == nil || !strings.Contains(err.Error(), "became a symlink") {
			t.Errorf("%s: %v", source, err)
		}
	}
	_, err := OpenSources([]specs.Mount{bindMount(filepath.Join(dir, "gone"), "/work")}, nil)
	if err == nil || !strings.Contains(err.Error(), "vanished") {
		t.Errorf("a missing source: %v", err)
	}
}

// TestNothingIsMadeOnTheHost: a mount point that is missing in a folder of the
// host is an error, not a stub.
func TestNothingIsMadeOnTheHost(t *testing.T) {
	if !inside(t) {
		return
	}
	project, other := scratch(t), scratch(t)
	_, err := built(t, bindMount(project, "/work", "rw"), bindMount(other, "/work/.git/hooks", "ro", "rro"))
	if err == nil || !strings.Contains(err.Error(), "does not exist on the host, and nothing is made there") {
		t.Errorf("error %v", err)
	}
	entries, err := os.ReadDir(project)
	if err != nil || len(entries) > 0 {
		t.Errorf("the project holds %v (%v)", entries, err)
	}
}

// TestMountPointIsNoSymlink: a link in the project must not move a mount.
func TestMountPointIsNoSymlink(t *testing.T) {
	if !inside(t) {
		return
	}
	project, other := scratch(t), scratch(t)
	if err := os.Mkdir(filepath.Join(project, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	// One to what the jail has, which resolves there, and one to what it has not.
	for link, target := range map[string]string{"inside": "real", "outside": "/etc"} {
		if err := os.Symlink(target, filepath.Join(project, link)); err != nil {
			t.Fatal(err)
		}
		for _, dest := range []string{"/work/" + link, "/work/" + link + "/deeper"} {
			if _, err := built(t, bindMount(project, "/work", "rw"), bindMount(other, dest, "rw")); err == nil {
				t.Errorf("a mount was made on %s, through the symlink to %s", dest, target)
			}
		}
	}
}

func TestPinnedFolderCannotBeRenamed(t *testing.T) {
	if !inside(t) {
		return
	}
	project := scratch(t)
	if err := os.MkdirAll(filepath.Join(project, ".git/hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	git := filepath.Join(project, ".git")
	rootfs, err := built(t, bindMount(project, "/work", "rw"), bindMount(git, "/work/.git", "rw"), bindMount(git+"/hooks", "/work/.git/hooks", "ro", "rro"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{".git", ".git/hooks"} {
		if err := os.Rename(filepath.Join(rootfs, "work", p), filepath.Join(rootfs, "work/moved")); err == nil {
			t.Errorf("%s was renamed", p)
		}
	}
}

func TestUnknownOptionsAreRefused(t *testing.T) {
	if !inside(t) {
		return
	}
	if _, err := built(t, bindMount(scratch(t), "/work", "idmap")); err == nil {
		t.Error("an option that is not understood was passed over")
	}
}

// TestHide: a file reads as empty, a folder is an empty one that cannot be
// written, and what is not there stays so.
func TestHide(t *testing.T) {
	if !inside(t) {
		return
	}
	project := scratch(t)
	must(t, os.WriteFile(filepath.Join(project, "secret"), []byte("s"), 0o600))
	must(t, os.MkdirAll(filepath.Join(project, "secrets/deep"), 0o755))
	must(t, os.Symlink("secret", filepath.Join(project, "link")))
	tr := emptyTree(t)
	must(t, buildAll(tr, devMount, bindMount(project, "/work", "rw")))
	for _, p := range []string{"/work/secret", "/work/secrets", "/work/gone", "/work/secret/gone", "/elsewhere"} {
		must(t, tr.Hide(p))
	}
	work := filepath.Join(tr.Place, "work")
	if text, err := os.ReadFile(filepath.Join(work, "secret")); err != nil || len(text) > 0 {
		t.Errorf("the file reads as %q (%v)", text, err)
	}
	if entries, err := os.ReadDir(filepath.Join(work, "secrets")); err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
	if err := os.WriteFile(filepath.Join(work, "secrets/x"), nil, 0o600); err == nil {
		t.Error("the folder that covers can be written")
	}
	for _, p := range []string{"secret", "secrets"} {
		if err := os.Rename(filepath.Join(work, p), filepath.Join(work, "moved")); err == nil {
			t.Errorf("%s was moved", p)
		}
	}
	if entries, err := os.ReadDir(project); err != nil || len(entries) != 3 {
		t.Errorf("the project holds %v (%v)", entries, err)
	}
	if text, err := os.ReadFile(filepath.Join(project, "secret")); err != nil || string(text) != "s" {
		t.Errorf("the host's file reads as %q (%v)", text, err)
	}
	if err := tr.Hide("/work/link"); err == nil {
		t.Error("a symlink was followed")
	}
}
