package image

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// keepFor is how long a layer that no image uses stays in the cache.
const keepFor = 30 * 24 * time.Hour

// cache has the layers of earlier images: KEY.COMPRESSOR.json says what the
// layer is, KEY.COMPRESSOR is the blob. All of it can be removed at any time.
// What is damaged or cannot be kept is made again: it is a cache.
type cache struct {
	dir        string
	compressor string
}

func (c cache) file(key []byte) string {
	return filepath.Join(c.dir, hex.EncodeToString(key)+"."+c.compressor)
}

// take links a cached layer into a layout's folder of blobs.
func (c cache) take(key []byte, blobs string) (layer, bool) {
	if c.dir == "" {
		return layer{}, false
	}
	file := c.file(key)
	text, err := os.ReadFile(file + ".json")
	if err != nil {
		return layer{}, false
	}
	var l layer
	if err := json.Unmarshal(text, &l); err != nil || l.Digest.Validate() != nil || l.DiffID.Validate() != nil {
		return layer{}, false
	}
	if st, err := os.Lstat(file); err != nil || !st.Mode().IsRegular() || st.Size() != l.Size {
		return layer{}, false
	}
	if err := link(file, filepath.Join(blobs, l.Digest.Encoded())); err != nil {
		return layer{}, false
	}
	now := time.Now()
	_ = os.Chtimes(file+".json", now, now) // a cache: for prune alone
	return l, true
}

// keep adds a layer.
func (c cache) keep(key []byte, l layer, blob string) {
	if c.dir == "" || os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	text, err := json.Marshal(l)
	if err != nil {
		return
	}
	file := c.file(key)
	// The description last, and at once: without it there is no layer.
	tmp := file + ".new"
	for _, old := range []string{file + ".json", file, tmp} {
		_ = os.Remove(old) // mostly nothing is there
	}
	if link(blob, file) != nil || os.WriteFile(tmp, text, 0o600) != nil || os.Rename(tmp, file+".json") != nil {
		_ = errors.Join(os.Remove(tmp), os.Remove(file))
	}
}

// prune removes what was not used for long.
func (c cache) prune() {
	if c.dir == "" {
		return
	}
	descriptions, _ := filepath.Glob(filepath.Join(c.dir, "*.json"))
	for _, d := range descriptions {
		if st, err := os.Lstat(d); err == nil && time.Since(st.ModTime()) > keepFor {
			_ = errors.Join(os.Remove(d), os.Remove(d[:len(d)-len(".json")]))
		}
	}
}

// link links a file, or copies it where another file system is the other end.
func link(from, to string) error {
	err := os.Link(from, to)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil // two layers with the same bytes
	case !errors.Is(err, unix.EXDEV) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EMLINK):
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		err = errors.Join(err, os.Remove(to))
	}
	return err
}
