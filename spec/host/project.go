package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// FindProject resolves the folder that the caller named, or the working
// directory, and refuses what no jail should be given.
func FindProject(s *source.Source, dir string, f *Facts) (string, error) {
	return reader{s}.findProject(dir, f)
}

func (s reader) findProject(dir string, f *Facts) (string, error) {
	dir, err := filepath.Abs(dir) // of "" it is the working directory
	if errors.Is(err, fs.ErrNotExist) {
		return "", &ProjectError{
			Dir: ".", Err: errProjectMissing, Detail: "is a working directory that is no longer there",
			Hint: "change into an existing folder first",
		}
	}
	if err != nil {
		return "", fmt.Errorf("project: %w", err)
	}
	real, err := filepath.EvalSymlinks(dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", unreadable(dir)
	case errors.Is(err, fs.ErrNotExist):
		return "", &ProjectError{
			Dir: dir, Err: errProjectMissing, Detail: "does not exist",
			Hint: "create it, or name another folder with --project",
		}
	case errors.Is(err, unix.ENOTDIR):
		return "", notDir(dir)
	case err != nil:
		return "", fmt.Errorf("project: %w", err)
	}
	if !utf8.ValidString(real) {
		return "", &ProjectError{
			Dir: real, Err: errProjectName, Detail: "has a name that is not UTF-8, which no config.json can hold",
			Hint: "rename the folder",
		}
	}
	if fi, err := os.Stat(real); err != nil || !fi.IsDir() {
		return "", notDir(real)
	}
	if err := s.refuse(real, f); err != nil {
		return "", err
	}
	if unix.Faccessat(unix.AT_FDCWD, real, unix.R_OK|unix.X_OK, unix.AT_EACCESS) != nil {
		return "", unreadable(real)
	}
	return real, nil
}

func notDir(dir string) error {
	return &ProjectError{Dir: dir, Err: errProjectNotDir, Detail: "is not a folder", Hint: "name the folder that contains it"}
}

func unreadable(dir string) error {
	return &ProjectError{
		Dir: dir, Err: errProjectUnreadable, Detail: "cannot be read by you",
		Hint: fmt.Sprintf("see who owns it (ls -ld %q) and run as that user, or make it readable (chmod u+rx)", dir),
	}
}

// place is a part of the system that is no project.
type place struct {
	dir string
	// whole: everything below it too, but for what except names.
	whole  bool
	except []string
	what   string
}

// places are compared with resolved paths.
var places = []place{
	{dir: "/proc", whole: true, what: "the kernel's /proc"},
	{dir: "/sys", whole: true, what: "the kernel's /sys"},
	{dir: "/dev", whole: true, except: []string{"/dev/shm"}, what: "the devices"},
	{dir: "/dev/shm", what: "memory that programs share"},
	{dir: "/boot", whole: true, what: "the boot files"},
	{dir: "/efi", whole: true, what: "the boot files"},
	{dir: "/etc", whole: true, what: "the system's configuration"},
	{dir: "/nix", whole: true, what: "Nix's own files"},
	{dir: "/usr", whole: true, except: []string{"/usr/src", "/usr/local/src", "/usr/home"}, what: "the system's programs"},
	{dir: "/bin", whole: true, what: "the system's programs"},
	{dir: "/sbin", whole: true, what: "the system's programs"},
	{dir: "/lib", whole: true, what: "the system's programs"},
	{dir: "/lib32", whole: true, what: "the system's programs"},
	{dir: "/lib64", whole: true, what: "the system's programs"},
	{dir: "/run", whole: true, except: []string{"/run/user", "/run/media", "/run/mount"}, what: "the system's sockets"},
	{dir: "/run/user", what: "the sockets of every session"},
	{dir: "/tmp", what: "the folder of everybody's temporary files"},
	{dir: "/var/tmp", what: "the folder of everybody's temporary files"},
	{dir: "/var", what: "the system's state"},
	{dir: "/var/lib", what: "the system's state"},
	{dir: "/home", what: "the folder of everybody's homes"},
}

// refuse says why a folder must not be given to a jail, or returns nil.
// Preconditions: real is resolved; Home, OwnDirs and RuntimeDir of f are set.
func (s reader) refuse(real string, f *Facts) error {
	wide := func(detail string) error {
		return &ProjectError{
			Dir: real, Err: errProjectWide, Detail: detail,
			Hint: "change into the folder of one project, or name it with --project",
		}
	}
	same := func(dir string) bool { return real == dir || sameFile(real, dir) }
	switch {
	case same("/"):
		return wide("is the root directory: the jail would hold the whole host")
	case same(f.Home):
		return wide("is your home directory: the jail would hold your keys and every other project")
	case paths.Below(f.Home, real):
		return wide("contains your home directory: the jail would hold your keys and every other project")
	}
	for _, own := range f.OwnDirs {
		if paths.Below(own, real) || paths.Below(real, own) || sameFile(real, own) {
			return &ProjectError{
				Dir: real, Err: errProjectOwn,
				Detail: fmt.Sprintf("reaches jailed-claude's own folder %q: the agent could grant itself more", own),
				Hint:   "work in a folder that is neither inside nor above it",
			}
		}
	}
	system := func(what string) error {
		return &ProjectError{
			Dir: real, Err: errProjectSystem, Detail: "belongs to " + what,
			Hint: "copy or clone what you want to work on into a folder of your own",
		}
	}
	for _, p := range places {
		if real == p.dir || p.whole && paths.Below(real, p.dir) && !underAny(real, p.except) && !paths.Below(f.Home, p.dir) {
			return system(p.what)
		}
	}
	if paths.Below(f.RuntimeDir, real) {
		return system("the sockets of your session")
	}
	trusted := map[string]string{".ssh": "your SSH keys", ".gnupg": "your GnuPG keys"}
	for _, a := range agent.All() {
		for _, folder := range a.Folders {
			trusted[folder.Path] = "the host's own " + a.Title
		}
	}
	for name, what := range trusted {
		if paths.Below(real, filepath.Join(f.Home, name)) {
			return system(what)
		}
	}
	return nil
}

func underAny(path string, dirs []string) bool {
	for _, d := range dirs {
		if paths.Below(path, d) {
			return true
		}
	}
	return false
}

// sameFile sees through bind mounts of a folder at another place.
func sameFile(a, b string) bool {
	fa, err := os.Stat(a)
	if err != nil {
		return false
	}
	fb, err := os.Stat(b)
	return err == nil && os.SameFile(fa, fb)
}
