package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// below makes the jail's cgroup below the nearest cgroup around this process
// that the caller may divide: nearest, so that limits of the caller's own keep
// holding.
func (h *hierarchy) below(id string, want []string) (jail string, err error) {
	own := h.dir(h.own)
	var errs []error
	lacking := want
	for _, dir := range ancestors(own, h.mount) {
		if !divisible(dir) {
			continue
		}
		if missing := without(want, fields(dir, "cgroup.controllers")); len(missing) > 0 {
			lacking = missing
			errs = append(errs, fmt.Errorf("%s is not given %s", dir, strings.Join(missing, ", ")))
			continue
		}
		sweep(dir, time.Now())
		jail, err := h.belowDir(dir, own, id, want)
		if err == nil {
			return jail, nil
		}
		errs = append(errs, err)
	}
	return "", h.refusal(lacking, errors.Join(errs...))
}

// ancestors are dir and the folders above it up to top.
func ancestors(dir, top string) []string {
	if dir == "" {
		return nil
	}
	a := []string{dir}
	for dir != top && dir != "/" {
		dir = filepath.Dir(dir)
		a = append(a, dir)
	}
	return a
}

// divisible: the caller may make a cgroup there, move a process of its own
// from anywhere below it to it, and enable controllers (cgroups(7)).
func divisible(dir string) bool {
	for _, file := range []string{"", "cgroup.procs", "cgroup.subtree_control"} {
		if unix.Faccessat(unix.AT_FDCWD, filepath.Join(dir, file), unix.W_OK, unix.AT_EACCESS) != nil {
			return false
		}
	}
	kind := fields(dir, "cgroup.type") // the kernel's root has none
	return len(kind) == 0 || slices.Equal(kind, []string{"domain"})
}

// belowDir makes the jail's cgroup in dir. Controllers can be enabled in a
// cgroup only if no process is in it: this one is moved out of the way, those
// of others are left alone.
func (h *hierarchy) belowDir(dir, own, id string, want []string) (jail string, err error) {
	ours := filepath.Join(dir, name+id)
	if err := os.Mkdir(ours, 0o755); err != nil {
		return "", fmt.Errorf("make cgroup: %w", err)
	}
	enabled := fields(dir, "cgroup.subtree_control")
	defer func() {
		if err == nil {
			return
		}
		if dir == own {
			_ = disable(ours, without(want, enabled))
			_ = disable(dir, without(want, enabled))
		}
		_ = h.enter(own)
		prune(ours)
	}()
	if jail, err = h.divide(ours, want, dir); err != nil {
		return "", err
	}
	// Nobody can enter a cgroup that hands controllers on. Where we were alone
	// in ours, the janitor takes that back before it goes home.
	var undo []string
	if dir == own {
		undo = without(want, enabled)
	}
	return jail, startJanitor(h.supervisor, ours, own, undo)
}

func disable(dir string, controllers []string) error {
	if len(controllers) == 0 {
		return nil
	}
	return put(dir, "cgroup.subtree_control", "-"+strings.Join(controllers, " -"))
}

// prune removes a cgroup of ours, in which there is no process.
func prune(dir string) {
	for _, part := range []string{jailCgroup, supervisorCgroup, ""} {
		_ = os.Remove(filepath.Join(dir, part))
	}
}

// young is the age below which an empty cgroup may be one that is being made.
const young = time.Minute

// sweep removes cgroups of jails of which even the janitor was killed.
func sweep(dir string, now time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), name) || strings.HasSuffix(e.Name(), ".scope") {
			continue
		}
		fi, err := e.Info()
		if err != nil || now.Sub(fi.ModTime()) < young {
			continue
		}
		ours := filepath.Join(dir, e.Name())
		events := fields(ours, "cgroup.events")
		if i := slices.Index(events, "populated"); i >= 0 && i+1 < len(events) && events[i+1] == "0" {
			prune(ours)
		}
	}
}

// refusal says why nothing around this process can be used.
func (h *hierarchy) refusal(missing []string, err error) error {
	e := &DelegationError{Missing: missing, Err: err}
	user := h.uid != 0
	switch {
	case isDir("/run/systemd/system") && user:
		e.Reason = fmt.Sprintf("no systemd manager answers for user %d, and none of the cgroups around this process can be used", h.uid)
		e.Fix = []string{
			fmt.Sprintf("sudo loginctl enable-linger %d # starts one; or log in on a console or by ssh, not by su or sudo", h.uid),
			"or in a session of yours: systemd-run --user --scope -p Delegate=yes jailed-claude …",
		}
	case isDir("/run/systemd/system"):
		e.Reason = "systemd does not answer, and none of the cgroups around this process can be used"
		e.Fix = []string{"systemd-run --scope -p Delegate=yes jailed-claude …"}
	default:
		e.Reason = "there is no systemd to ask, and none of the cgroups around this process can be used"
		e.Fix = []string{
			"let whoever started this session give you a cgroup that holds no process, and start jailed-claude below it;",
			"its folder, cgroup.procs and cgroup.subtree_control have to be yours, and cgroup.controllers has to list " + strings.Join(missing, ", "),
		}
	}
	return e
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
