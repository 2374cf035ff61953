package closure

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/closure/inventory"
)

// Sentinels for errors.Is. The error that is returned is an *Error that wraps
// one of them and says which path or program it was.
var (
	// ErrNoAgent: Resolve found no agent: not on PATH, not in the closure
	// file, not in the package.
	ErrNoAgent = errors.New("no agent")
	// ErrNoProgram: Package is the path of a program that does not exist or
	// cannot be executed; then fs.ErrPermission is wrapped too.
	ErrNoProgram = errors.New("no such program")
	// errBadPackage: Package or one of Packages is none of the forms that
	// Options documents.
	errBadPackage = errors.New("bad package")
	// errBadPath: a path is not a well-formed store path.
	errBadPath = errors.New("bad store path")
	// errMissing: a store path is not on disk: never fetched, or collected.
	errMissing = errors.New("missing store path")
	// errNotValid: a store path is on disk, and Nix does not know it: made by
	// hand, or left by an interrupted build or deletion.
	errNotValid = errors.New("store path is not valid")
	// errNotInClosure: the closure file does not list a path that is needed.
	errNotInClosure = errors.New("not in the closure file")
	// errNoNix: Nix had to be asked, and is not on PATH.
	errNoNix = errors.New("no Nix is installed")
	// errNoDaemon: Nix could not reach its daemon.
	errNoDaemon = errors.New("the Nix daemon is not running")
	// errFeature: Nix refused an experimental feature.
	errFeature = errors.New("an experimental feature of Nix is disabled")
)

// Error is what went wrong, and what to do about it.
type Error struct {
	// What says what is wrong and where.
	What string
	// Fix is what the user can do, a command where there is one. It may be
	// empty.
	Fix string
	// Err is a sentinel of this package, a *commandError, or the cause.
	Err error
	// More is what else the user can do.
	More []string
}

func (e *Error) Error() string {
	if e.Fix == "" {
		return e.What
	}
	return e.What + "; " + e.Fix
}

func (e *Error) Unwrap() error { return e.Err }

// Hints are Fix and More.
func (e *Error) Hints() []string { return append([]string{e.Fix}, e.More...) }

// commandError is a Nix program that failed.
type commandError struct {
	// Args is the command line.
	Args []string
	// Stderr are the last lines that it wrote to its standard error.
	Stderr string
	// Err is how it ended.
	Err error
}

func (e *commandError) Error() string {
	s := fmt.Sprintf("%s: %v", strings.Join(e.Args, " "), e.Err)
	if e.Stderr != "" {
		s += ":\n" + e.Stderr
	}
	return s
}

func (e *commandError) Unwrap() error { return e.Err }

func missing(p string) error { return known(&inventory.MissingError{Path: p}) }

// known says what to do about a store path that is not there.
func known(err error) error {
	var gone *inventory.MissingError
	if !errors.As(err, &gone) {
		return err
	}
	if gone.Root == "" {
		return &Error{What: gone.Error(), Fix: "fetch or build it: nix-store --realise " + gone.Path, Err: errMissing}
	}
	return &Error{
		What: gone.Error() + ": removed by a garbage collection or by hand",
		Fix:  "restore it: nix-store --realise " + gone.Path,
		Err:  errMissing,
	}
}

func noNix(what string) error {
	return &Error{
		What: fmt.Sprintf("%s needs Nix, and neither nix nor nix-store is on PATH", what),
		Fix:  "install Nix (https://nixos.org/download), or name the store paths with --closure FILE, or use the host's own programs with --package host",
		Err:  errNoNix,
	}
}
