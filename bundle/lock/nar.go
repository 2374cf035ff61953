package lock

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The archive format of Nix (Dolstra, "The Purely Functional Software
// Deployment Model", figure 5.2), straight into a hash. That of
// github.com/nix-community/go-nix refuses names that begin with two dots, and
// hands each token and each file to another goroutine; the tests compare with
// it.

const (
	// chunk is what is read at once of a small file.
	chunk = 256 << 10
	// window is what is mapped at once of a large one. The hash of one file
	// cannot be split, and the largest file decides how long all of it takes:
	// so its pages are not copied, and mapped by another processor ahead of
	// the hash.
	window = 16 << 20
	// ahead is how many windows that are.
	ahead = 2
	// large files are mapped.
	large = 4 * chunk
)

// narHasher hashes the NAR of one store path after another.
type narHasher struct {
	// ctx is that of the one call of hashAll that this is made for.
	ctx  context.Context //nolint:containedctx // it lives as long as that call
	sum  hash.Hash
	size int64
	// small gathers tokens and small files.
	small []byte
	// done counts all bytes, of all hashers.
	done *atomic.Int64
}

func newNarHasher(ctx context.Context, done *atomic.Int64) *narHasher {
	return &narHasher{ctx: ctx, sum: sha256.New(), small: make([]byte, 0, chunk), done: done}
}

// path is the hash and size of what is at p, where it is called name.
func (n *narHasher) path(p string) (sum string, size int64, err error) {
	n.sum.Reset()
	n.size, n.small = 0, n.small[:0]
	n.token("nix-archive-1")
	if err := n.node(p); err != nil {
		return "", 0, err
	}
	n.flush()
	return formatHash(n.sum.Sum(nil)), n.size, nil
}

func (n *narHasher) flush() { n.hash(n.small); n.small = n.small[:0] }

func (n *narHasher) hash(b []byte) {
	_, _ = n.sum.Write(b) // "It never returns an error." (hash.Hash)
	n.size += int64(len(b))
	n.done.Add(int64(len(b)))
}

func (n *narHasher) token(words ...string) {
	for _, w := range words {
		n.length(int64(len(w)))
		n.small = append(n.small, w...)
		n.pad(int64(len(w)))
	}
}

func (n *narHasher) length(l int64) {
	if cap(n.small)-len(n.small) < chunk/8 {
		n.flush()
	}
	n.small = binary.LittleEndian.AppendUint64(n.small, uint64(l))
}

func (n *narHasher) pad(l int64) {
	const unit = 8
	var zeros [unit]byte
	n.small = append(n.small, zeros[:(unit-l%unit)%unit]...)
}

func (n *narHasher) node(p string) error {
	if err := n.ctx.Err(); err != nil {
		return err
	}
	fi, err := os.Lstat(p)
	if err != nil {
		return err
	}
	n.token("(", "type")
	switch fi.Mode().Type() {
	case 0:
		err = n.file(p)
	case fs.ModeDir:
		err = n.folder(p)
	case fs.ModeSymlink:
		var target string
		if target, err = os.Readlink(p); err == nil {
			n.token("symlink", "target", target)
		}
	default:
		err = &fs.PathError{Op: "read", Path: p, Err: errNotNar}
	}
	if err != nil {
		return err
	}
	n.token(")")
	return nil
}

func (n *narHasher) folder(p string) error {
	n.token("directory")
	entries, err := os.ReadDir(p) // sorted by name, byte by byte, as in a NAR
	if err != nil {
		return err
	}
	for _, e := range entries {
		n.token("entry", "(", "name", e.Name(), "node")
		if err := n.node(filepath.Join(p, e.Name())); err != nil {
			return err
		}
		n.token(")")
	}
	return nil
}

func (n *narHasher) file(p string) error {
	// What was a file a moment ago might be a FIFO now.
	f, err := os.OpenFile(p, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return &fs.PathError{Op: "read", Path: p, Err: errChanging}
	}
	n.token("regular")
	if fi.Mode()&0o100 != 0 { // the owner's bit, as in Nix
		n.token("executable", "")
	}
	n.token("contents")
	size := fi.Size()
	n.length(size)
	read := n.contents
	if size >= large {
		n.flush()
		read = n.largeContents
	}
	switch err := read(f, size); {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &fs.PathError{Op: "read", Path: p, Err: errChanging}
	case err != nil:
		return err
	}
	n.pad(size)
	return nil
}

// contents reads a file to its end into the small buffer, flushing it as it
// fills up.
func (n *narHasher) contents(f *os.File, size int64) error {
	for size > 0 {
		if len(n.small) == cap(n.small) {
			n.flush()
		}
		from := len(n.small)
		to := from + int(min(size, int64(cap(n.small)-from)))
		n.small = n.small[:to]
		if _, err := io.ReadFull(f, n.small[from:to]); err != nil {
			return err
		}
		size -= int64(to - from)
	}
	return atEnd(f)
}

// atEnd: the file has not grown since its size was asked for.
func atEnd(f *os.File) error {
	var more [1]byte
	switch k, err := f.Read(more[:]); {
	case k > 0:
		return io.ErrUnexpectedEOF
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// largeContents maps a file, piece by piece. A file that cannot be mapped is
// read.
func (n *narHasher) largeContents(f *os.File, size int64) (err error) {
	first, err := mapWindow(f, 0, size)
	if err != nil {
		return n.contents(f, size)
	}
	mapped := make(chan []byte, ahead)
	var failed error // set before mapped is closed, read after
	go func() {
		defer close(mapped)
		mapped <- first
		for at := int64(len(first)); at < size; {
			var w []byte
			if failed = n.ctx.Err(); failed == nil {
				w, failed = mapWindow(f, at, size)
			}
			if failed != nil {
				return
			}
			mapped <- w
			at += int64(len(w))
		}
	}()
	for w := range mapped {
		if err == nil {
			err = n.hashMapped(w)
		}
		if e := unix.Munmap(w); err == nil && e != nil {
			err = os.NewSyscallError("munmap", e)
		}
	}
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	// As long as it was. What changed meanwhile is in the hash, or is not.
	if fi, err := f.Stat(); err != nil || fi.Size() != size {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	return nil
}

// mapWindow maps what begins at an offset, pages present.
func mapWindow(f *os.File, at, size int64) ([]byte, error) {
	w, err := unix.Mmap(int(f.Fd()), at, int(min(size-at, window)), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return w, nil
}

// hashMapped is hash for mapped pages: where the file was cut off meanwhile, or
// the disk cannot be read, the kernel sends SIGBUS.
func (n *narHasher) hashMapped(w []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if _, fault := r.(interface{ Addr() uintptr }); !fault {
				panic(r)
			}
			err = io.ErrUnexpectedEOF
		}
	}()
	// In pieces, for progress.
	for piece := range slices.Chunk(w, 4*chunk) {
		n.hash(piece)
	}
	return nil
}
