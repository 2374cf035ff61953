package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// errChanging is returned where a file changes while it is read.
var errChanging = errors.New("it changed while it was read")

// entry is one file of a layer.
type entry struct {
	// path inside, without the first slash.
	path string
	mode fs.FileMode
	// owned: the agent's ids, not 0.
	owned bool
	// source is the host file to read; content is what there is without one.
	source  string
	size    int64
	content []byte
	target  string
}

// tree is a store path with all that is below it.
type tree struct {
	root    string
	path    string
	entries []entry
	size    int64
	// stamp stands for the contents, without reading them: it follows from
	// what stat(2) says of each file. The kernel renews a file's change time
	// at every write.
	stamp [sha256.Size]byte
}

// look walks a store path of the store below root.
func look(root, p string) (tree, error) {
	if err := storepath.Check(p); err != nil {
		return tree{}, err
	}
	t := tree{root: root, path: p}
	sum := sha256.New()
	err := filepath.WalkDir(root+p, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			return &fs.PathError{Op: "lstat", Path: at, Err: err}
		}
		e := entry{path: strings.TrimPrefix(at, root+"/"), source: at}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			e.mode = fs.ModeDir | 0o555
		case unix.S_IFREG:
			// What an archive of Nix knows of a mode: the owner's bit.
			e.mode = 0o444
			if st.Mode&0o100 != 0 {
				e.mode = 0o555
			}
			e.size = st.Size
		case unix.S_IFLNK:
			e.mode = fs.ModeSymlink | 0o777
			if e.target, err = os.Readlink(at); err != nil {
				return err
			}
		default:
			return &fs.PathError{Op: "read", Path: at, Err: errors.New("it is no file, folder or symlink, which no store path holds")}
		}
		t.size += e.size
		t.entries = append(t.entries, e)
		stamp(sum, at, &st)
		return nil
	})
	if err != nil {
		return tree{}, err
	}
	sum.Sum(t.stamp[:0])
	return t, nil
}

// stamp adds to a hash what tells one state of a file from the next.
func stamp(sum interface{ Write([]byte) (int, error) }, p string, st *unix.Stat_t) {
	b := append([]byte(p), 0)
	for _, n := range []int64{int64(st.Mode), int64(st.Ino), int64(st.Dev), st.Size, st.Mtim.Nano(), st.Ctim.Nano()} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	_, _ = sum.Write(b) // "It never returns an error." (hash.Hash)
}

// initUnit is the layer of PID 1, which is also the program jailed-claude.
func initUnit(program string) (unit, error) {
	st, err := os.Stat(program)
	if err != nil {
		return unit{}, err
	}
	in := strings.TrimPrefix(contract.InitPath, "/")
	return unit{what: contract.InitPath, place: placeInit, size: st.Size(), files: []entry{
		{path: filepath.Dir(in), mode: fs.ModeDir | 0o755},
		{path: in, mode: 0o755, source: program, size: st.Size()},
	}}, nil
}

// rootfsUnit is the last layer: the generated files, and the folders that a
// runtime or the agent needs.
func rootfsUnit(in Input) unit {
	files := map[string]entry{}
	folder := func(p string, mode fs.FileMode, owned bool) {
		for up := filepath.Dir(p); up != "/"; up = filepath.Dir(up) {
			if _, ok := files[up]; !ok {
				files[up] = entry{path: up[1:], mode: fs.ModeDir | 0o755}
			}
		}
		files[p] = entry{path: p[1:], mode: fs.ModeDir | mode, owned: owned}
	}
	for _, p := range []string{"/dev", "/proc", "/sys"} {
		folder(p, 0o755, false)
	}
	folder("/tmp", fs.ModeSticky|0o777, false)
	for _, f := range in.Jail.Rootfs {
		if f.Mode.IsDir() {
			folder(f.Path, f.Mode.Perm(), false)
			continue
		}
		folder(filepath.Dir(f.Path), 0o755, false)
		files[f.Path] = entry{path: f.Path[1:], mode: f.Mode & (fs.ModeSymlink | fs.ModePerm), content: f.Content, size: int64(len(f.Content)), target: f.Target}
	}
	for _, p := range in.Folders {
		folder(p, 0o755, true)
	}
	u := unit{what: "rootfs", place: placeRootfs}
	for _, e := range files {
		u.files = append(u.files, e)
		u.size += e.size
	}
	slices.SortFunc(u.files, func(a, b entry) int { return paths.Compare("/"+a.path, "/"+b.path) })
	return u
}

// key stands for all that a unit's layer follows from.
func (u unit) key() ([]byte, error) {
	sum := sha256.New()
	for _, t := range u.paths {
		_, _ = sum.Write(t.stamp[:])
	}
	for _, e := range u.files {
		if e.source != "" {
			var st unix.Stat_t
			if err := unix.Stat(e.source, &st); err != nil {
				return nil, &fs.PathError{Op: "stat", Path: e.source, Err: err}
			}
			stamp(sum, e.source, &st)
		}
		fmt.Fprintf(sum, "%q %o %t %q\n", e.path, e.mode, e.owned, e.target)
		_, _ = sum.Write(bytes.Clone(e.content))
	}
	return sum.Sum(nil), nil
}

// again looks at what a unit is read from once more: nothing may have changed
// since it had that key.
func (u unit) again(key []byte) error {
	for _, t := range u.paths {
		now, err := look(t.root, t.path)
		if err != nil {
			return err
		}
		if now.stamp != t.stamp {
			return fmt.Errorf("%q: %w", t.path, errChanging)
		}
	}
	now, err := u.key()
	if err == nil && !bytes.Equal(now, key) {
		err = fmt.Errorf("%q: %w", u.what, errChanging)
	}
	return err
}

// ids are the user of an image.
func ids(p *specs.Process) string {
	uid, gid := "0", "0"
	for _, a := range p.Args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--uid="); ok {
			uid = v
		}
		if v, ok := strings.CutPrefix(a, "--gid="); ok {
			gid = v
		}
	}
	return uid + ":" + gid
}

// command is the agent with its arguments, without PID 1 and its own.
func command(p *specs.Process) []string {
	return p.Args[slices.Index(p.Args, "--")+1:]
}
