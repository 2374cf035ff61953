package host

import (
	"errors"
	"fmt"
)

// Reasons of a [ProjectError].
var (
	// errProjectMissing: there is no such path.
	errProjectMissing = errors.New("project does not exist")
	// errProjectNotDir: it is a file, not a folder.
	errProjectNotDir = errors.New("project is not a folder")
	// errProjectUnreadable: the caller may not list or enter it.
	errProjectUnreadable = errors.New("project cannot be read")
	// errProjectName: its path is not UTF-8, so that no config.json can name it.
	errProjectName = errors.New("project path is not UTF-8")
	// errProjectWide: it is the root, the home, or a folder above the home.
	errProjectWide = errors.New("project is too wide")
	// errProjectOwn: it holds, or lies in, folders of jailed-claude's own.
	errProjectOwn = errors.New("project holds jailed-claude's own files")
	// errProjectMounts: no layer can be made over it, for something else is
	// mounted in it.
	errProjectMounts = errors.New("project has file systems mounted in it")
	// errProjectsLayers: it shares a repository with another one, and what is written
	// there would be in the layer of one of them.
	errProjectsLayers = errors.New("several projects, one repository and a layer")
	// errProjectsNested: it is one of several, and lies in another.
	errProjectsNested = errors.New("a project lies in another")
	// errProjectSpelling: names in it have more than one spelling.
	errProjectSpelling = errors.New("project is on a file system where names have more than one spelling")
	// errProjectSystem: it is part of the system, or a folder of the home
	// that the host takes credentials or programs from.
	errProjectSystem = errors.New("project is a folder that the host itself relies on")
)

// errHome is returned by Read when the caller has no usable home.
var errHome = errors.New("no usable home directory")

// ProjectError says why a folder cannot be a project. errors.Is finds its
// reason, one of the ErrProject values.
type ProjectError struct {
	// Dir is the folder, resolved as far as it could be.
	Dir string
	// Err is the reason.
	Err error
	// Detail says it for this folder.
	Detail string
	// Hint says what to do; a line of its own. It may be empty.
	Hint string
}

// Error returns one line without the hint.
func (e *ProjectError) Error() string { return fmt.Sprintf("project %q %s", e.Dir, e.Detail) }

// Unwrap returns the reason.
func (e *ProjectError) Unwrap() error { return e.Err }
