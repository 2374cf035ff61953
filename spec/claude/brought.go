package claude

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/spec/claude/bring"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// broughtName is in the state folder: which values were brought, and how.
const broughtName = "claude-brought.json"

// broughtValue is one of them. Digest is of what was written.
type broughtValue struct {
	In     string   `json:"in"`
	Keys   []string `json:"keys"`
	Digest string   `json:"digest"`
}

// Bring writes the values of pieces into the private configuration, at each
// start, and takes away those that a policy no longer names. A review does not
// show them: they are the user's.
func Bring(state string, pieces []bring.Piece) error {
	if len(pieces) == 0 {
		if _, err := os.Lstat(filepath.Join(state, broughtName)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	d, err := beneath.Dir(state)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	defer d.Close()
	m, err := lockManifest(d)
	if err != nil {
		return err
	}
	private, err := beneath.Open(d, PrivateDir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", PrivateDir, err)
	}
	defer private.Close()
	before := map[string]broughtValue{}
	if f, err := folder.Read(d, broughtName, folder.MaxFile); err == nil {
		_ = json.Unmarshal(f.Data, &before) // what cannot be read was not written by us
	}
	files := map[string][]byte{}
	set := func(in string, keys []string, raw json.RawMessage) error {
		if files[in] == nil {
			f, err := folder.Read(private, in, folder.MaxGlobal)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s: %w", in, err)
			}
			if files[in] = f.Data; len(f.Data) == 0 {
				files[in] = []byte("{}")
			}
		}
		text, err := object.Set(files[in], keys, raw)
		if err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
		files[in] = text
		return nil
	}
	now := map[string]broughtValue{}
	for _, p := range pieces {
		if p.Real != "" {
			continue
		}
		c := value(p.In, p.Value, p.Keys...)
		name := nameOf(p.In, p.Keys)
		now[name] = broughtValue{p.In, p.Keys, c.digest()}
		m.Pieces[name] = c.digest()
		if err := set(p.In, p.Keys, p.Value); err != nil {
			return err
		}
	}
	for name, b := range before {
		if _, still := now[name]; !still {
			delete(m.Pieces, name)
			if err := set(b.In, b.Keys, nil); err != nil {
				return err
			}
		}
	}
	return saveBrought(d, private, files, now, m)
}

// nameOf is the name of the piece that a value is.
func nameOf(in string, keys []string) string {
	var name strings.Builder
	name.WriteString(in + ":" + keys[0])
	for _, k := range keys[1:] {
		name.WriteString("." + k)
	}
	return name.String()
}

func saveBrought(d, private *os.File, files map[string][]byte, now map[string]broughtValue, m *manifest) error {
	for in, text := range files {
		if f, err := folder.Read(private, in, folder.MaxGlobal); err == nil && slices.Equal(f.Data, text) {
			continue
		}
		if err := beneath.Replace(private, in, text, 0o600); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
	}
	text, err := json.Marshal(now)
	if err == nil {
		err = beneath.Replace(d, broughtName, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", broughtName, err)
	}
	return m.save(d)
}
