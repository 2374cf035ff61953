package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// ExhaustionAttacks use up what the jail and the host share. They end at the
// limit that was promised, or a little beyond it.
func ExhaustionAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "exhaustion", Promise: attack.PromiseLimits, Source: source, Success: success, Run: run})
	}
	add("fork-bomb", "fork(2); pids.max in cgroups(7)", "more processes than the limit", func(e *attack.Env) attack.Result {
		if e.Facts.Pids == 0 {
			return attack.Inapplicable("the policy sets no limit of processes")
		}
		if e.Facts.Pids > 4096 {
			return attack.Inapplicable("more than 4096 processes are allowed, which is not tried")
		}
		return forks(e.Self, int(e.Facts.Pids)+16)
	})
	add("memory", "memory.max in cgroups(7)", "more memory than the limit", func(e *attack.Env) attack.Result {
		switch {
		case e.Facts.Memory == 0:
			return attack.Inapplicable("the policy sets no limit of memory")
		case e.Facts.Memory > 1<<30:
			return attack.Inapplicable("more than 1 GiB is allowed, which is not tried")
		}
		c := attack.Command(e.Self, "audit", "--inside=memory:"+strconv.Itoa(int(e.Facts.Memory+(64<<20))))
		return attack.Unless(c.Run(), "it was used")
	})
	for _, dir := range []struct{ name, path string }{{"tmp", "/tmp"}, {"var-tmp", "/var/tmp"}, {"shm", "/dev/shm"}, {"dev", "/dev"}, {"home", "{home}"}, {"runtime-dir", "{run}"}} {
		add("fill-"+dir.name, "tmpfs(5)", "a temporary file system takes as much as the host has", func(e *attack.Env) attack.Result {
			return fills(attack.Expand(dir.path, e.Facts, e.UID), e.Marked("fill"))
		})
		add("inodes-"+dir.name, "tmpfs(5)", "a temporary file system takes any number of files", func(e *attack.Env) attack.Result {
			var st unix.Statfs_t
			p := attack.Expand(dir.path, e.Facts, e.UID)
			if err := unix.Statfs(p, &st); err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			switch {
			case unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS) != nil:
				return attack.HeldBy("it cannot be written")
			case st.Type != unix.TMPFS_MAGIC:
				return onDisk(p)
			case st.Files == 0 || st.Files > maxInodes:
				return attack.Through("it takes %d files", st.Files)
			}
			return attack.HeldBy("%d files at most", st.Files)
		})
	}
	add("core-file", "core(5)", "memory of the agent is in a file", func(e *attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, attack.Keep(&unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}), 0)))
	})
	add("descriptors", "RLIMIT_NOFILE in getrlimit(2)", "more descriptors than the limit", func(*attack.Env) attack.Result {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
			return attack.Failure("%v", err)
		}
		if l.Max > maxDescriptors {
			return attack.Through("%d are allowed", l.Max)
		}
		return attack.HeldBy("%d at most", l.Max)
	})
	all[len(all)-1].Lacks = fewDescriptors
	add("pin-memory", "RLIMIT_MEMLOCK in getrlimit(2)", "64 MiB of memory stay in memory", func(*attack.Env) attack.Result {
		// By a process that ends with it.
		return attack.Unless(attack.Forked(attack.Sys(unix.SYS_MMAP, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON, attack.Minus(1), 0), attack.Sys(unix.SYS_MLOCK, attack.ResultOf(0), 64<<20)), "they are locked")
	})
	all = append(all, attack.Attack{Name: "long-line", Class: "exhaustion", Promise: attack.PromiseLimits, Source: "a log without a newline", Success: "who shows it keeps 32 MiB of it in memory", Run: func(e *attack.Env) attack.Result {
		c := attack.Command(e.Self, "audit", "--inside=flood")
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return attack.HeldBy("it was not written: %v", err)
		}
		return attack.HeldBy("it was written")
	}, Judge: attack.Witness.KeptSmall})
	return all
}

const (
	maxInodes      = 4 << 20
	maxTmpfs       = 8 << 30
	maxDescriptors = 1 << 20
	floodSize      = 32 << 20
)

// onDisk: a folder that should be a file system of the jail's own is the host's.
func onDisk(p string) attack.Result {
	return attack.Through("%s is no file system of the jail's own", p)
}

// fills asks for one byte more than there is. A file system without a limit is
// not asked: it would give all that the host has.
func fills(dir, name string) attack.Result {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	size := int64(st.Blocks) * st.Bsize
	switch {
	case unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS) != nil:
		return attack.HeldBy("it cannot be written")
	case st.Type != unix.TMPFS_MAGIC:
		return onDisk(dir)
	case st.Blocks == 0 || size > maxTmpfs:
		return attack.Through("its size is %d MiB", size>>20)
	}
	p := dir + "/" + name
	defer os.Remove(p)
	f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer f.Close()
	return attack.Unless(unix.Fallocate(int(f.Fd()), 0, 0, size+st.Bsize), "it took more than its size")
}

// forks starts processes that do nothing, until one is refused.
func forks(self string, n int) attack.Result {
	var started []*exec.Cmd
	defer func() {
		for _, c := range started {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for len(started) < n {
		c := attack.Command(self, "audit", "--inside=linger")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		if err := c.Start(); err != nil {
			return attack.HeldBy("%s, after %d", attack.Plain(err), len(started))
		}
		started = append(started, c)
	}
	return attack.Through("%d were started", n)
}

// fewDescriptors: the caller's own limit is what the jail promises, or less.
func fewDescriptors() string {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil && l.Max <= maxDescriptors {
		return fmt.Sprintf("the caller may have %d at most", l.Max)
	}
	return ""
}
