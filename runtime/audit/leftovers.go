package audit

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// leftoverAttacks want to stay when the jail has ended. They are the last: the
// attacker ends after them.
func leftoverAttacks() []Attack {
	var all []Attack
	linger := func(name, source string, prepare func(*syscall.SysProcAttr)) {
		all = append(all, Attack{Name: "outlive-" + name, Class: "leftovers", Promise: promiseNothingLeft, Source: source, Success: "a process of the jail runs when the jail has ended",
			Run: func(e *Env) Result {
				c := command(e.Self, "audit", "--inside=linger", "--inside-mark="+e.marked("outlive-"+name))
				c.SysProcAttr = &syscall.SysProcAttr{}
				prepare(c.SysProcAttr)
				if err := c.Start(); err != nil {
					return held("%s", plain(err))
				}
				if name == "stopped" {
					_ = c.Process.Signal(unix.SIGSTOP)
				}
				return through("it runs")
			},
			Judge: func(s *Scene, _ Result) Result { return s.lives("outlive-" + name) },
		})
	}
	linger("child", "a child that ignores signals", func(*syscall.SysProcAttr) {})
	linger("session", "setsid(2), daemon(3)", func(a *syscall.SysProcAttr) { a.Setsid = true })
	linger("group", "setpgid(2)", func(a *syscall.SysProcAttr) { a.Setpgid = true })
	linger("stopped", "SIGSTOP in signal(7)", func(a *syscall.SysProcAttr) { a.Setsid = true })
	left := func(name, source, success string, judge func(*Scene, Result) Result) {
		all = append(all, Attack{Name: "left-" + name, Class: "leftovers", Promise: promiseNothingLeft, Source: source, Success: success, Run: func(*Env) Result { return held("none") }, Judge: judge})
	}
	left("mount", "mount_namespaces(7)", "the host has another mount", (*Scene).leftMounts)
	left("cgroup", "cgroups(7)", "the host has a cgroup of the jail", (*Scene).leftCgroups)
	left("stub", "claude-code issues 17087, 43825, 74799", "a stub or mount point lies in the project", (*Scene).leftStubs)
	left("file", "", "a file of the jail lies in the caller's runtime folder or /tmp", (*Scene).leftFiles)
	return all
}

// dirNames are the names in a folder, nil if there is none.
func dirNames(dir string) map[string]bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}

var pathName = strings.NewReplacer("/", "-", "_", "-")
