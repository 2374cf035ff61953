package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// agentID owns what belongs to the agent inside.
const agentID = 1000

// built is a layer that is a blob of the layout.
type built struct {
	unit
	layer
}

// layer is what the cache keeps of one beside the blob.
type layer struct {
	DiffID digest.Digest
	Digest digest.Digest
	Size   int64
	// Refs are, for each store path in it, the others of the store that its
	// files name.
	Refs map[string][]string
}

type builder struct {
	dir        string
	compressor compressor
	cache      cache
	progress   func(done, total int64)

	done   atomic.Int64
	total  int64
	reused int
}

// build makes all layers, the largest first, as many at once as there are
// processors: which one is finished when makes no difference to their bytes.
func (b *builder) build(ctx context.Context, units []unit) ([]built, error) {
	layers := make([]built, 0, len(units))
	var missing []unit
	for _, u := range units {
		key, err := u.key()
		if err != nil {
			return nil, err
		}
		l, ok := b.cache.take(key, b.dir)
		if !ok {
			missing = append(missing, u)
			b.total += u.size
			continue
		}
		b.reused++
		layers = append(layers, built{u, l})
	}
	made, err := b.each(ctx, missing, b.one)
	return append(layers, made...), err
}

// each makes layers, the largest first, as many at once as there are processors.
func (b *builder) each(ctx context.Context, missing []unit, one func(context.Context, unit) (layer, error)) ([]built, error) {
	slices.SortStableFunc(missing, func(x, y unit) int { return int(y.size - x.size) })
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	made := make([]built, len(missing))
	var first sync.Once
	var failed error
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(missing) {
					return
				}
				l, err := one(ctx, missing[i])
				if err != nil {
					first.Do(func() { failed = err }) // others give up, or fail of the same
					cancel()
					return
				}
				made[i] = built{missing[i], l}
			}
		})
	}
	wait.Wait()
	if failed != nil {
		return nil, failed
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return made, nil
}

// one makes a layer: each byte is read once, hashed, compressed and hashed
// again.
func (b *builder) one(ctx context.Context, u unit) (l layer, err error) {
	// Before anything is read: what changes later gives another key.
	key, err := u.key()
	if err != nil {
		return layer{}, err
	}
	f, err := os.CreateTemp(b.dir, ".layer-")
	if err != nil {
		return layer{}, err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, ignoreGone(os.Remove(f.Name())))
		}
	}()
	stored := &counter{w: bufio.NewWriterSize(f, 1<<20), sum: sha256.New()}
	compressed, err := b.compressor.writer(stored)
	if err != nil {
		return layer{}, err
	}
	if l.DiffID, l.Refs, err = b.tar(ctx, u, compressed); err != nil {
		return layer{}, err
	}
	if err := errors.Join(compressed.Close(), stored.w.Flush(), f.Chmod(0o644)); err != nil {
		return layer{}, err
	}
	if err := u.again(key); err != nil {
		return layer{}, err
	}
	l.Digest, l.Size = digestOf(stored.sum), stored.n
	blob := filepath.Join(b.dir, l.Digest.Encoded())
	if err := os.Rename(f.Name(), blob); err != nil {
		return layer{}, err
	}
	b.cache.keep(key, l, blob)
	return l, nil
}

// tar writes a unit, and returns the digest of what it wrote.
func (b *builder) tar(ctx context.Context, u unit, to io.Writer) (digest.Digest, map[string][]string, error) {
	plain := sha256.New()
	w := &writer{givenUp: func() error { return context.Cause(ctx) }, tar: tar.NewWriter(io.MultiWriter(plain, to)), buffer: make([]byte, 1<<20), read: b.read}
	refs, err := w.unit(u)
	if err == nil {
		err = w.tar.Close()
	}
	return digestOf(plain), refs, err
}

func (b *builder) read(n int) {
	done := b.done.Add(int64(n))
	if b.progress != nil {
		b.progress(done, b.total)
	}
}

