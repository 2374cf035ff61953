package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestNamesOfMoreThanOneSpelling: where ".GIT" is ".git" too, a project is refused,
// unless it is read-only and hides nothing.
func TestNamesOfMoreThanOneSpelling(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	dir := filepath.Join(w.Home, "folding")
	w.Mkdir(dir, 0o755)
	foldingFilesystem(t, dir)
	if _, err := os.Stat(dir + "/.GIT/Config"); err != nil {
		t.Fatal(err)
	}
	ro := w.Write(w.Dir+"/ro.toml", "version = 1\n[files]\nproject = \"ro\"\n")
	hides := w.Write(w.Dir+"/hides.toml", "version = 1\n[files]\nproject = \"ro\"\nhide = [\"README\"]\n")
	for _, c := range []struct {
		flags  []string
		status int
	}{
		{[]string{"--project", dir}, 125},
		{[]string{"--project", dir + "/.git"}, 125},
		{[]string{"--project", dir, "--policy", ro}, 0},
		{[]string{"--project", dir, "--policy", hides}, 125},
		{[]string{"--write", dir}, 125},
		{[]string{"--write", dir, "--policy", ro}, 125},
		{[]string{"--read", dir}, 0},
	} {
		if r := w.Bash("true", c.flags...); r.Status != c.status || c.status != 0 && !strings.Contains(r.Err, "names have more than one spelling") {
			t.Errorf("%q: %s", c.flags, r)
		}
	}
}

// node is a file of a file system for one test.
type node struct {
	parent     uint64
	name, text string
	dir        bool
}

// foldingFilesystem mounts one in which no case matters, by the protocol of
// fuse(4).
func foldingFilesystem(t *testing.T, at string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root mounts a file system that others see")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	if err := unix.Mount("folding", at, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)); err != nil {
		_ = unix.Close(fd)
		t.Skipf("FUSE cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		_ = unix.Unmount(at, unix.MNT_DETACH)
		_ = unix.Close(fd)
	})
	nodes := []node{{}, {dir: true}, {1, ".git", "", true}, {2, "HEAD", "ref: refs/heads/main\n", false}, {2, "config", "[core]\n", false}, {2, "objects", "", true}, {2, "refs", "", true}, {1, "README", "a project\n", false}}
	go serveFuse(fd, nodes)
}

func serveFuse(fd int, nodes []node) {
	buf := make([]byte, 256<<10)
	order := binary.NativeEndian
	words := func(list ...any) []byte {
		var b bytes.Buffer
		for _, v := range list {
			_ = binary.Write(&b, order, v)
		}
		return b.Bytes()
	}
	attr := func(id uint64) []byte {
		n, mode := nodes[id], uint32(unix.S_IFREG|0o644)
		if n.dir {
			mode = unix.S_IFDIR | 0o755
		}
		return words(id, uint64(len(n.text)), uint64(0), [3]uint64{}, [3]uint32{}, mode, uint32(1), [3]uint32{}, uint32(4096), uint32(0))
	}
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR || err == unix.ENOENT {
			continue
		}
		if err != nil {
			return
		}
		in := buf[40:n]
		op, unique, id := order.Uint32(buf[4:]), order.Uint64(buf[8:]), order.Uint64(buf[16:])
		var out []byte
		errno := unix.Errno(0)
		switch op {
		case 1: // LOOKUP
			name := strings.TrimRight(string(in), "\x00")
			errno = unix.ENOENT
			for i, n := range nodes {
				if n.parent == id && i > 1 && strings.EqualFold(n.name, name) {
					errno, out = 0, append(words(uint64(i), uint64(0), [2]uint64{}, [2]uint32{}), attr(uint64(i))...)
				}
			}
		case 2, 36, 42: // FORGET, INTERRUPT, BATCH_FORGET
			continue
		case 3: // GETATTR
			out = append(words(uint64(0), uint64(0)), attr(id)...)
		case 14, 27: // OPEN, OPENDIR
			out = words([2]uint64{})
		case 15: // READ
			text, off, size := nodes[id].text, order.Uint64(in[8:]), order.Uint32(in[16:])
			text = text[min(off, uint64(len(text))):]
			out = []byte(text[:min(int(size), len(text))])
		case 17: // STATFS
			out = words([5]uint64{}, uint32(4096), uint32(255), uint32(4096), [7]uint32{})
		case 18, 25, 29, 34, 38: // RELEASE, FLUSH, RELEASEDIR, ACCESS, DESTROY
		case 26: // INIT
			out = words(uint32(7), uint32(31), uint32(0), uint32(0), uint16(0), uint16(0), uint32(4096), uint32(1), [2]uint16{}, [8]uint32{})
		case 28: // READDIR
			for i, off := 2, order.Uint64(in[8:]); i < len(nodes); i++ {
				if nodes[i].parent != id || uint64(i) <= off {
					continue
				}
				kind := uint32(unix.DT_REG)
				if nodes[i].dir {
					kind = unix.DT_DIR
				}
				out = append(out, words(uint64(i), uint64(i), uint32(len(nodes[i].name)), kind)...)
				out = append(out, nodes[i].name...)
				out = append(out, make([]byte, (8-len(nodes[i].name)%8)%8)...)
			}
		default:
			errno = unix.ENOSYS
		}
		if errno != 0 {
			out = nil
		}
		_, _ = unix.Write(fd, append(words(uint32(16+len(out)), -int32(errno), unique), out...))
	}
}
