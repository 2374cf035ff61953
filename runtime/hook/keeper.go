package hook

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../constructor
// #include "keeper.h"
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/certificates"
	"github.com/jailed-claude/jailed-claude/runtime/cores"
	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// keeperEnv tells a re-executed binary that it is a keeper, and of which
// container; joinedEnv that it has the container's namespaces. keeper.c knows
// both.
const (
	keeperEnv = C.JAIL_KEEPER_ENV
	joinedEnv = C.JAIL_KEEPER_JOINED_ENV
)

// exitOurs is the exit status of failures of ours, as in chroot(1) and podman.
const exitOurs = 125

// IsKeeper reports whether this process was started as one.
func IsKeeper() bool { return os.Getenv(keeperEnv) != "" }

// Keep is the keeper: it waits for the container's namespaces, sets the network
// up in them, says so, and ends when the container does. The container sees
// connections that end; there is no other way out of its network namespace.
//
// Preconditions: in a process that NetworkStart started.
func Keep() (status int) {
	joined := os.Getenv(joinedEnv)
	if joined == "" {
		_ = waitForNamespaces() // NetworkJoin sees that there is nobody
		return exitOurs
	}
	var files []*os.File
	for text := range strings.SplitSeq(joined, ",") {
		fd, err := strconv.Atoi(text)
		if err != nil {
			return exitOurs
		}
		unix.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "handed over"))
	}
	if len(files) != 6 {
		return exitOurs
	}
	userns, netns, container, work, log, hook := files[0], files[1], files[2], files[3], files[4], files[5]
	_ = userns.Close() // entered
	s, trusted, err := start(netns, work, log)
	say(hook, trusted, err)
	_ = hook.Close()
	if err != nil {
		return exitOurs
	}
	// When the container has started.
	defer quick.Forget()()
	watch(container)
	s.Close()
	return 0
}

// say tells NetworkJoin how it went. If it is gone, the runtime does not start
// the container, and this process ends with that.
func say(w io.Writer, trusted map[string][]byte, err error) {
	a := answer{Trusted: trusted, NoNFTables: errors.Is(err, wall.ErrNoNFTables)}
	if err != nil {
		a.Error = err.Error()
	}
	_ = json.NewEncoder(w).Encode(a)
}

// start starts the session. trusted are the files by which the container is to
// trust the session's authority, nil for those that it has.
func start(netns, work, log *os.File) (s *egress.Session, trusted map[string][]byte, err error) {
	if e := C.jail_keeper_error; e != 0 {
		return nil, nil, fmt.Errorf("enter the container's user namespace: %w", os.NewSyscallError("setns", syscall.Errno(e)))
	}
	if err := fault.At(fault.KeeperJoined); err != nil {
		return nil, nil, err
	}
	var t task
	err = json.NewDecoder(work).Decode(&t)
	if err := errors.Join(err, work.Close()); err != nil {
		return nil, nil, fmt.Errorf("take the task over: %w", err)
	}
	if err := cores.Hide(); err != nil {
		return nil, nil, err
	}
	config, err := network.Decode(t.Config)
	if err != nil {
		return nil, nil, err
	}
	o := egress.Options{Config: config, NetNS: netns, Keys: t.Keys, Roots: t.Roots, Log: log}
	if hosts := config.Hosts(); len(hosts) > 0 {
		a, err := authority.New(hosts)
		if err != nil {
			return nil, nil, err
		}
		o.Authority, trusted = a, certificates.Generated(a)
		for place, content := range t.Certificates {
			if trusted[place], err = certificates.At(place, a, content, t.Roots); err != nil {
				return nil, nil, err
			}
		}
	}
	if s, err = egress.Start(o); err != nil {
		return nil, nil, fmt.Errorf("network: %w", err)
	}
	return s, trusted, fault.At(fault.KeeperStands)
}

// watch returns when the container has ended, or when NetworkStop asks.
func watch(container *os.File) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	signal.Ignore(unix.SIGINT, unix.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = await(container, -1)
	}()
	select {
	case <-ended:
	case <-stop:
	}
}
