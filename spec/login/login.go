package login

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/credential"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// Place is a folder of the host, outside of every jail, and the format of the
// login in it.
type Place struct {
	Format credential.Format
	Dir    string
}

// read is the file of the login, and the login.
func (p Place) read() ([]byte, credential.Login, error) {
	f, err := folder.Host{Dir: p.Dir}.Read(p.Format.File, folder.MaxFile)
	if err != nil {
		return nil, credential.Login{}, err
	}
	// Whoever serves the broker takes nobody else's, and would stop the start.
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(p.Dir, p.Format.File), &st); err == nil && st.Uid != uint32(os.Getuid()) {
		return nil, credential.Login{}, fmt.Errorf("it belongs to uid %d, not to you", st.Uid)
	}
	l, err := p.Format.Parse(f.Data)
	return f.Data, l, err
}

// Has reports whether there is a login that a jail can use. The error says why
// it cannot be read, and nothing of what is in it.
func (p Place) Has() (bool, error) {
	_, l, err := p.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return l.Refresh != "" || l.Expires.UnixMilli() != 0, nil
}

// show is the login for people, without a secret. The error is fs.ErrNotExist
// where there is none.
func (p Place) show() (credential.Login, error) {
	_, l, err := p.read()
	l.Access, l.Refresh, l.ID = "", "", ""
	return l, err
}

// own is the file of a login in a private folder, where a jail can write. Empty
// for none.
func own(f credential.Format, private string) (text []byte, err error) {
	dir, err := beneath.Dir(private)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	text, _, err = beneath.Read(dir, f.File, folder.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Own reports whether a private folder has a login that was made inside, or
// copied, and is not the placeholder: it is what the agent uses then.
func Own(f credential.Format, private, placeholder string) bool {
	text, err := own(f, private)
	return err != nil || f.Own(text, placeholder)
}

// standIn puts a placeholder into a private folder in the place of the login of
// p, with what the agent shows and asks for by it. A login that was made inside
// stays, and so does all else in the file.
func (p Place) standIn(private, placeholder string) error {
	host, _, err := p.read()
	if err != nil {
		return err
	}
	return change(p.Format, private, placeholder, func(text []byte) ([]byte, error) { return p.Format.StandIn(text, host, placeholder) })
}

// takeAway takes such a placeholder away.
func takeAway(f credential.Format, private, placeholder string) error {
	return change(f, private, placeholder, func(text []byte) ([]byte, error) {
		if !f.Holds(text, placeholder) {
			return text, nil
		}
		return f.Remove(text)
	})
}

func change(f credential.Format, private, placeholder string, do func([]byte) ([]byte, error)) error {
	old, err := own(f, private)
	if err != nil || f.Own(old, placeholder) {
		return nil // the agent's own matter
	}
	text, err := do(old)
	if err != nil {
		return fmt.Errorf("%s of the private folder: %w", f.File, err)
	}
	if bytes.Equal(text, old) || len(text)+len(old) == 0 {
		return nil
	}
	dir, err := beneath.Dir(private)
	if err != nil {
		return err
	}
	defer dir.Close()
	if len(text) == 0 {
		if err := unix.Unlinkat(int(dir.Fd()), f.File, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove the placeholder of a login: %w", err)
		}
		return nil
	}
	return beneath.Replace(dir, f.File, text, 0o600)
}
