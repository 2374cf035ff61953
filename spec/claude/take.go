package claude

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// Errors of Take and Drop.
var (
	// errCannot is returned for a piece with a Problem.
	errCannot = errors.New("cannot be taken over")
	// errMoved is returned by Take when the host's version is no longer the
	// one that was shown.
	errMoved = errors.New("the host's changed since it was shown")
	// errBusy is returned when a claude on the host holds its .claude.json.
	errBusy = errors.New("claude on the host is writing .claude.json")
)

// backupSuffix of the file that was there before.
const backupSuffix = ".before-jailed-claude"

func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// Take makes a piece the host's, exactly as it was read and shown.
func (r *Review) Take(p *Piece) error {
	if p.Problem != "" {
		return fmt.Errorf("%s %w: %s", show.Line(p.Path), errCannot, p.Problem)
	}
	now, err := r.onHost(p.Path, p.jail)
	if err != nil {
		return fmt.Errorf("%s: %w", show.Line(p.Path), err)
	}
	if (now == nil) != (p.host == nil) || (now != nil && now.digest() != p.host.digest()) {
		return fmt.Errorf("%s: %w", show.Line(p.Path), errMoved)
	}
	if err := r.take(p); err != nil {
		return fmt.Errorf("take over %s: %w", show.Line(p.Path), err)
	}
	return r.remember(p.Path, p.jail)
}

