package supervisor

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sameMounts compares what the kernel answers about the mounts of a process
// with its mountinfo, and returns both.
func sameMounts(t *testing.T, pid string) (asked, read mountOptions) {
	t.Helper()
	proc := filepath.Join("/proc", pid)
	asked, err := askMounts(filepath.Join(proc, "ns/mnt"), 1)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.E2BIG) {
		t.Skipf("the kernel is older than 6.11: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if read, err = readMounts(filepath.Join(proc, "mountinfo"), 1); err != nil {
		t.Fatal(err)
	}
	for place, options := range read {
		var known []string
		for o := range strings.SplitSeq(options, ",") {
			switch o {
			case "ro", "rw", "nosuid", "nodev", "noexec":
				known = append(known, o)
			}
		}
		if have, ok := asked[place]; !ok || have != strings.Join(known, ",") {
			t.Errorf("%q is %q (%v), and %q in mountinfo", place, have, ok, options)
		}
	}
	if len(asked) != len(read) || len(read) == 0 {
		t.Errorf("%d places, and %d in mountinfo", len(asked), len(read))
	}
	return asked, read
}

func TestMountsAreThoseOfMountinfo(t *testing.T) { sameMounts(t, "self") }

// TestMountsOfAnother looks from outside at a namespace of every kind of mount.
func TestMountsOfAnother(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root administrates the namespaces of another process")
	}
	const script = `set -e
mount -t tmpfs -o mode=755 top "$1"; cd "$1"; mount --make-private .
mkdir plain shared slave unbindable 'a b' over $(seq 600)
i=0
for o in ro nosuid nodev noexec ro,nosuid ro,nodev ro,noexec nosuid,nodev nosuid,noexec nodev,noexec ro,nosuid,nodev \
	ro,nosuid,noexec ro,nodev,noexec nosuid,nodev,noexec ro,nosuid,nodev,noexec rw; do
	i=$((i + 1)); mount -t tmpfs -o $o x $i
done
for d in $(seq 17 600) plain shared slave unbindable 'a b' over; do mount -t tmpfs x "$d"; done
mount --make-shared shared; mount --make-shared slave
mount -t tmpfs -o ro,nosuid x over
mount --make-unbindable unbindable
exec 3>&1; unshare -m --propagation slave sh -c 'echo $$ >&3; read -r _'`
	dir := t.TempDir()
	c := exec.Command("unshare", "-m", "sh", "-c", script, "sh", dir)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = c.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	asked, _ := sameMounts(t, strconv.Itoa(pid))
	for place, want := range map[string]string{
		"plain": "rw", "a b": "rw", "over": "ro,nosuid", "600": "rw", "15": "ro,nosuid,nodev,noexec",
		"shared": "", "slave": "",
	} {
		if have := asked[filepath.Join(dir, place)]; have != want {
			t.Errorf("%q is %q, want %q", place, have, want)
		}
	}
}
