package kernel

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// PrivilegeAttacks look for rights that the caller's program should not have.
func PrivilegeAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "privilege", Promise: attack.PromisePrivilege, Source: source, Success: success, Run: run})
	}
	for _, set := range []struct{ name, field string }{{"effective", "CapEff"}, {"permitted", "CapPrm"}, {"inheritable", "CapInh"}, {"ambient", "CapAmb"}} {
		add("capabilities-"+set.name, "capabilities(7)", "the "+set.name+" set is not empty", func(*attack.Env) attack.Result {
			v := status("self", set.field)
			if strings.Trim(v, "0") == "" && v != "" {
				return attack.HeldBy("none")
			}
			return attack.Through("%s %s", set.field, v)
		})
	}
	add("capset", "capset(2)", "a capability is taken", func(*attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_CAPSET, attack.Keep(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}),
			attack.Keep(&[2]unix.CapUserData{{Effective: 1 << unix.CAP_CHOWN, Permitted: 1 << unix.CAP_CHOWN}}))))
	})
	add("capabilities-by-execve", "capabilities(7): execve of uid 0", "a program that uid 0 executes has capabilities", func(e *attack.Env) attack.Result {
		out, err := attack.Command(e.Self, "audit", "--inside=status").Output()
		if err != nil {
			return attack.Failure("%v", err)
		}
		v := field(string(out), "CapEff")
		if strings.Trim(v, "0") == "" && v != "" {
			return attack.HeldBy("none")
		}
		return attack.Through("CapEff %s", v)
	})
	add("no-new-privs", "PR_SET_NO_NEW_PRIVS in prctl(2)", "the bit is not set: set-user-ID programs work", func(*attack.Env) attack.Result {
		n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		if err == nil && n == 1 {
			return attack.HeldBy("it is set")
		}
		return attack.Through("no_new_privs is %d", n)
	})
	add("setuid-program", "execve(2)", "a set-user-ID program runs as root", setuidProgram)
	add("setuid-mounts", "nosuid in mount(8)", "a mount that the caller writes honours set-user-ID bits", func(e *attack.Env) attack.Result {
		return mountsLack(unix.ST_NOSUID, "nosuid", e.Facts.Project, "/tmp", e.Facts.Home, "/dev/shm", e.Facts.RuntimeDir)
	})
	add("device-mounts", "nodev in mount(8)", "a mount that the caller writes honours device nodes", func(e *attack.Env) attack.Result {
		return mountsLack(unix.ST_NODEV, "nodev", e.Facts.Project, "/tmp", e.Facts.Home, "/dev/shm", e.Facts.RuntimeDir)
	})
	add("setuid-0", "setuid(2)", "the process is uid 0", func(e *attack.Env) attack.Result {
		if os.Getuid() == 0 {
			return attack.Inapplicable("the caller is uid 0")
		}
		return becomes(attack.Sys(unix.SYS_SETRESUID, 0, 0, 0))
	})
	add("setuid-other", "setuid(2)", "the process is another user", func(*attack.Env) attack.Result { return becomes(attack.Sys(unix.SYS_SETRESUID, 65533, 65533, 65533)) })
	add("setgid-0", "setgid(2)", "the process is of group 0", func(*attack.Env) attack.Result {
		if os.Getgid() == 0 {
			return attack.Inapplicable("the caller is of group 0")
		}
		return becomes(attack.Sys(unix.SYS_SETRESGID, 0, 0, 0))
	})
	add("setgroups", "setgroups(2), CVE-2014-8989", "a group that denies is left", func(*attack.Env) attack.Result { return becomes(attack.Sys(unix.SYS_SETGROUPS, 0, 0)) })
	add("supplementary-groups", "CVE-2022-2995 and its like", "a further group of the caller's is held", func(e *attack.Env) attack.Result {
		groups, err := os.Getgroups()
		if err != nil {
			return attack.Failure("%v", err)
		}
		for _, g := range groups {
			// 65534 is what a group without a mapping shows as. It is held
			// still: the kernel has no way to give it away.
			if g != os.Getgid() && g != 65534 {
				return attack.Through("group %d", g)
			}
		}
		return attack.HeldBy("none")
	})
	add("chown", "chown(2)", "a file belongs to another user", func(e *attack.Env) attack.Result {
		p := e.Scratch("chown")
		defer os.Remove(p)
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			return attack.Failure("%v", err)
		}
		return attack.Unless(os.Chown(p, 65533, -1), "it was given away")
	})
	add("file-capability", "setcap(8)", "a program has a file capability", func(e *attack.Env) attack.Result {
		p := e.Scratch("setcap")
		defer os.Remove(p)
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			return attack.Failure("%v", err)
		}
		cap := []byte{1, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		return attack.Unless(unix.Setxattr(p, "security.capability", cap, 0), "CAP_CHOWN by execve")
	})
	add("securebits", "PR_SET_SECUREBITS in prctl(2)", "securebits are changed", func(*attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, 0)))
	})
	add("raise-limits", "setrlimit(2)", "a hard limit is raised", func(*attack.Env) attack.Result {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
			return attack.Failure("%v", err)
		}
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, attack.Keep(&unix.Rlimit{Cur: l.Max + 1, Max: l.Max + 1}), 0)))
	})
	add("raise-priority", "setpriority(2)", "the process goes before the host's", func(*attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, attack.Minus(10))))
	})
	add("realtime", "sched_setscheduler(2)", "the process is scheduled before everything of the host", func(*attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_SCHED_SETSCHEDULER, 0, 1, attack.Keep(&[2]int32{1}))))
	})
	return all
}

