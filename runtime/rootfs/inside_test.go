package rootfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// inside runs the calling test again in a user and a mount namespace of its
// own, and returns true there. The caller returns when it is false. env is for
// that run.
func inside(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		// Ubuntu's AppArmor lets the namespaces be made, and this fails.
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal("no user namespace:", err)
		}
		return true
	}
	self, err := os.Executable()
	must(t, err)
	c := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(append(os.Environ(), insideEnv+"=1", scratchEnv+"="+t.TempDir()), env...)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err = c.Start()
	if err != nil {
		out.WriteString("no user namespace")
	} else {
		err = c.Wait()
	}
	if bytes.Contains(out.Bytes(), []byte("no user namespace")) {
		if os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
			t.Fatalf("user namespaces must work here: %v: %s", err, &out)
		}
		t.Skipf("user namespaces are not to be had: %v: %s", err, &out)
	}
	if err != nil {
		t.Errorf("%v:\n%s", err, &out)
	}
	if !bytes.Contains(out.Bytes(), []byte("--- PASS: "+t.Name())) {
		t.Errorf("the test did not run inside:\n%s", &out)
	}
	return false
}

const insideEnv = "ROOTFS_TEST_INSIDE"

const scratchEnv = "ROOTFS_TEST_SCRATCH"

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
	return tr.Place, buildAll(tr, append([]specs.Mount{devMount}, mounts...)...)
}

// emptyTree is a tree in a fresh tmpfs.
func emptyTree(t *testing.T) *Tree {
	t.Helper()
	work := scratch(t)
	if err := unix.Mount("tmpfs", work, "tmpfs", 0, "mode=0700"); err != nil {
		t.Fatal(err)
	}
	tr, err := New(filepath.Join(work, "jail"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return tr
}

func buildAll(tr *Tree, mounts ...specs.Mount) error {
	s, err := OpenSources(mounts, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	return tr.Build(mounts, s, func(specs.Mount) bool { return true })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
