package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// hierarchy is the cgroup v2 hierarchy as this process sees it.
type hierarchy struct {
	// mount is where it is mounted, and root the cgroup that is mounted there.
	mount, root string
	// own is the cgroup of this process.
	own string
	// v1 are the controllers that cgroup v1 holds on this host.
	v1 []string
	// uid is the caller's, run the folder of its systemd manager.
	uid int
	run string
	// supervisor is the process that will be the jail's supervisor.
	supervisor int
}

// thisHost reads the hierarchy of this process.
func thisHost(supervisor int) (*hierarchy, error) {
	h := &hierarchy{uid: os.Geteuid(), supervisor: supervisor}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	h.run = runDir(h.uid, os.Getenv("XDG_RUNTIME_DIR"))
	h.own, h.v1 = parseOwn(string(own))
	h.mount, h.root = parseMounts(string(mounts), h.own)
	return h, nil
}

// runDir is where the manager's sockets are. Who comes by su has no
// XDG_RUNTIME_DIR, or that of somebody else.
func runDir(uid int, xdg string) string {
	if uid == 0 {
		return "/run"
	}
	own := fmt.Sprintf("/run/user/%d", uid)
	if _, err := os.Stat(filepath.Join(own, "systemd")); err == nil || !filepath.IsAbs(xdg) {
		return own
	}
	return xdg
}

// parseOwn reads /proc/self/cgroup (cgroups(7)): lines "ID:CONTROLLERS:PATH",
// with ID 0 and no controllers for cgroup v2.
func parseOwn(text string) (own string, v1 []string) {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[0] == "0" && parts[1] == "":
			own = parts[2]
		case parts[1] != "" && !strings.HasPrefix(parts[1], "name="):
			v1 = append(v1, strings.Split(parts[1], ",")...)
		}
	}
	return own, v1
}

// parseMounts finds in mountinfo(5) the cgroup2 mount that shows the cgroup
// own: "36 35 0:30 ROOT MOUNT-POINT OPTIONS … - cgroup2 cgroup2 …".
func parseMounts(text, own string) (mount, root string) {
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(line, " - ")
		f := strings.Fields(left)
		if !ok || len(f) < 6 || !strings.HasPrefix(right, "cgroup2 ") {
			continue
		}
		// A path with escapes is none that an administrator chose. The last
		// mount lies on top.
		if within(own, f[3]) && !strings.Contains(f[4], `\`) {
			mount, root = f[4], f[3]
		}
	}
	return mount, root
}

// within reports whether the cgroup p is root or below it.
func within(p, root string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && paths.Below(p, root)
}

// dir is the folder of a cgroup; empty if it is not to be seen.
func (h *hierarchy) dir(cgroup string) string {
	if h.mount == "" || !within(cgroup, h.root) {
		return ""
	}
	return filepath.Join(h.mount, strings.TrimPrefix(cgroup, strings.TrimSuffix(h.root, "/")))
}

// provides: the host has all controllers in cgroup v2, whoever may use them.
func (h *hierarchy) provides(want []string) error {
	unified := []string{
		"add systemd.unified_cgroup_hierarchy=1 to the kernel's command line and reboot",
		"jailed-claude doctor # has the commands for this system",
	}
	switch {
	case h.mount == "" && len(h.v1) > 0:
		return &DelegationError{Missing: want, Reason: "this host uses cgroup v1, which users cannot share", Fix: unified}
	case h.mount == "":
		return &DelegationError{
			Missing: want, Reason: "cgroup2 is not mounted here",
			Fix: []string{"mount -t cgroup2 cgroup2 /sys/fs/cgroup # as root; in a container, its runtime has to"},
		}
	}
	missing := without(want, fields(h.mount, "cgroup.controllers"))
	if len(missing) == 0 {
		return nil
	}
	if slices.ContainsFunc(missing, func(c string) bool { return slices.Contains(h.v1, c) }) {
		return &DelegationError{Missing: missing, Reason: "this host uses cgroup v1 for them (hybrid), which users cannot share", Fix: unified}
	}
	if isFile(h.mount, "cgroup.type") { // only the kernel's root has none
		return &DelegationError{
			Missing: missing, Reason: fmt.Sprintf("this container is not given them (%s/cgroup.controllers)", h.mount),
			Fix: []string{"enable them in cgroup.subtree_control around the container, outside of it"},
		}
	}
	e := &DelegationError{Missing: missing, Reason: "this kernel does not have them, or they are turned off on its command line"}
	if slices.Contains(missing, "memory") {
		e.Fix = []string{"add cgroup_enable=memory to the kernel's command line, and reboot"}
	}
	return e
}

func isFile(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return !errors.Is(err, os.ErrNotExist)
}