func (r *Review) take(p *Piece) error {
	c := p.jail
	if c == nil {
		c = p.host
	}
	if c.files == nil {
		return r.takeValue(c, p.jail == nil)
	}
	d, err := makeDir(r.host.Dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, name := range sortedNames(c.files) {
		f := c.files[name]
		if p.jail != nil && p.host != nil {
			if old, ok := p.host.files[name]; ok && old.Exec == f.Exec && folder.Digest(old.Data) == folder.Digest(f.Data) {
				continue
			}
		}
		if err := r.write(d, name, f, 0o644, p.jail == nil); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// makeDir opens a folder of the host's, and makes it if it has to. Symlinks on
// the way are the user's own.
func makeDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return beneath.Dir(dir)
}

// write puts a file in its place below d, the former one beside it.
func (r *Review) write(d *os.File, name string, f folder.File, mode uint32, remove bool) error {
	dir, base, err := beneath.Parent(d, name, 0o755)
	if err != nil {
		return err
	}
	defer dir.Close()
	if f.Exec {
		mode |= 0o111
	}
	var st unix.Stat_t
	switch err := unix.Fstatat(int(dir.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return fmt.Errorf("%w on the host: change what it leads to", beneath.ErrSymlink)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return beneath.ErrSpecial
	default:
		// A file that only the user may read stays one.
		mode &= st.Mode&0o666 | 0o711
		if err := r.keep(dir, base); err != nil {
			return fmt.Errorf("keep the former one: %w", err)
		}
	}
	if remove {
		return unix.Unlinkat(int(dir.Fd()), base, 0)
	}
	return beneath.Replace(dir, base, f.Data, mode)
}

// keep makes a second name for a file that is about to be replaced, once in a
// review.
func (r *Review) keep(dir *os.File, base string) error {
	at := filepath.Join(dir.Name(), base)
	if r.kept[at] {
		return nil
	}
	for i := 1; i < 1000; i++ {
		name := base + backupSuffix
		if i > 1 {
			name += "." + strconv.Itoa(i)
		}
		err := unix.Linkat(int(dir.Fd()), base, int(dir.Fd()), name, 0)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EMLINK) {
			// A file system without hard links.
			var f folder.File
			if f, err = folder.Read(dir, base, folder.MaxGlobal); err == nil {
				err = beneath.Create(dir, name, f.Data, 0o600)
			}
		}
		if err == nil {
			r.kept[at] = true
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return errors.New("there are too many backups")
}

// takeValue sets or removes one value in a JSON file of the host's.
func (r *Review) takeValue(c *content, remove bool) (err error) {
	file := r.host.Path(c.in)
	d, err := makeDir(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer d.Close()
	base := filepath.Base(file)
	if c.in == folder.GlobalJSON {
		release, err := lock(d, base)
		if err != nil {
			return err
		}
		defer release()
	}
	f, err := folder.Read(d, base, folder.MaxGlobal)
	if errors.Is(err, beneath.ErrSymlink) {
		return fmt.Errorf("%w on the host: change what it leads to", beneath.ErrSymlink)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || len(f.Data) == 0 {
		f.Data = []byte("{}")
	}
	raw := c.raw()
	if remove {
		raw = nil
	}
	if f.Data, err = object.Set(f.Data, c.keys, raw); err != nil {
		return err
	}
	f.Exec = false
	return r.write(d, base, f, 0o600, false)
}

// lock holds a file the way Claude Code does: by a folder beside it. One that
// nobody has touched for ten seconds was left by a process that died.
func lock(d *os.File, base string) (release func(), err error) {
	name := base + ".lock"
	for range 40 {
		err := unix.Mkdirat(int(d.Fd()), name, 0o755)
		if err == nil {
			return func() { _ = unix.Unlinkat(int(d.Fd()), name, unix.AT_REMOVEDIR) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		var st unix.Stat_t
		if unix.Fstatat(int(d.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && time.Since(time.Unix(st.Mtim.Unix())) > 10*time.Second {
			_ = unix.Unlinkat(int(d.Fd()), name, unix.AT_REMOVEDIR)
			continue
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errBusy
}

// remember keeps that the user knows of a piece; nil if it is no more.
func (r *Review) remember(name string, c *content) error {
	state, err := beneath.Dir(r.state)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	defer state.Close()
	m, err := lockManifest(state)
	if err != nil {
		return err
	}
	delete(m.Pieces, name)
	if c != nil {
		m.Pieces[name] = c.digest()
	}
	return m.save(state)
}

// Drop takes a piece back: it becomes what a first run would be seeded with
// now, or is removed.
func (r *Review) Drop(p *Piece) error {
	want := piecesOf(collect(Options{Host: r.host}).files)[p.Path]
	if err := r.drop(p, want); err != nil {
		return fmt.Errorf("drop %s: %w", show.Line(p.Path), err)
	}
	return r.remember(p.Path, want)
}

func (r *Review) drop(p *Piece, want *content) error {
	state, err := beneath.Dir(r.state)
	if err != nil {
		return err
	}
	defer state.Close()
	private, err := beneath.Open(state, PrivateDir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer private.Close()
	c := p.jail
	if c == nil {
		c = want
	}
	switch {
	case c == nil:
		return nil
	case c.files == nil && len(c.keys) > 0:
		f, err := folder.Read(private, c.in, folder.MaxGlobal)
		if errors.Is(err, fs.ErrNotExist) {
			f, err = folder.File{Data: []byte("{}")}, nil
		}
		if err != nil {
			return err
		}
		if want != nil {
			f.Data, err = object.Set(f.Data, c.keys, want.raw())
		} else {
			f.Data, err = object.Set(f.Data, c.keys, nil)
		}
		if err != nil {
			return err
		}
		return beneath.Replace(private, c.in, f.Data, 0o600)
	case c.files == nil: // a JSON file that cannot be read: not one value but all
		return unlink(private, c.in)
	}
	for name := range c.files {
		f, ok := lookup(want, name)
		if !ok {
			if err := unlink(private, name); err != nil {
				return err
			}
			continue
		}
		dir, base, err := beneath.Parent(private, name, 0o700)
		if err == nil {
			err = errors.Join(beneath.Replace(dir, base, f.Data, 0o600), dir.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unlink removes what has that name in the private folder: a file, a symlink,
// a folder with all that is in it.
func unlink(private *os.File, name string) error {
	root, err := beneath.Root(private.Name())
	if err != nil {
		return err
	}
	defer root.Close()
	return root.RemoveAll(name)
}
