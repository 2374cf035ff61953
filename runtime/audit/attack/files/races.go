package files

import (
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// raceTime is how long the races of one attack are run, all together. What is open for as long as a system
// call takes is met some thousand times in it; a race that needs more tries is
// not shown by this suite.
const raceTime = 600 * time.Millisecond

// Where other work leaves neither side the processor for long, a race goes on until
// enough tries had a change before them, but not for longer than patience times its time.
const enough, patience = 20, 10

// race runs what changes and what tries against each other until a try gets
// through, or the time is over. It counts the rounds of both.
func race(d time.Duration, change func(), try func() bool) (won bool, changes, tries int64) {
	var stop atomic.Bool
	done := make(chan struct{})
	var n atomic.Int64
	go func() {
		defer close(done)
		for !stop.Load() {
			change()
			n.Add(1)
		}
	}()
	var met, before int64
	for began := time.Now(); !won && (time.Since(began) < d || met < enough && time.Since(began) < patience*d); tries++ {
		if now := n.Load(); now != before {
			met, before = met+1, now
		}
		won = try()
	}
	stop.Store(true)
	<-done
	return won, n.Load(), tries
}

func raced(won bool, changes, tries int64, what string) attack.Result {
	if won {
		return attack.Through("%s, at try %d", what, tries)
	}
	return attack.HeldBy("%d tries beside %d changes", tries, changes)
}

// RaceAttacks change a path while it is used: what is checked and what is used
// are then two things. Held by what has no path: mounts, and modes of files.
func RaceAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, promise, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "races", Promise: promise, Source: source, Success: success, Run: run})
	}
	each := func(paths []string, try func(p string, d time.Duration) attack.Result) attack.Result {
		var rs []attack.Result
		for _, p := range paths {
			rs = append(rs, try(p, raceTime/time.Duration(len(paths))))
		}
		return attack.FirstThrough(rs...)
	}
	add("race-protected-symlink", attack.PromisePersistence, "symlink races; CVE-2021-30465's neighbours", "a protected file is open for writing through a symlink that turns", func(e *attack.Env) attack.Result {
		return each(files(e.Facts.Protected), func(p string, d time.Duration) attack.Result {
			return turning(e, p, d, func(link string) bool { return opensInode(link, unix.O_WRONLY, p) }, "it was open for writing")
		})
	})
	add("race-protected-mount-point", attack.PromisePersistence, "rename(2) of mount points: EBUSY", "a protected path, or a folder above it, is away for a moment", func(e *attack.Env) attack.Result {
		return each(e.Facts.Protected, func(p string, d time.Duration) attack.Result { return awayForAMoment(e, p, d) })
	})
	add("race-hidden-symlink", attack.PromiseHidden, "symlink races", "a hidden file has contents through a symlink that turns", func(e *attack.Env) attack.Result {
		return each(files(e.Facts.Hidden), func(p string, d time.Duration) attack.Result {
			return turning(e, p, d, func(link string) bool { return readsInode(link, p) }, "it was read")
		})
	})
	add("race-hidden-mount-point", attack.PromiseHidden, "rename(2) of mount points: EBUSY", "a hidden path, or a folder above it, is away for a moment", func(e *attack.Env) attack.Result {
		return each(e.Facts.Hidden, func(p string, d time.Duration) attack.Result { return awayForAMoment(e, p, d) })
	})
	add("race-outside-symlink", attack.PromiseFiles, "symlink races", "the secret is read through a symlink that turns", func(e *attack.Env) attack.Result {
		p, ok := e.Secrets["beside"]
		if !ok {
			return attack.Inapplicable("%s", attack.NoPlace)
		}
		return turning(e, p, raceTime, func(link string) bool { return e.Reads(link).Verdict == attack.GotThrough }, "the secret was read")
	})
	add("race-dot-dot", attack.PromiseFiles, "CVE-2015-2925: \"..\" of a folder that is moved out of a mount", "the secret is read", racesDotDot)
	add("race-kernel-file", attack.PromisePrivilege, "CVE-2025-52881: what is written goes to another file of /proc", "a setting of the kernel is open for writing through a symlink that turns", func(e *attack.Env) attack.Result {
		return each(present("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches"), func(p string, d time.Duration) attack.Result {
			return turning(e, p, d, func(link string) bool { return opensInode(link, unix.O_WRONLY, p) || reopens(link, p) }, p+" was open for writing")
		})
	})
	add("race-masked-file", attack.PromisePrivilege, "CVE-2025-31133, CVE-2025-52565: a mask or console that is another file", "a masked file of /proc has contents through a symlink that turns", func(e *attack.Env) attack.Result {
		return each(present("/proc/keys", "/proc/interrupts", "/proc/timer_list", "/proc/sched_debug"), func(p string, d time.Duration) attack.Result {
			return turning(e, p, d, readsProc, p+" was read")
		})
	})
	all = append(all, raceReport())
	return all
}

// files are those of the paths that are no folders.
func files(paths []string) (all []string) {
	for _, p := range paths {
		if fi, err := os.Stat(p); err == nil && !fi.IsDir() {
			all = append(all, p)
		}
	}
	return all
}

func present(paths ...string) (all []string) {
	for _, p := range paths {
		if attack.Exists(p) {
			all = append(all, p)
		}
	}
	return all
}

