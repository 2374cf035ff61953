// Package seed is the configuration of agents other than Claude Code in a jail:
// what the first run of a private one has of the host's, and what of it a jail
// changed. It knows agents by their rows (spec/agent) alone.
//
// Files are copied whole only if they are texts that the agent follows; of
// settings the keys that somebody has looked at. No login, no history, and nothing
// that is executed.
//
// What does not belong here: Claude Code (package claude), and logins (package
// login).
package seed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// Of says whose configuration it is.
type Of struct {
	Agent agent.Agent
	// Env and Home are the caller's.
	Env  map[string]string
	Home string
	// State is what is kept for the project.
	State string
}

// First reports whether nothing is in the private folders. They exist.
func (o Of) First() bool {
	dirs := o.Agent.Kept(o.State)
	for _, dir := range dirs {
		list, err := os.ReadDir(dir)
		if err != nil || len(list) > 0 {
			return false
		}
	}
	return len(dirs) > 0
}

// Put copies what a first run gets. It returns what that is, for people, and
// what was left out for another reason than that it is not there.
func (o Of) Put() (seeded, warnings []string, err error) {
	kept := o.Agent.Kept(o.State)
	for i, f := range o.Agent.Folders {
		for _, s := range f.Seeds {
			h := folder.Host{Dir: f.On(o.Env, o.Home)}
			text, n, err := read(h, s)
			switch {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), err == nil && len(text) == 0:
				continue
			case err != nil:
				warnings = append(warnings, fmt.Sprintf("%s is not taken over: %v", show.Line(h.Path(s.Path)), err))
				continue
			}
			if err := write(kept[i], s.Path, text); err != nil {
				return seeded, warnings, fmt.Errorf("seed %s: %w", show.Line(s.Path), err)
			}
			if len(s.Keys) > 0 {
				seeded = append(seeded, fmt.Sprintf("%d of the settings in %s", n, s.Path))
			} else {
				seeded = append(seeded, s.Path)
			}
		}
	}
	return seeded, warnings, nil
}

// read is what a seed is of the host's, with how many keys; empty if nothing.
func read(h folder.Host, s agent.Seed) (text []byte, n int, err error) {
	f, err := h.Read(s.Path, folder.MaxFile)
	if err != nil || len(s.Keys) == 0 {
		return f.Data, 0, err
	}
	isTOML := path.Ext(s.Path) == ".toml"
	all, to := map[string]any{}, map[string]any{}
	if isTOML {
		err = toml.Unmarshal(f.Data, &all)
	} else {
		err = json.Unmarshal(f.Data, &all)
	}
	if err != nil {
		return nil, 0, errors.New("it cannot be read as " + strings.TrimPrefix(path.Ext(s.Path), ".")) // an error may have what is in it
	}
	for _, key := range s.Keys {
		if v := get(all, strings.Split(key, ".")); plain(v) {
			set(to, strings.Split(key, "."), v)
			n++
		}
	}
	if n == 0 {
		return nil, 0, nil
	}
	if isTOML {
		text, err = toml.Marshal(to)
	} else if text, err = json.MarshalIndent(to, "", "  "); err == nil {
		text = append(text, '\n')
	}
	return text, n, err
}

func get(in map[string]any, keys []string) any {
	v := in[keys[0]]
	if below, ok := v.(map[string]any); ok && len(keys) > 1 {
		return get(below, keys[1:])
	}
	if len(keys) > 1 {
		return nil
	}
	return v
}

func set(in map[string]any, keys []string, v any) {
	if len(keys) == 1 {
		in[keys[0]] = v
		return
	}
	below, _ := in[keys[0]].(map[string]any)
	if below == nil {
		below = map[string]any{}
		in[keys[0]] = below
	}
	set(below, keys[1:], v)
}

// plain: a value that can hold nothing but itself.
func plain(v any) bool {
	switch v := v.(type) {
	case bool, float64, int64:
		return true
	case string:
		return len(v) <= 256 && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == utf8.RuneError })
	}
	return false
}

// write makes a file in a private folder, which a jail may have written to. What is
// there stays.
func write(dir, name string, text []byte) error {
	d, err := beneath.Dir(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	parent, base, err := beneath.Parent(d, name, 0o700)
	if err != nil {
		return err
	}
	defer parent.Close()
	if err := beneath.Create(parent, base, text, 0o600); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
