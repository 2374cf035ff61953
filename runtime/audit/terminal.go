package audit

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// typed is what terminal attacks type. Nothing runs it, there is no newline.
const typed = "jailed-claude-audit"

// terminalAttacks type into the terminal of the caller, or read from it.
func terminalAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, run func(*Env) Result, judge func(*Scene, Result) Result) {
		all = append(all, Attack{Name: name, Class: "terminal", Promise: promiseTerminal, Source: source, Success: success, Judge: judge,
			Run: func(e *Env) Result {
				if e.Terminal == "" {
					return notApplicable("there is no pseudo-terminal to be had")
				}
				return run(e)
			}})
	}
	inject := func(request uintptr) func(*Env) Result {
		return func(*Env) Result {
			return eachTerminal(func(fd int) error {
				for _, c := range []byte(typed) {
					if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&c))); errno != 0 {
						return errno
					}
				}
				return nil
			})
		}
	}
	add("tiocsti", "CVE-2017-5226, TIOCSTI in ioctl_tty(2)", "what the jail typed is in the caller's terminal", inject(unix.TIOCSTI), (*Scene).wasTyped)
	add("tiocsti-high-bits", "CVE-2019-10063, CVE-2023-1523", "what the jail typed is in the caller's terminal", inject(unix.TIOCSTI|1<<32), (*Scene).wasTyped)
	add("tioclinux", "CVE-2023-1523, ioctl_console(2)", "what is selected on the console is pasted", func(*Env) Result {
		return eachTerminal(func(fd int) error {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x541c, uintptr(unsafe.Pointer(&[]byte{3})))
			return orNil(errno)
		})
	}, nil)
	all[len(all)-1].Lacks = noDevice("/dev/tty[0-9]*")
	add("steal-terminal", "TIOCSCTTY in ioctl_tty(2)", "the caller's terminal is that of a process inside", func(e *Env) Result {
		fd, err := unix.Open(e.Terminal, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err != nil {
			return held("%s", plain(err))
		}
		defer unix.Close(fd)
		if !e.callers(fd) {
			return held("that is another terminal")
		}
		return through("%s of the caller is open", e.Terminal)
	}, nil)
	add("console", "TIOCCONS in ioctl_tty(2)", "messages of the kernel come to a terminal of the jail", func(*Env) Result {
		return eachTerminal(func(fd int) error {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x541d, 0)
			return orNil(errno)
		})
	}, nil)
	add("read-input", "tty_ioctl(4)", "what the caller types is read by somebody in the background", func(e *Env) Result {
		for fd := range 3 {
			if e.callers(fd) {
				return through("descriptor %d is the caller's terminal", fd)
			}
		}
		if fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
			defer unix.Close(fd)
			if e.callers(fd) {
				return through("/dev/tty is the caller's terminal")
			}
		}
		return held("the jail has another terminal, or none")
	}, nil)
	add("terminal-list", "pts(4)", "terminals of the caller are in /dev/pts", func(e *Env) Result {
		var st unix.Stat_t
		if unix.Stat(e.Terminal, &st) == nil && e.Inodes[e.Terminal] == inode(&st) {
			return through("%s is there", e.Terminal)
		}
		return held("it is not there")
	}, nil)
	add("window-size", "TIOCSWINSZ in ioctl_tty(2)", "the caller's terminal has another size", func(*Env) Result {
		return eachTerminal(func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 3, Col: 7}) })
	}, (*Scene).wasResized)
	for _, s := range escapes {
		add("escape-"+s.name, s.source, s.success, func(*Env) Result {
			// On the error stream: results go by the other.
			_, err := os.Stderr.WriteString(s.sequence)
			return unless(err, "written")
		}, func(sc *Scene, r Result) Result { return sc.shown(s.sequence, r) })
	}
	// In a session without a terminal: a real one would be gone, with what the
	// other attacks typed into it.
	add("hang-up", "vhangup(2)", "the terminal of the caller hangs up", func(*Env) Result { return refused(forked(sys(unix.SYS_SETSID), sys(unix.SYS_VHANGUP))) }, nil)
	return all
}

// escapes make a terminal answer as if the caller had typed, or change what is
// outside the window.
var escapes = []struct{ name, source, success, sequence string }{
	{"clipboard-write", "OSC 52, xterm's ctlseqs", "the caller's clipboard is written", "\x1b]52;c;amFpbGVk\x07"},
	{"clipboard-read", "OSC 52, xterm's ctlseqs", "the caller's clipboard is typed", "\x1b]52;c;?\x07"},
	{"title-report", "CVE-2003-0063", "the title is typed", "\x1b[21t"},
	{"answerback", "ENQ, CVE-2010-2713 and its like", "the answerback string is typed", "\x05"},
	{"status-string", "DECRQSS, CVE-2008-2383", "what was asked for is typed", "\x1bP$q\"p\x1b\\"},
}

func orNil(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// eachTerminal tries every terminal that a process inside has.
func eachTerminal(try func(fd int) error) Result {
	var last error
	tty, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(tty)
	}
	for _, fd := range []int{0, 1, 2, tty} {
		if fd < 0 {
			continue
		}
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			continue
		}
		if last = try(fd); last == nil {
			return through("descriptor %d takes it", fd)
		}
	}
	if last == nil {
		return held("there is no terminal inside")
	}
	return held("%s", plain(last))
}

// callers: a descriptor is the terminal of the caller, not one of the same name.
func (e *Env) callers(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && strings.HasPrefix(e.Terminal, "/dev/") && e.Inodes[e.Terminal] == inode(&st)
}
