package claude

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// empty is the form of a name in the host's configuration that means nothing to
// Claude Code.
func empty(name string) agent.Empty {
	if name == folder.GlobalJSON {
		return agent.Empty{Kind: agent.EmptyFile, Text: "{}\n"}
	}
	if slices.Contains(folder.Row().Config().Sourced, name) {
		return agent.Empty{Kind: agent.EmptyFolder}
	}
	f, _ := folder.Row().Config().File(name)
	return f.Empty
}

// Scratch reports whether a jail with a shared configuration gets an empty
// folder of its own in place of that one: programs of the host read what is in
// it, and programs of the jail need one to write to.
func Scratch(p string) bool { return slices.Contains(folder.Row().Config().Sourced, path.Base(p)) }

// Hold makes what a shared configuration does not have and the host's claude
// would believe, empty: only what exists can be mounted read-only, and a
// claude that runs on the host reads its settings again when they appear,
// before anybody is told. It returns the paths that exist now. What has no
// harmless empty form is left out.
func Hold(dir string, paths []string) ([]string, error) {
	d, err := beneath.Dir(dir)
	if err != nil {
		return nil, fmt.Errorf("shared configuration: %w", err)
	}
	defer d.Close()
	var held []string
	for _, p := range paths {
		if path.Dir(p) != dir {
			continue
		}
		name := path.Base(p)
		switch e := empty(name); e.Kind {
		case agent.EmptyFile:
			mode := uint32(0o600)
			if e.ReadOnly {
				mode = 0o400
			}
			err = beneath.Create(d, name, []byte(e.Text), mode)
		case agent.EmptyFolder:
			err = unix.Mkdirat(int(d.Fd()), name, 0o700)
		default:
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return held, fmt.Errorf("make an empty %s: %w", p, err)
		}
		// What appeared meanwhile is looked at when the jail is mounted.
		held = append(held, p)
	}
	return held, nil
}
