package closure

import (
	"errors"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
)

// checkPath is storepath.Check with advice for a command line, and wraps
// errBadPath.
func checkPath(p string) error { return badPath(storepath.Check(p)) }

// split is storepath.Split with advice for a command line, and wraps errBadPath.
func split(p string) (root, rest string, err error) {
	root, rest, err = storepath.Split(p)
	return root, rest, badPath(err)
}

func badPath(err error) error {
	var bad *storepath.Error
	if !errors.As(err, &bad) {
		return err
	}
	return &Error{
		What: bad.Error(),
		Fix:  "give a path as " + StoreDir + "/HASH-NAME, or a Nix installable such as nixpkgs#claude-code",
		Err:  errBadPath,
	}
}

// badLine is badPath for an error in a list of store paths.
func badLine(err error) error {
	var bad *registration.ParseError
	if !errors.As(err, &bad) {
		return err
	}
	return &registration.ParseError{Line: bad.Line, Err: badPath(bad.Err)}
}

// inStore tells whether p lies in the store directory or is it, by component.
func inStore(p string) bool {
	return p == StoreDir || strings.HasPrefix(p, StoreDir+"/")
}
