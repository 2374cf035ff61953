package audit

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// exhaustionAttacks use up what the jail and the host share. They end at the
// limit that was promised, or a little beyond it.
func exhaustionAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, run func(*Env) Result) {
		all = append(all, Attack{Name: name, Class: "exhaustion", Promise: promiseLimits, Source: source, Success: success, Run: run})
	}
	add("fork-bomb", "fork(2); pids.max in cgroups(7)", "more processes than the limit", func(e *Env) Result {
		if e.Facts.Pids == 0 {
			return notApplicable("the policy sets no limit of processes")
		}
		if e.Facts.Pids > 4096 {
			return notApplicable("more than 4096 processes are allowed, which is not tried")
		}
		return forks(e.Self, int(e.Facts.Pids)+16)
	})
	add("memory", "memory.max in cgroups(7)", "more memory than the limit", func(e *Env) Result {
		switch {
		case e.Facts.Memory == 0:
			return notApplicable("the policy sets no limit of memory")
		case e.Facts.Memory > 1<<30:
			return notApplicable("more than 1 GiB is allowed, which is not tried")
		}
		c := command(e.Self, "audit", "--inside=memory:"+itoa(int(e.Facts.Memory+(64<<20))))
		return unless(c.Run(), "it was used")
	})
	for _, dir := range []struct{ name, path string }{{"tmp", "/tmp"}, {"var-tmp", "/var/tmp"}, {"shm", "/dev/shm"}, {"dev", "/dev"}, {"home", "{home}"}, {"runtime-dir", "{run}"}} {
		add("fill-"+dir.name, "tmpfs(5)", "a temporary file system takes as much as the host has", func(e *Env) Result {
			return fills(expand(dir.path, e.Facts, e.UID), e.marked("fill"))
		})
		add("inodes-"+dir.name, "tmpfs(5)", "a temporary file system takes any number of files", func(e *Env) Result {
			var st unix.Statfs_t
			p := expand(dir.path, e.Facts, e.UID)
			if err := unix.Statfs(p, &st); err != nil {
				return held("%s", plain(err))
			}
			switch {
			case unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS) != nil:
				return held("it cannot be written")
			case st.Type != unix.TMPFS_MAGIC:
				return onDisk(p)
			case st.Files == 0 || st.Files > maxInodes:
				return through("it takes %d files", st.Files)
			}
			return held("%d files at most", st.Files)
		})
	}
	add("core-file", "core(5)", "memory of the agent is in a file", func(e *Env) Result {
		return refused(forked(sys(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, keep(&unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}), 0)))
	})
	add("descriptors", "RLIMIT_NOFILE in getrlimit(2)", "more descriptors than the limit", func(*Env) Result {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
			return failed("%v", err)
		}
		if l.Max > maxDescriptors {
			return through("%d are allowed", l.Max)
		}
		return held("%d at most", l.Max)
	})
	all[len(all)-1].Lacks = fewDescriptors
	add("pin-memory", "RLIMIT_MEMLOCK in getrlimit(2)", "64 MiB of memory stay in memory", func(*Env) Result {
		// By a process that ends with it.
		return unless(forked(sys(unix.SYS_MMAP, 0, 64<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON, minus(1), 0), sys(unix.SYS_MLOCK, result(0), 64<<20)), "they are locked")
	})
	all = append(all, Attack{Name: "long-line", Class: "exhaustion", Promise: promiseLimits, Source: "a log without a newline", Success: "who shows it keeps 32 MiB of it in memory", Run: func(e *Env) Result {
		c := command(e.Self, "audit", "--inside=flood")
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return held("it was not written: %v", err)
		}
		return held("it was written")
	}, Judge: (*Scene).keptSmall})
	return all
}

const (
	maxInodes      = 4 << 20
	maxTmpfs       = 8 << 30
	maxDescriptors = 1 << 20
	floodSize      = 32 << 20
)

// onDisk: a folder that should be a file system of the jail's own is the host's.
func onDisk(p string) Result {
	return through("%s is no file system of the jail's own", p)
}

// fills asks for one byte more than there is. A file system without a limit is
// not asked: it would give all that the host has.
func fills(dir, name string) Result {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return held("%s", plain(err))
	}
	size := int64(st.Blocks) * st.Bsize
	switch {
	case unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS) != nil:
		return held("it cannot be written")
	case st.Type != unix.TMPFS_MAGIC:
		return onDisk(dir)
	case st.Blocks == 0 || size > maxTmpfs:
		return through("its size is %d MiB", size>>20)
	}
	p := dir + "/" + name
	defer os.Remove(p)
	f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return held("%s", plain(err))
	}
	defer f.Close()
	return unless(unix.Fallocate(int(f.Fd()), 0, 0, size+st.Bsize), "it took more than its size")
}

// forks starts processes that do nothing, until one is refused.
func forks(self string, n int) Result {
	var started []*exec.Cmd
	defer func() {
		for _, c := range started {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for len(started) < n {
		c := command(self, "audit", "--inside=linger")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		if err := c.Start(); err != nil {
			return held("%s, after %d", plain(err), len(started))
		}
		started = append(started, c)
	}
	return through("%d were started", n)
}