// turning tries a symlink that leads to an own file and to p by turns.
func turning(e *attack.Env, p string, d time.Duration, try func(link string) bool, what string) attack.Result {
	dir := e.Scratch("race")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return attack.Failure("%v", err)
	}
	defer os.RemoveAll(dir)
	own, link, other := filepath.Join(dir, "own"), filepath.Join(dir, "link"), filepath.Join(dir, "other")
	if err := firstError(os.WriteFile(own, nil, 0o600), firstError(os.Symlink(own, link), os.Symlink(p, other))); err != nil {
		return attack.Failure("%v", err)
	}
	won, changes, tries := race(d, func() { _ = unix.Renameat2(unix.AT_FDCWD, link, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE) }, func() bool { return try(link) })
	return raced(won, changes, tries, what)
}

// opensInode opens a path, and looks whether that is p. It writes nothing.
func opensInode(path string, flags int, p string) bool {
	fd, err := unix.Open(path, flags|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return sameFile(fd, p)
}

func sameFile(fd int, p string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(fd, &a) == nil && unix.Stat(p, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// reopens opens a path without rights, and then what it was for writing.
func reopens(path, p string) bool {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return opensInode("/proc/self/fd/"+strconv.Itoa(fd), unix.O_WRONLY, p)
}

// readsInode: the path is p, and has contents.
func readsInode(path, p string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, make([]byte, 64))
	return err == nil && n > 0 && sameFile(fd, p)
}

// readsProc: the path leads into /proc, and has contents.
func readsProc(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil || st.Type != unix.PROC_SUPER_MAGIC {
		return false
	}
	n, err := unix.Read(fd, make([]byte, 64))
	return err == nil && n > 0
}

// awayForAMoment moves a path and each folder above it, while somebody opens
// and closes it: what is busy is looked at without a lock on all of it.
func awayForAMoment(e *attack.Env, p string, d time.Duration) attack.Result {
	var all []string
	for f := p; f != e.Facts.Project && attack.Within(f, e.Facts.Project); f = filepath.Dir(f) {
		all = append(all, f)
	}
	var rs []attack.Result
	for _, f := range all {
		won, changes, tries := race(d/time.Duration(len(all)), func() {
			if fd, err := unix.Open(f, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
				_ = unix.Close(fd)
			}
		}, func() bool { return moves(f, e.Marked("moved")).Verdict == attack.GotThrough })
		rs = append(rs, raced(won, changes, tries, f+" was away"))
	}
	return attack.FirstThrough(rs...)
}

// racesDotDot climbs out of a folder that is moved up and down meanwhile.
func racesDotDot(e *attack.Env) attack.Result {
	p, ok := e.Secrets["beside"]
	if !ok {
		return attack.Inapplicable("%s", attack.NoPlace)
	}
	if e.Facts.ReadOnly {
		return attack.Inapplicable("the project is read-only")
	}
	top := filepath.Join(e.Facts.Project, e.Marked("race"))
	deep, up := filepath.Join(top, "a/b/c/d"), filepath.Join(top, "d")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		return attack.Failure("%v", err)
	}
	defer os.RemoveAll(top)
	fd, err := unix.Open(deep, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return attack.Failure("%v", err)
	}
	defer unix.Close(fd)
	// From where it is at its deepest, and from further up.
	var climb []string
	for n, dots := 0, "../.."; n < 8; n, dots = n+1, dots+"/.." {
		climb = append(climb, filepath.Join(dots, filepath.Base(filepath.Dir(p)), filepath.Base(p)))
	}
	won, changes, tries := race(raceTime, func() {
		_ = os.Rename(deep, up)
		_ = os.Rename(up, deep)
	}, func() bool {
		for _, c := range climb {
			if f, err := unix.Openat(fd, c, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
				b := make([]byte, 256)
				n, _ := unix.Read(f, b)
				_ = unix.Close(f)
				if e.IsSecret(b[:max(n, 0)]) {
					return true
				}
			}
		}
		return false
	})
	return raced(won, changes, tries, "the secret was read")
}

// raceReport leaves a process that changes what is at a path until the end of
// the jail, when the supervisor looks for what appeared.
func raceReport() attack.Attack {
	return attack.Attack{
		Name: "race-report", Class: "races", Promise: attack.PromisePersistence, Source: "what is looked at while it changes", Success: raceName + " of the project is made, without a word at the end",
		Run: func(e *attack.Env) attack.Result {
			p := filepath.Join(e.Facts.Project, raceName)
			if attack.Exists(p) {
				return attack.Inapplicable("the project has a %s", raceName)
			}
			target, other := filepath.Join(e.Facts.Project, e.Marked("target")), filepath.Join(e.Facts.Project, e.Marked("turn"))
			for _, name := range []string{target, p} {
				if err := os.WriteFile(name, []byte(attack.MarkerText), 0o600); err != nil {
					return attack.HeldBy("%s", attack.Plain(err))
				}
			}
			if err := os.Symlink(target, other); err != nil {
				return attack.Failure("%v", err)
			}
			c := attack.Command(e.Self, "audit", "--inside=turn:"+p+":"+other)
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := c.Start(); err != nil {
				return attack.Failure("%v", err)
			}
			go func() { _ = c.Wait() }()
			return attack.Through("made")
		},
		Judge: func(s attack.Witness, r attack.Result) attack.Result {
			s.Stop("turn:")
			return s.Reported(raceName, r)
		},
	}
}

// Turn exchanges two paths for some seconds, or until the jail ends.
func Turn(argument string, _ io.Writer) error {
	p, other, _ := strings.Cut(argument, ":")
	signal.Ignore(unix.SIGHUP, unix.SIGTERM, unix.SIGINT, unix.SIGPIPE)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if err := unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE); err != nil {
			return err
		}
		time.Sleep(20 * time.Microsecond)
	}
	return nil
}
