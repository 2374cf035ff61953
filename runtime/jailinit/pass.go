package jailinit

// #include "pass.h"
import "C"

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

// Pass passes standard descriptors on, in the process that pass.c made for that,
// until the agent has ended. In any other process it returns false.
func Pass() bool {
	if C.jail_pass.is == 0 {
		return false
	}
	var all sync.WaitGroup
	for i, how := range C.jail_pass.how {
		caller, jail := os.NewFile(uintptr(i), "caller"), os.NewFile(uintptr(C.PASS_JAIL+i), "jail")
		switch {
		case how == C.PASS_NOT:
		case i == 0:
			all.Go(func() {
				pass(jail, caller)
				jail.Close() // the agent reads an end
			})
		case how == C.PASS_PLAIN:
			all.Go(func() { pass(caller, jail); jail.Close() })
		default:
			all.Go(func() {
				f := terminal.NewFilter(caller, terminal.Options{Clipboard: C.jail_pass.clipboard != 0})
				pass(f, jail)
				_ = f.Restore() // nobody is there to tell
				jail.Close()
			})
		}
	}
	all.Wait()
	return true
}

// pass copies until from ends or to does, and when the agent has ended until there is
// no more. A terminal whose caller is gone reads as an error, and has ended.
func pass(to io.Writer, from *os.File) {
	buf := make([]byte, 64<<10)
	fds := []unix.PollFd{{Fd: C.PASS_ENDED}, {Fd: int32(from.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return
		}
		if fds[1].Revents == 0 || fds[0].Revents != 0 && from.Fd() == 0 {
			return // typed later is for others
		}
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
