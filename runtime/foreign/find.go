package foreign

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/program"
)

// Own is the name of the runtime that needs no other program.
const Own = "own"

// Find returns the program that a name stands for, without symlinks; an empty
// string for Own, and Auto for that. A name without a slash is looked for on PATH, and where
// distributions have what only root needs, too. A program in one of never, which a
// jail may have changed, is refused: it would run outside.
func Find(name, path string, never []string) (string, error) {
	if name == Auto {
		return Auto, nil
	}
	if name == "" || name == Own {
		return "", nil
	}
	found, err := look(name, path, never)
	if err != nil {
		return "", hint.Add(fmt.Errorf("--runtime %s: %w", name, err), "install runc or crun and name it, name the path of one, or leave it to --runtime own")
	}
	if found, err = filepath.EvalSymlinks(found); err != nil {
		return "", fmt.Errorf("--runtime %s: %w", name, err)
	}
	return found, nil
}

func look(name, path string, never []string) (string, error) {
	if !strings.Contains(name, "/") {
		found, err := program.Look(path+":/usr/local/sbin:/usr/sbin:/sbin", name, never)
		if errors.Is(err, exec.ErrNotFound) {
			err = errors.New("there is no such program on PATH, but for what a jail may have changed")
		}
		return found, err
	}
	p, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if program.In(p, never) {
		return "", errors.New("it is in a folder that jails may change, and would run outside of them")
	}
	st, err := os.Stat(p)
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
		return "", errors.New("it is no program")
	}
	return p, nil
}

// Ahead is the runtime that a command line names, before it is parsed: empty for our
// own code, and otherwise one of the distribution's. Whether the policy lets it run is
// seen later, but no jail can have changed it. Of others it is not ok.
func Ahead(args []string) (runtime string, ok bool) {
	name := ""
	for i, a := range args {
		if a == "--" {
			break
		}
		if a == "--runtime" && i+1 < len(args) {
			name = args[i+1]
		} else if v, is := strings.CutPrefix(a, "--runtime="); is {
			name = v
		}
	}
	if name == "" || name == Own || name == Auto {
		return "", true
	}
	all := Distribution()
	i := slices.IndexFunc(all, func(p string) bool { return filepath.Base(p) == name })
	if i < 0 {
		return "", false
	}
	return all[i], true
}