func digestOf(sum hash.Hash) digest.Digest { return digest.NewDigest(digest.SHA256, sum) }

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// counter hashes and counts what is stored.
type counter struct {
	w   *bufio.Writer
	sum hash.Hash
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	_, _ = c.sum.Write(p) // "It never returns an error." (hash.Hash)
	c.n += int64(len(p))
	return c.w.Write(p)
}

// writer writes a deterministic tar: one time, two owners, modes that a Nix
// archive knows, no extended attribute, a hard link as the file that it is.
type writer struct {
	tar    *tar.Writer
	buffer []byte
	read   func(int)
	// givenUp is an error once nobody waits for the image any more.
	givenUp func() error
	// refs are those of the store path that is written; nil outside of one.
	refs map[string]bool
}

func (w *writer) unit(u unit) (map[string][]string, error) {
	all := map[string][]string{}
	if len(u.paths) > 0 {
		for _, p := range []string{"nix", "nix/store"} {
			if err := w.entry(entry{path: p, mode: fs.ModeDir | 0o755}); err != nil {
				return nil, err
			}
		}
	}
	for _, t := range u.paths {
		w.refs = map[string]bool{}
		for _, e := range t.entries {
			if err := w.entry(e); err != nil {
				return nil, err
			}
		}
		delete(w.refs, t.path)
		all[t.path] = slices.Sorted(maps.Keys(w.refs))
	}
	w.refs = nil
	for _, e := range u.files {
		if err := w.entry(e); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (w *writer) entry(e entry) error {
	if err := w.givenUp(); err != nil {
		return err
	}
	h := &tar.Header{Name: e.path, Mode: int64(e.mode.Perm()), ModTime: time.Unix(1, 0)}
	if e.owned {
		h.Uid, h.Gid = agentID, agentID
	}
	switch {
	case e.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.path+"/"
		if e.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
	case e.mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.target
		w.look([]byte(e.target))
	default:
		h.Typeflag, h.Size = tar.TypeReg, e.size
	}
	if err := w.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("%q: %w", e.path, err)
	}
	switch {
	case h.Typeflag != tar.TypeReg:
		return nil
	case e.source == "":
		_, err := w.tar.Write(e.content)
		return err
	}
	return w.file(e)
}

// file copies a file of exactly the size that was seen.
func (w *writer) file(e entry) error {
	f, err := os.OpenFile(e.source, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	changing := &fs.PathError{Op: "read", Path: e.source, Err: errChanging}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return errors.Join(err, changing)
	}
	left, kept := e.size, 0
	for left > 0 {
		if err := w.givenUp(); err != nil {
			return err
		}
		n, err := f.Read(w.buffer[kept:])
		if n == 0 && errors.Is(err, io.EOF) || int64(n) > left {
			return changing
		}
		if err != nil {
			return err
		}
		if _, err := w.tar.Write(w.buffer[kept : kept+n]); err != nil {
			return err
		}
		w.read(n)
		left -= int64(n)
		// A reference may begin in one piece and end in the next.
		seen := w.buffer[:kept+n]
		w.look(seen)
		kept = copy(w.buffer, seen[max(0, len(seen)-longest):])
	}
	if n, _ := f.Read(w.buffer[:1]); n != 0 {
		return changing
	}
	return nil
}

// longest is the length of the longest store path.
const longest = len(storepath.Dir) + 1 + 32 + 1 + storepath.NameMax

// look notes the store paths that text names, as far as the order of layers
// needs it: they decide where a layer stands, never what is in the image.
func (w *writer) look(text []byte) {
	if w.refs == nil {
		return
	}
	const begin = storepath.Dir + "/"
	for {
		i := bytes.Index(text, []byte(begin))
		if i < 0 {
			return
		}
		text = text[i:]
		end := len(begin)
		for end < len(text) && end < longest && storepath.InName(text[end]) {
			end++
		}
		if p := string(text[:end]); storepath.Check(p) == nil {
			w.refs[p] = true
		}
		text = text[len(begin):]
	}
}
