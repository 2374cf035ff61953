package kernel

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// LeftoverAttacks want to stay when the jail has ended. They are the last: the
// attacker ends after them.
func LeftoverAttacks() []attack.Attack {
	var all []attack.Attack
	linger := func(name, source string, prepare func(*syscall.SysProcAttr)) {
		all = append(all, attack.Attack{
			Name: "outlive-" + name, Class: "leftovers", Promise: attack.PromiseNothingLeft, Source: source, Success: "a process of the jail runs when the jail has ended",
			Run: func(e *attack.Env) attack.Result {
				c := attack.Command(e.Self, "audit", "--inside=linger", "--inside-mark="+e.Marked("outlive-"+name))
				c.SysProcAttr = &syscall.SysProcAttr{}
				prepare(c.SysProcAttr)
				if err := c.Start(); err != nil {
					return attack.HeldBy("%s", attack.Plain(err))
				}
				if name == "stopped" {
					_ = c.Process.Signal(unix.SIGSTOP)
				}
				return attack.Through("it runs")
			},
			Judge: func(s attack.Witness, _ attack.Result) attack.Result { return s.Lives("outlive-" + name) },
		})
	}
	linger("child", "a child that ignores signals", func(*syscall.SysProcAttr) {})
	linger("session", "setsid(2), daemon(3)", func(a *syscall.SysProcAttr) { a.Setsid = true })
	linger("group", "setpgid(2)", func(a *syscall.SysProcAttr) { a.Setpgid = true })
	linger("stopped", "SIGSTOP in signal(7)", func(a *syscall.SysProcAttr) { a.Setsid = true })
	left := func(name, source, success string, judge func(attack.Witness, attack.Result) attack.Result) {
		all = append(all, attack.Attack{Name: "left-" + name, Class: "leftovers", Promise: attack.PromiseNothingLeft, Source: source, Success: success, Run: func(*attack.Env) attack.Result { return attack.HeldBy("none") }, Judge: judge})
	}
	left("mount", "mount_namespaces(7)", "the host has another mount", attack.Witness.LeftMounts)
	left("cgroup", "cgroups(7)", "the host has a cgroup of the jail", attack.Witness.LeftCgroups)
	left("stub", "claude-code issues 17087, 43825, 74799", "a stub or mount point lies in the project", attack.Witness.LeftStubs)
	left("file", "", "a file of the jail lies in the caller's runtime folder or /tmp", attack.Witness.LeftFiles)
	return all
}