// becomes is held by EINVAL as well: the id has no mapping in this namespace.
func becomes(c attack.Call) attack.Result {
	err := attack.Forked(c)
	return attack.Unless(err, "the kernel did it")
}

// status is a field of a process's status file.
func status(pid, name string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/status")
	return field(string(text), name)
}

func field(text, name string) string {
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(l, name+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// setuidProgram starts the host's set-user-ID programs, and looks as whom they
// run before they have read what they ask for.
func setuidProgram(*attack.Env) attack.Result {
	if os.Geteuid() == 0 {
		return attack.Inapplicable("the caller is uid 0")
	}
	found := 0
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin", "/bin", "/run/wrappers/bin", "/usr/lib/openssh") {
		for _, name := range []string{"su", "passwd", "chsh", "chfn", "newgrp", "gpasswd", "sudo", "pkexec"} {
			p := filepath.Join(dir, name)
			fi, err := os.Stat(p)
			if err != nil || fi.Mode()&os.ModeSetuid == 0 {
				continue
			}
			found++
			if uid := startedAs(p); uid == "0" {
				return attack.Through("%s runs as root", p)
			}
		}
	}
	if found == 0 {
		return attack.HeldBy("there is none")
	}
	return attack.HeldBy("%d of them run as the caller", found)
}

// startedAs starts a program that waits for input, and returns its effective
// uid.
func startedAs(p string) string {
	c := attack.Command(p)
	in, err := c.StdinPipe()
	if err != nil {
		return ""
	}
	defer in.Close()
	if c.Start() != nil {
		return ""
	}
	uid := ""
	for range 20 {
		if f := strings.Fields(status(strconv.Itoa(c.Process.Pid), "Uid")); len(f) > 1 {
			if uid = f[1]; uid == "0" {
				break
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = in.Close()
	_ = c.Process.Kill()
	_ = c.Wait()
	return uid
}

// mountsLack: one of the folders lies on a mount without the flag.
func mountsLack(flag int64, name string, dirs ...string) attack.Result {
	for _, dir := range dirs {
		var st unix.Statfs_t
		if dir == "" || unix.Statfs(dir, &st) != nil {
			continue
		}
		if st.Flags&flag == 0 && unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS) == nil {
			return attack.Through("%s is mounted without %s", dir, name)
		}
	}
	return attack.HeldBy("all are mounted %s", name)
}
