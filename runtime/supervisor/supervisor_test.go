package supervisor

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// inside runs the calling test again in a user and mount namespace of its own,
// entered by the constructor as a supervisor does, and returns true there. The
// caller returns when it is false. env is for that run.
func inside(t *testing.T, env ...string) bool {
	t.Helper()
	if IsStage() {
		if err := entered(); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(append(os.Environ(), stageEnv+"=test", scratchEnv+"="+t.TempDir()), env...)
	out, err := c.CombinedOutput()
	if bytes.Contains(out, []byte("no user namespace")) {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatalf("user namespaces must work here: %s", out)
		}
		t.Skipf("user namespaces are not to be had: %s", out)
	}
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("the test did not run inside:\n%s", out)
	}
	return false
}

const scratchEnv = "SUPERVISOR_TEST_SCRATCH"

// scratch is a folder inside. It cannot be removed there, with mounts in it;
// the test outside removes it, where there are none.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv(scratchEnv), "")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func bindMount(source, dest string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: dest, Options: append([]string{"rbind", "nosuid", "nodev"}, options...)}
}

var devMount = specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: "/dev", Options: []string{"nosuid", "mode=755", "size=64k"}}

// built builds mounts in a fresh tmpfs and returns the rootfs.
func built(t *testing.T, mounts ...specs.Mount) (rootfs string, err error) {
	t.Helper()
	tr := emptyTree(t)
	return tr.place, buildAll(tr, append([]specs.Mount{devMount}, mounts...)...)
}

// emptyTree is a tree in a fresh tmpfs.
func emptyTree(t *testing.T) *tree {
	t.Helper()
	work := scratch(t)
	if err := unix.Mount("tmpfs", work, "tmpfs", 0, "mode=0700"); err != nil {
		t.Fatal(err)
	}
	tr, err := newTree(filepath.Join(work, "jail"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.close)
	return tr
}

func buildAll(tr *tree, mounts ...specs.Mount) error {
	s, err := openSources(mounts, nil)
	if err != nil {
		return err
	}
	defer s.close()
	return tr.build(mounts, s, func(specs.Mount) bool { return true })
}

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
	points, err := tr.mountPoint(storeDir, true)
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
	at := filepath.Join(tr.place, storeDir)
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
	return bindMount(filepath.Join(storeDir, name), filepath.Join(storeDir, name), "ro", "rro")
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
		_, err := openSources([]specs.Mount{bindMount(source, "/work")}, nil)
		if err == nil || !strings.Contains(err.Error(), "became a symlink") {
			t.Errorf("%s: %v", source, err)
		}
	}
	_, err := openSources([]specs.Mount{bindMount(filepath.Join(dir, "gone"), "/work")}, nil)
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

func TestCompareMounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mountinfo")
	text := `36 35 98:0 / / ro,relatime - tmpfs tmpfs rw
37 36 98:0 /s /nix/store/x ro,nosuid,nodev,relatime - ext4 /dev/vda rw
38 36 98:0 /p /home/a\040b rw,nosuid,nodev - ext4 /dev/vda rw
42 36 98:0 /p /shared rw,nosuid,nodev shared:1 - ext4 /dev/vda rw
43 36 98:0 /p /slave rw,nosuid,nodev master:1 - ext4 /dev/vda rw
44 36 0:5 / /proc/sys ro,nosuid,nodev,noexec - proc proc rw
45 36 0:6 /null /proc/kcore rw,nosuid,noexec - devtmpfs devtmpfs rw
46 36 0:5 / /proc/irq rw,nosuid,nodev,noexec - proc proc rw
39 36 98:0 /p /home/a\040b/.git ro,nosuid,nodev - ext4 /dev/vda rw
40 36 98:0 /p /twice ro,nosuid,nodev - ext4 /dev/vda rw
41 36 98:0 /p /twice rw,nosuid,nodev - ext4 /dev/vda rw
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ro := []string{"ro", "nosuid", "nodev"}
	for _, tt := range []struct {
		name    string
		mount   specs.Mount
		missing bool
	}{
		{"store path", specs.Mount{Destination: "/nix/store/x", Options: ro}, false},
		{"a blank in the name", specs.Mount{Destination: "/home/a b", Options: []string{"rw", "nosuid"}}, false},
		{"read-only", specs.Mount{Destination: "/home/a b/.git", Options: ro}, false},
		{"writable where it shall not be", specs.Mount{Destination: "/home/a b", Options: ro}, true},
		{"not mounted", specs.Mount{Destination: "/absent", Options: ro}, true},
		{"covered by a writable one", specs.Mount{Destination: "/twice", Options: ro}, true},
		{"shared with the host", specs.Mount{Destination: "/shared", Options: []string{"rw"}}, true},
		{"fed by the host", specs.Mount{Destination: "/slave", Options: []string{"rw"}}, true},
		{"programs run where they shall not", specs.Mount{Destination: "/home/a b", Options: []string{"rw", "noexec"}}, true},
		{"a flag is missing", specs.Mount{Destination: "/", Options: []string{"ro", "nosuid"}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have, err := readMounts(file, 1)
			if err != nil {
				t.Fatal(err)
			}
			var o observed
			o.compareMounts(have, []specs.Mount{tt.mount})
			if got := len(o.missing) > 0; got != tt.missing {
				t.Errorf("missing %v", o.missing)
			}
		})
	}
}

// TestCompareMasks: what a runtime shall have hidden or made read-only it has, if
// it exists.
func TestCompareMasks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mountinfo")
	text := `44 36 0:5 / /proc/sys ro,nosuid,nodev,noexec - proc proc rw
