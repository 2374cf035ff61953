package starting

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/policy/starter"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// marks are files by which a project shows what it is.
var marks = []struct{ file, kind string }{
	{".git", "git"},
	{"package.json", "node"},
	{"go.mod", "go"},
	{"Cargo.toml", "rust"},
	{"pyproject.toml", "python"},
	{"requirements.txt", "python"},
	{"flake.nix", "nix"},
}

// Write writes a starter policy that fits the project in the current
// folder: the project's, or the user's own. It replaces no file.
func Write(user bool) (file string, err error) {
	file = trust.Name
	if user {
		file = plan.UserFile()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return "", fmt.Errorf("make the configuration folder: %w", err)
		}
	}
	var found []string
	for _, m := range marks {
		if _, err := os.Lstat(m.file); err == nil {
			found = append(found, m.kind)
		}
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return "", hint.Add(fmt.Errorf("%s already exists", file), "edit it, or move it away first")
	}
	if err != nil {
		return "", fmt.Errorf("write policy: %w", err)
	}
	_, err = f.Write(starter.Policy(found))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("write policy: %w", errors.Join(err, os.Remove(file)))
	}
	return file, nil
}
