package audit

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// aroundAttack goes around mounts: rename(2) refuses a mount point of the
// caller's own mount namespace, and from one without our mounts it is none. It
// needs a user namespace; identity.nesting gives it away (docs/security.md).
func aroundAttack(name, class, promise, success string, paths func(*Env) []string, try func(e *Env, p string) Result, judge func(*Scene, Result) Result) Attack {
	return Attack{Name: name, Class: class, Promise: promise, Source: "rename(2): EBUSY in the own mount namespace alone; user_namespaces(7)", Success: success, Judge: judge, Run: func(e *Env) Result {
		var rs []Result
		for _, p := range paths(e) {
			rs = append(rs, try(e, p))
		}
		if len(rs) == 0 {
			return notApplicable("there is nothing of the kind in the project")
		}
		return firstThrough(rs...)
	}}
}

func changeAround() Attack {
	return aroundAttack("protected-change-by-namespace", "persistence", promisePersistence, "a protected path is changed from a mount namespace without the mount on it, without a word at the end",
		func(e *Env) []string { return e.Facts.Protected },
		func(e *Env, p string) Result {
			fi, err := os.Stat(p)
			if err != nil {
				return held("%s", plain(err))
			}
			err = e.around(p, func(moved uintptr) []call {
				return []call{sys(unix.SYS_FCHMODAT, atCwd, moved, uintptr(fi.Mode().Perm()))}
			})
			return unless(err, "%q was moved, its mode was set to what it was, and it was moved back", p)
		},
		func(s *Scene, r Result) Result {
			for _, p := range s.bait.Facts.Protected {
				if q := strconv.Quote(p); r.Verdict == GotThrough && strings.HasPrefix(r.Detail, q) && strings.Contains(s.screen.String(), q+": protected, and changed") {
					return held("it was changed, and reported at the end of the jail: the policy lets the agent make namespaces")
				}
			}
			return r
		})
}

func readAround() Attack {
	return aroundAttack("hidden-read-by-namespace", "hidden", promiseHidden, "a hidden file is read from a mount namespace without the mask on it",
		func(e *Env) []string { return files(e.Facts.Hidden) },
		func(e *Env, p string) Result {
			r, w, err := os.Pipe()
			if err != nil {
				return failed("%v", err)
			}
			defer r.Close()
			out := w.Fd()
			err = e.around(p, func(moved uintptr) []call {
				return []call{sys(unix.SYS_OPENAT, atCwd, moved, unix.O_RDONLY), sys(unix.SYS_SENDFILE, out, result(opened), 0, 64)}
			})
			_ = w.Close()
			if err != nil {
				return held("%s", plain(err))
			}
			if n, _ := r.Read(make([]byte, 64)); n == 0 {
				return held("it is empty")
			}
			return through("%s was read", p)
		}, nil)
}

// opened is the place of the first call that around gets from its caller.
const opened = 8

// around moves the topmost folder of the project that holds p into another one
// of the project, from a mount namespace where nothing is mounted on either,
// makes the calls on p there (moved is its path), and moves it back.
func (e *Env) around(p string, calls func(moved uintptr) []call) error {
	project, err := unix.Open(e.Facts.Project, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(project)
	name := e.marked("around")
	dir := filepath.Join(e.Facts.Project, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer os.Remove(dir)
	rel, err := filepath.Rel(e.Facts.Project, p)
	if err != nil {
		return err
	}
	top, rest, _ := strings.Cut(rel, "/")
	here, there, at := cstr(top), cstr(name+"/moved"), uintptr(project)
	rename := func(from, to uintptr) call { return sys(unix.SYS_RENAMEAT2, at, from, at, to, unix.RENAME_NOREPLACE) }
	dot := cstr(".")
	enter := []call{
		sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|unix.CLONE_NEWNS),
		sys(unix.SYS_MOUNT, cstr("none"), cstr("/"), 0, unix.MS_REC|unix.MS_PRIVATE, 0),
		sys(unix.SYS_MOUNT, cstr(dir), cstr("/tmp"), 0, unix.MS_BIND, 0),
		sys(unix.SYS_CHDIR, cstr("/tmp")),
		sys(unix.SYS_PIVOT_ROOT, dot, dot),
		sys(unix.SYS_UMOUNT2, dot, unix.MNT_DETACH),
		sys(unix.SYS_CHDIR, cstr("/")),
	}
	// First whether it can be moved at all, and back.
	if err := forked(append(enter[:len(enter):len(enter)], rename(here, there), rename(there, here))...); err != nil {
		return err
	}
	steps := append(enter[:len(enter):len(enter)], rename(here, there))
	steps = append(append(steps, calls(cstr(filepath.Join("moved", rest)))...), rename(there, here))
	if err := forked(steps...); err != nil {
		// It ended there; it must not stay.
		return firstError(forked(append(enter[:len(enter):len(enter)], rename(there, here))...), err)
	}
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