45 36 0:6 /null /proc/kcore rw,nosuid,noexec - devtmpfs devtmpfs rw
46 36 0:5 / /proc/irq rw,nosuid,nodev,noexec - proc proc rw
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, root       string
		masked, readonly []string
		missing          []string
	}{
		{"as it shall be", "ro,nodev", []string{"/proc/kcore"}, []string{"/proc/sys"}, nil},
		{"does not exist", "ro", []string{"/gone"}, []string{"/gone"}, nil},
		{"not masked", "ro", []string{"/proc/keys"}, nil, []string{`"/proc/keys"`}},
		{"not read-only", "ro", nil, []string{"/proc/irq"}, []string{`"/proc/irq"`}},
		{"neither", "ro", nil, []string{"/proc/bus"}, []string{`"/proc/bus"`}},
		{"writable root", "rw", nil, nil, []string{`"/"`}},
	} {
		have, err := readMounts(file, 1)
		have["/"] = tt.root
		var o observed
		s := &specs.Spec{Root: &specs.Root{Readonly: true}, Linux: &specs.Linux{MaskedPaths: tt.masked, ReadonlyPaths: tt.readonly}}
		o.compareMasks(have, s, func(p string) bool { return p != "/gone" })
		if err != nil || !slices.Equal(o.missing, tt.missing) {
			t.Errorf("%s: missing %v, %v", tt.name, o.missing, err)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`a\040b`: "a b", `a\012b`: "a\nb", `a\134b`: `a\b`, `a\04`: `a\04`, `\999`: `\999`, "plain": "plain"} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestHolds: every protection that a user may require is one that inspect can
// see to be missing.
func TestHolds(t *testing.T) {
	good := observed{seccomp: true, filters: 2, capabilities: true, ownNetwork: true, limits: []string{"pids"}, landlock: true}
	for _, p := range Protections {
		if !good.holds(p) {
			t.Errorf("%s does not hold where all does", p)
		}
		if (observed{}).holds(p) {
			t.Errorf("%s holds where nothing does", p)
		}
	}
	if good.holds("surprise") {
		t.Error("an unknown protection holds")
	}
}

// TestRefuse: a jail in which one promise does not hold does not start.
func TestRefuse(t *testing.T) {
	good := observed{noNewPrivs: true, seccomp: true, filters: 2, capabilities: true}
	if err := good.refuse([]string{"seccomp", "userns", "caps"}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*observed){
		"would have privileges":              func(o *observed) { o.noNewPrivs = false },
		"the agent would have privileges":    func(o *observed) { o.capabilities = false },
		"without seccomp":                    func(o *observed) { o.seccomp = false },
		"not mounted as":                     func(o *observed) { o.missing = []string{`"/nix/store/x"`} },
		"--require userns: it does not hold": func(o *observed) { o.filters = 1 },
	} {
		o := good
		change(&o)
		if err := o.refuse([]string{"userns"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := good.refuse([]string{"landlock"}); err == nil {
		t.Error("--require landlock holds without Landlock")
	}
	good.landlock = true
	if err := good.refuse([]string{"landlock"}); err != nil {
		t.Error(err)
	}
	if err := good.refuse([]string{"net"}); err == nil {
		t.Error("--require net holds on the host's network")
	}
}

// TestMountsAreTheAgents: what was looked at has to be the namespace that the
// agent is in.
func TestMountsAreTheAgents(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	c := &container{network: new(jailNet)}
	for ns, want := range map[string]string{own: "", "mnt:[1]": "and PID 1 in mnt:[1]"} {
		found := make(chan mounts, 1)
		found <- mounts{ns: ns}
		_, err := c.observe(os.Getpid(), found)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", ns, err)
		}
	}
	gone := make(chan mounts, 1)
	gone <- mounts{ns: own, err: os.ErrNotExist}
	if _, err := c.observe(os.Getpid(), gone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("mounts that could not be read: %v", err)
	}
}
