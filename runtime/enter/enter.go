package enter

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/memfd"
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Jail is a running one.
type Jail struct {
	// PID is PID 1's, and Control the socket to it.
	PID     int
	Control *os.File
	Spec    *specs.Spec
	// Orders encodes a configuration for PID 1.
	Orders func(*specs.Spec) []byte
	// Inspect returns an error unless what holds for the agent holds for this
	// process.
	Inspect func(pid int, landlocked bool) error

	asking sync.Mutex
}

// patience is how long one step may take: far more than it does.
const patience = 30 * time.Second

// Exec answers session.AskExec. The descriptors with the request are those of
// Args.Redirected, the ones with the answer the leader's socket, a pidfd of it, and
// the master of its terminal, if it has one.
func (j *Jail) Exec(r *control.Request) (any, error) {
	var a session.ExecArgs
	if err := r.Decode(&a); err != nil {
		return nil, err
	}
	s, err := j.spec(a, r.Files)
	if err != nil {
		return nil, err
	}
	p, err := j.start(s, r.Files)
	if err != nil {
		return nil, fmt.Errorf("exec: %w", err)
	}
	r.Send = p.files()
	return session.ExecAnswer{Clipboard: s.Annotations[contract.TerminalAnnotation] == contract.TerminalClipboardWrite}, nil
}

// spec is the jail's configuration, with this program in place of the agent.
func (j *Jail) spec(a session.ExecArgs, files []*os.File) (*specs.Spec, error) {
	if len(a.Args) == 0 {
		a.Args = []string{shell(j.Spec.Process.Env)}
	}
	if a.Args[0] == "" || slices.ContainsFunc(append(a.Args, a.Term), func(s string) bool { return strings.ContainsRune(s, 0) }) {
		return nil, errors.New("exec: not the name of a program, or not its arguments")
	}
	if slices.ContainsFunc(files, pty.Is) {
		return nil, errors.New("exec: no terminal of the host's enters a jail")
	}
	s, p := *j.Spec, *j.Spec.Process
	s.Process = &p
	end := slices.Index(p.Args, "--")
	if end < 0 {
		return nil, errors.New("exec: there is no agent")
	}
	args := slices.Clone(p.Args[:end])
	if a.Terminal {
		args = append(args, "--terminal")
	}
	if len(a.Redirected) != len(files) || !a.Terminal && len(files) != 3 {
		return nil, errors.New("exec: standard descriptors are missing")
	}
	for i, fd := range a.Redirected {
		flags := []string{"--stdin-fd=", "--stdout-fd=", "--stderr-fd="}
		if fd < 0 || fd >= len(flags) {
			return nil, errors.New("exec: not a standard descriptor")
		}
		args = append(args, flags[fd]+strconv.Itoa(1+i)) // behind the orders
	}
	p.Args = append(append(args, "--"), a.Args...)
	if a.Term != "" {
		p.Env = slices.DeleteFunc(slices.Clone(p.Env), func(v string) bool { return strings.HasPrefix(v, "TERM=") })
		p.Env = append(p.Env, "TERM="+a.Term)
	}
	return &s, nil
}

// shell is the one of an environment.
func shell(env []string) string {
	for _, v := range env {
		if sh, ok := strings.CutPrefix(v, "SHELL="); ok && sh != "" {
			return sh
		}
	}
	return "/bin/sh"
}

// program is one that is being started.
type program struct {
	socket *socket
	leader *os.File // a pidfd
	master *os.File
}

func (p *program) files() []*os.File {
	all := []*os.File{p.socket.file, p.leader}
	if p.master != nil {
		all = append(all, p.master)
	}
	return all
}

func (p *program) close() {
	for _, f := range p.files() {
		if f != nil {
			f.Close()
		}
	}
}

func (j *Jail) start(s *specs.Spec, files []*os.File) (_ *program, err error) {
	orders, err := memfd.Create("orders")
	if err != nil {
		return nil, err
	}
	defer orders.Close()
	if err := memfd.Seal(orders, j.Orders(s)); err != nil {
		return nil, err
	}
	p := new(program)
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.socket, err = j.ask(); err != nil {
		return nil, err
	}
	_, leader, _, err := p.socket.hear(message.Waits)
	if err != nil {
		return nil, err
	}
	fd, err := unix.PidfdOpen(leader, 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	p.leader = os.NewFile(uintptr(fd), "leader")
	if err := p.socket.tell(message.Orders, append([]*os.File{orders}, files...)...); err != nil {
		return nil, err
	}
	return p, j.release(p, s)
}

// ask has PID 1 fork a leader, and returns the socket to it.
func (j *Jail) ask() (*socket, error) {
	ours, theirs, err := newSocket()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	j.asking.Lock()
	defer j.asking.Unlock()
	message.Further.Log()
	err = unix.Sendmsg(int(j.Control.Fd()), message.Further.Bytes(), unix.UnixRights(int(theirs.Fd())), nil, unix.MSG_NOSIGNAL)
	if err == nil {
		// PID 1 waits for signals.
		err = unix.Kill(j.PID, unix.SIGIO)
	}
	if err != nil {
		ours.file.Close()
		return nil, fmt.Errorf("ask PID 1: %w", err)
	}
	return ours, nil
}

// release gives the program its ids, looks at it, and lets it run.
func (j *Jail) release(p *program, s *specs.Spec) error {
	want := []message.Message{message.Cloned}
	if slices.Contains(s.Process.Args, "--terminal") {
		want = []message.Message{message.Terminal, message.Cloned}
	}
	var pid int
	for _, w := range want {
		_, from, master, err := p.socket.hear(w)
		if err != nil {
			return err
		}
		pid = from
		if master != nil {
			p.master = master
		}
	}
	if err := giveIDs(pid, s.Process.Args); err != nil {
		return err
	}
	if err := p.socket.tell(message.Mapped); err != nil {
		return err
	}
	said, from, _, err := p.socket.hear(message.Ready, message.ReadyLandlocked)
	if err != nil {
		return err
	}
	if from != pid {
		return fmt.Errorf("process %d says that %d is ready", from, pid)
	}
	if err := j.Inspect(pid, said == message.ReadyLandlocked); err != nil {
		return err
	}
	return p.socket.tell(message.Execute)
}

// giveIDs maps the ids of a process as PID 1 does the agent's
// (runtime/jailinit/namespaces.c): it cannot any more.
func giveIDs(pid int, args []string) error {
	for _, m := range [][3]string{{"--uid=", "uid_map", ""}, {"--gid=", "gid_map", "setgroups"}} {
		i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, m[0]) })
		if i < 0 {
			continue
		}
		dir := "/proc/" + strconv.Itoa(pid) + "/"
		if m[2] != "" {
			if err := os.WriteFile(dir+m[2], []byte("deny"), 0); err != nil {
				return err
			}
		}
		if err := os.WriteFile(dir+m[1], []byte(strings.TrimPrefix(args[i], m[0])+" 0 1\n"), 0); err != nil {
			return err
		}
	}
	return nil
}
