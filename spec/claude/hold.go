package claude

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// holdable knows names in the host's configuration that mean nothing while they
// are empty, and what empty is. The empty .config.json cannot be written to,
// for only then Claude Code passes it over.
func holdable(name string) (text string, mode uint32, ok bool) {
	switch name {
	case settingsJSON, "settings.local.json", globalJSON:
		return "{}\n", 0o600, true
	case legacyJSON:
		return "", 0o400, true
	case "keybindings.json":
		return "{\n  \"bindings\": []\n}\n", 0o600, true
	case "CLAUDE.md", "loop.md":
		return "", 0o600, true
	}
	return "", 0, false
}

var holdableFolders = []string{
	"shell-snapshots", "session-env", "ide",
	"rules", "hooks", "plugins", "skills", "commands", "agents", "workflows", "routines", "output-styles", "themes",
}

// Scratch reports whether a jail with a shared configuration gets an empty
// folder of its own in place of that one: programs of the host read what is in
// it, and programs of the jail need one to write to.
func Scratch(p string) bool {
	return slices.Contains([]string{"shell-snapshots", "session-env", "ide"}, path.Base(p))
}

// Hold makes what a shared configuration does not have and the host's claude
// would believe, empty: only what exists can be mounted read-only, and a
// claude that runs on the host reads its settings again when they appear,
// before anybody is told. It returns the paths that exist now. What has no
// harmless empty form is left out.
func Hold(dir string, paths []string) ([]string, error) {
	d, err := openDir(dir)
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
		text, mode, isFile := holdable(name)
		switch {
		case isFile:
			err = create(d, name, []byte(text), mode)
		case slices.Contains(holdableFolders, name):
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
