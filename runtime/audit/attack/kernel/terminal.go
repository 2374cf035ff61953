package kernel

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// TerminalAttacks type into the terminal of the caller, or read from it.
func TerminalAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result, judge func(attack.Witness, attack.Result) attack.Result) {
		all = append(all, attack.Attack{
			Name: name, Class: "terminal", Promise: attack.PromiseTerminal, Source: source, Success: success, Judge: judge,
			Run: func(e *attack.Env) attack.Result {
				if e.Terminal == "" {
					return attack.Inapplicable("there is no pseudo-terminal to be had")
				}
				return run(e)
			},
		})
	}
	inject := func(request uintptr) func(*attack.Env) attack.Result {
		return func(*attack.Env) attack.Result {
			return eachTerminal(func(fd int) error {
				for _, c := range []byte(attack.Typed) {
					if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&c))); errno != 0 {
						return errno
					}
				}
				return nil
			})
		}
	}
	add("tiocsti", "CVE-2017-5226, TIOCSTI in ioctl_tty(2)", "what the jail typed is in the caller's terminal", inject(unix.TIOCSTI), attack.Witness.WasTyped)
	add("tiocsti-high-bits", "CVE-2019-10063, CVE-2023-1523", "what the jail typed is in the caller's terminal", inject(unix.TIOCSTI|1<<32), attack.Witness.WasTyped)
	add("tioclinux", "CVE-2023-1523, ioctl_console(2)", "what is selected on the console is pasted", func(*attack.Env) attack.Result {
		return eachTerminal(func(fd int) error {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x541c, uintptr(unsafe.Pointer(&[]byte{3})))
			return orNil(errno)
		})
	}, nil)
	all[len(all)-1].Lacks = attack.NoDevice("/dev/tty[0-9]*")
	add("steal-terminal", "TIOCSCTTY in ioctl_tty(2)", "the caller's terminal is that of a process inside", func(e *attack.Env) attack.Result {
		fd, err := unix.Open(e.Terminal, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer unix.Close(fd)
		if !callers(e, fd) {
			return attack.HeldBy("that is another terminal")
		}
		return attack.Through("%s of the caller is open", e.Terminal)
	}, nil)
	add("console", "TIOCCONS in ioctl_tty(2)", "messages of the kernel come to a terminal of the jail", func(*attack.Env) attack.Result {
		return eachTerminal(func(fd int) error {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x541d, 0)
			return orNil(errno)
		})
	}, nil)
	add("read-input", "tty_ioctl(4)", "what the caller types is read by somebody in the background", func(e *attack.Env) attack.Result {
		for fd := range 3 {
			if callers(e, fd) {
				return attack.Through("descriptor %d is the caller's terminal", fd)
			}
		}
		if fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
			defer unix.Close(fd)
			if callers(e, fd) {
				return attack.Through("/dev/tty is the caller's terminal")
			}
		}
		return attack.HeldBy("the jail has another terminal, or none")
	}, nil)
	add("terminal-list", "pts(4)", "terminals of the caller are in /dev/pts", func(e *attack.Env) attack.Result {
		var st unix.Stat_t
		if unix.Stat(e.Terminal, &st) == nil && e.Inodes[e.Terminal] == attack.Inode(&st) {
			return attack.Through("%s is there", e.Terminal)
		}
		return attack.HeldBy("it is not there")
	}, nil)
	add("window-size", "TIOCSWINSZ in ioctl_tty(2)", "the caller's terminal has another size", func(*attack.Env) attack.Result {
		return eachTerminal(func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 3, Col: 7}) })
	}, attack.Witness.WasResized)
	for _, s := range escapes {
		add("escape-"+s.name, s.source, s.success, func(*attack.Env) attack.Result {
			// On the error stream: results go by the other.
			_, err := os.Stderr.WriteString(s.sequence)
			return attack.Unless(err, "written")
		}, func(sc attack.Witness, r attack.Result) attack.Result { return sc.Shown(s.sequence, r) })
	}
	// In a session without a terminal: a real one would be gone, with what the
	// other attacks typed into it.
	add("hang-up", "vhangup(2)", "the terminal of the caller hangs up", func(*attack.Env) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_SETSID), attack.Sys(unix.SYS_VHANGUP)))
	}, nil)
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
func eachTerminal(try func(fd int) error) attack.Result {
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
			return attack.Through("descriptor %d takes it", fd)
		}
	}
	if last == nil {
		return attack.HeldBy("there is no terminal inside")
	}
	return attack.HeldBy("%s", attack.Plain(last))
}

// callers: a descriptor is the terminal of the caller, not one of the same name.
func callers(e *attack.Env, fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && strings.HasPrefix(e.Terminal, "/dev/") && e.Inodes[e.Terminal] == attack.Inode(&st)
}
