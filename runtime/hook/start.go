package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Options of NetworkStart.
type Options struct {
	// Keys fetches the keys of brokers, by the broker's name. It is called
	// only where there are some.
	Keys func([]network.Broker, *specs.State) (map[string]string, error)
	// Roots reads the certificates (PEM) by which brokers know their services; nil
	// for the system's. Certificates are the files that the container gets at
	// certificates.Places. They are called where Keys is.
	Roots        func(*specs.State) ([]byte, error)
	Certificates func(*specs.State) (map[string][]byte, error)
	// Log opens the session log of the container.
	Log func(*specs.State) (*os.File, error)
}

// task is what crosses from the hook to the keeper.
type task struct {
	Config       string
	Keys         map[string]string
	Roots        []byte
	Certificates map[string][]byte
}

// Descriptors of a keeper that NetworkStart hands over.
const (
	listenerFD = 3 + iota // where NetworkJoin comes
	initFD                // the container's first process (pidfd)
	taskFD                // what to do
	logFD                 // the session log
)

// NetworkStart begins the network of the container whose state is on stdin. It
// leaves a keeper behind, which waits for NetworkJoin. An error means that
// nothing was left, and that the container must not start.
func NetworkStart(stdin io.Reader, o Options) error {
	s, err := readState(stdin)
	if err != nil {
		return err
	}
	text, config, err := configOf(s)
	if err != nil {
		return err
	}
	t := task{Config: text}
	if len(config.Brokers) > 0 {
		if t.Keys, err = o.Keys(config.Brokers, s); err != nil {
			return err
		}
		if t.Roots, err = o.Roots(s); err != nil {
			return err
		}
		if t.Certificates, err = o.Certificates(s); err != nil {
			return err
		}
	}
	pidfd, first, err := openProcess(s.Pid)
	if err != nil {
		return fmt.Errorf("container %q: %w", s.ID, err)
	}
	defer pidfd.Close()
	log, err := o.Log(s)
	if err != nil {
		return err
	}
	defer log.Close()
	work, err := memory(t)
	if err != nil {
		return err
	}
	defer work.Close()
	l, err := listen(s)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := fault.At(fault.HookListens); err != nil {
		return errors.Join(err, removeSocket(s.Bundle, s.ID))
	}
	id := identity{ID: s.ID, Bundle: s.Bundle, Init: first}
	c := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"jailed-claude: network of " + s.ID}, Env: append(id.environ(), fault.Environ()...), Dir: "/",
		ExtraFiles:  []*os.File{l, pidfd, work, log}, // in the order of their constants
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := c.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the keeper of the network: %w", err), removeSocket(s.Bundle, s.ID))
	}
	return fault.After(fault.KeeperStarted, c.Process.Release())
}

// memory holds what the keeper is to do, keys included, where no other process
// finds it.
func memory(t task) (*os.File, error) {
	fd, err := unix.MemfdCreate("task", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "task")
	err = json.NewEncoder(f).Encode(t)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hand the task over: %w", err), f.Close())
	}
	return f, nil
}

// openProcess returns a descriptor of a process that runs, and what it is.
func openProcess(pid int) (pidfd *os.File, p process, err error) {
	if pid <= 0 {
		return nil, p, fmt.Errorf("%d is no process: this hook is for createRuntime", pid)
	}
	fd, err := unix.PidfdOpen(pid, 0) // since kernel 5.3
	if err != nil {
		return nil, p, os.NewSyscallError("pidfd_open", err)
	}
	pidfd = os.NewFile(uintptr(fd), "container")
	if p, _, err = lookAt(pid); err == nil {
		var ended bool
		// While it runs, the number stands for it.
		if ended, err = await(pidfd, 0); ended {
			err = errors.New("it has ended")
		}
	}
	if err != nil {
		return nil, p, errors.Join(err, pidfd.Close())
	}
	return pidfd, p, nil
}
