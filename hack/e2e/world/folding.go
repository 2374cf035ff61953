package world

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Folding is a file system with a repository and a folder "sub", in which some
// names are found by other spellings as well.
type Folding struct {
	// Folds says whether a folder, by its name ("" for the root), takes the one
	// spelling for the other.
	Folds func(folder, name, asked string) bool

	nodes []node
}

// AnyCase is for one in which no case matters.
func AnyCase(_, name, asked string) bool { return strings.EqualFold(name, asked) }

type node struct {
	parent     uint64
	name, text string
	dir        bool
}

// Mount mounts it for one test, by the protocol of fuse(4).
func (f *Folding) Mount(t *testing.T, at string) {
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
	f.nodes = []node{
		{},
		{dir: true},
		{1, ".git", "", true},
		{2, "HEAD", "ref: refs/heads/main\n", false},
		{2, "config", "[core]\n", false},
		{2, "objects", "", true},
		{2, "refs", "", true},
		{1, "README", "a project\n", false},
		{1, "sub", "", true},
		{1, ".env", Planted + "\n", false},
	}
	go f.serve(fd)
}

// find is the number of an entry, 0 if there is none.
func (f *Folding) find(parent uint64, asked string) uint64 {
	for i, n := range f.nodes {
		if n.parent == parent && i > 1 && (n.name == asked || f.Folds(f.nodes[parent].name, n.name, asked)) {
			return uint64(i)
		}
	}
	return 0
}

func (f *Folding) serve(fd int) {
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
		n, mode := f.nodes[id], uint32(unix.S_IFREG|0o644)
		if n.dir {
			mode = unix.S_IFDIR | 0o755
		}
		return words(id, uint64(len(n.text)), uint64(0), [3]uint64{}, [3]uint32{}, mode, uint32(1), [3]uint32{}, uint32(4096), uint32(0))
	}
	entry := func(i uint64) []byte {
		return append(words(i, uint64(0), [2]uint64{}, [2]uint32{}), attr(i)...)
	}
	text := func(b []byte) string { return strings.TrimRight(string(b), "\x00") }
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
			if i := f.find(id, text(in)); i > 0 {
				out = entry(i)
			} else {
				errno = unix.ENOENT
			}
		case 2, 36, 42: // FORGET, INTERRUPT, BATCH_FORGET
			continue
		case 3: // GETATTR
			out = append(words(uint64(0), uint64(0)), attr(id)...)
		case 9: // MKDIR
			if name := text(in[8:]); f.find(id, name) > 0 {
				errno = unix.EEXIST
			} else {
				f.nodes = append(f.nodes, node{id, name, "", true})
				out = entry(uint64(len(f.nodes) - 1))
			}
		case 14, 27: // OPEN, OPENDIR
			out = words([2]uint64{})
		case 15: // READ
			data, off, size := f.nodes[id].text, order.Uint64(in[8:]), order.Uint32(in[16:])
			data = data[min(off, uint64(len(data))):]
			out = []byte(data[:min(int(size), len(data))])
		case 17: // STATFS
			out = words([5]uint64{}, uint32(4096), uint32(255), uint32(4096), [7]uint32{})
		case 18, 25, 29, 34, 38: // RELEASE, FLUSH, RELEASEDIR, ACCESS, DESTROY
		case 26: // INIT
			out = words(uint32(7), uint32(31), uint32(0), uint32(0), uint16(0), uint16(0), uint32(4096), uint32(1), [2]uint16{}, [8]uint32{})
		case 28: // READDIR
			for i, off := 2, order.Uint64(in[8:]); i < len(f.nodes); i++ {
				if f.nodes[i].parent != id || uint64(i) <= off {
					continue
				}
				kind := uint32(unix.DT_REG)
				if f.nodes[i].dir {
					kind = unix.DT_DIR
				}
				out = append(out, words(uint64(i), uint64(i), uint32(len(f.nodes[i].name)), kind)...)
				out = append(out, f.nodes[i].name...)
				out = append(out, make([]byte, (8-len(f.nodes[i].name)%8)%8)...)
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
