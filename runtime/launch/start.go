package launch

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/afterwards"
	"github.com/jailed-claude/jailed-claude/runtime/bridge/desk"
	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/runtime/key/asker"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Options of a jail that are not of its configuration: they change how it is
// shown and reported, not what it may do.
type Options struct {
	// ID names the jail. It is the container ID as well.
	ID string
	// Seccomp is the compiled profile of the configuration.
	Seccomp []byte
	// Summary prints one line of what really holds, before the program starts.
	Summary bool
	// Require are protections without which the jail must not start.
	Require []string
	// Strict ends the jail as soon as a watched path appears.
	Strict bool
	// LogLevel and LogFormat are logrus's ("debug", "json").
	LogLevel, LogFormat string
	// Log is the descriptor of the session's log (egress.Event, a JSON line
	// each); 0 if there is none.
	Log int
	// Keys of the jail's brokers by the brokers' names.
	Keys map[string]string
	// Upstream are the variables that name the host's proxies; nil for none.
	Upstream map[string]string
	// Agent is the socket of the host's ssh agent; empty for none.
	Agent string
	// Receipt is what the jail writes of its session when it has ended.
	Receipt Receipt
	// State is where the jail keeps what of the host's has to be reviewed.
	State State
	// Cgroup is the folder of a cgroup v2 made for this jail; empty without
	// limits.
	Cgroup string
	// Then are arguments of this program: what it does as the caller when the jail
	// has ended, if its layer holds something; nil for nothing.
	Then []string
	// Waiting is the supervisor's end of the socket of the process that does it
	// (package afterwards); 0 if there is none. Start sets it.
	Waiting int
	// Desk is the supervisor's end of the socket of the process that starts programs
	// of the desktop (package desk); 0 where the jail has no bridges. Start sets it.
	Desk int
	// Asker is that of the process that asks commands for keys again (package asker);
	// 0 where no key has a ttl. Start sets it.
	Asker int
	// Home and Project are the caller's, for those commands.
	Home, Project string
	// Runtime is the program that creates the container; empty for our own code.
	Runtime string
	// Refusable: whoever plans is told where this host makes no namespaces for our own
	// code, by Refused.
	Refusable bool
}

// Receipt is a statement of a session that was asked for.
type Receipt struct {
	// Draft is one without what only the end shows; empty where none was asked for.
	Draft []byte
	// Dir is a descriptor of the folder that it is written in, as Name. Key is one of
	// the file of the key that signs it, 0 where none does.
	Dir  int
	Name string
	Key  int
	// Agent is the socket of the ssh agent that signs with it, if it is a public one.
	Agent string
}

// State is the state of a project: Dir is a descriptor of its folder, 0 where there
// is none.
type State struct {
	Dir     int
	Project string
}

// OpenState opens the state of a project, in a folder, if there is one.
func OpenState(dir, project string) State {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return State{}
	}
	return State{fd, project}
}

// files are the descriptors of these options that cross with the plan.
func (o *Options) files() []*int {
	return []*int{&o.Log, &o.Waiting, &o.Receipt.Dir, &o.Receipt.Key, &o.Desk, &o.Asker, &o.State.Dir}
}

// PID is that of the process that is, or will be, the supervisor of the jail
// that the caller plans.
func PID() int {
	if pid, _ := quick.Peer(); pid != 0 && !userns.IsSupervisor() {
		return pid
	}
	return os.Getpid()
}

// EndAhead has the supervisor end the container that it created while this
// process plans: no process but these two is left then, and none comes until
// Start. Where nothing was created it does nothing.
func EndAhead() error {
	_, socket := quick.Peer()
	if socket < 0 || userns.IsSupervisor() {
		return nil
	}
	message.EndContainer.Log()
	if _, err := unix.Write(socket, message.EndContainer.Bytes()); err != nil {
		return os.NewSyscallError("write", err)
	}
	said, _, err := answer(socket)
	if err == nil {
		said.Log()
	}
	return err
}

// answer waits for a message and what is said with it, or for the other side to hang
// up, which is none.
func answer(socket int) (m message.Message, with string, err error) {
	var text [256]byte
	for {
		n, err := unix.Read(socket, text[:])
		if !errors.Is(err, unix.EINTR) {
			return message.Message(text[0]), string(text[min(1, max(n, 0)):max(n, 0)]), os.NewSyscallError("read", err)
		}
	}
}

// Start makes the supervisor of j: this process is replaced by it, or ends
// where the supervisor runs already. Start returns only with an error, and then
// the process is as it was.
func Start(j *contract.Jail, o Options) error {
	var then *afterwards.Waiting
	var made []*os.File // by this function, which closes them
	defer func() {
		for _, f := range made {
			_ = f.Close()
		}
	}()
	if o.Then != nil {
		w, end, err := afterwards.New(o.Then)
		if err != nil {
			return err
		}
		made = append(made, end)
		then, o.Waiting = w, int(end.Fd())
	}
	if j.Network != nil && j.Network.Bridges != nil {
		end, err := desk.Start(Writable(j.Spec))
		if err != nil {
			return fmt.Errorf("start what speaks to the desktop: %w", err)
		}
		made = append(made, end)
		o.Desk = int(end.Fd())
	}
	if lines, ok := key.CommandsOf(brokers(j)); ok {
		end, err := asker.Start(key.Commands{Lines: lines, Home: o.Home, Project: o.Project, Never: Writable(j.Spec)})
		if err != nil {
			return fmt.Errorf("start what asks for keys: %w", err)
		}
		made = append(made, end)
		o.Asker = int(end.Fd())
	}
	f, err := (&Plan{Rootfs: j.Rootfs, Options: o, Spec: j.Spec}).write()
	if err != nil {
		return fmt.Errorf("hand the jail over: %w", err)
	}
	made = append(made, f)
	if err := fault.At(fault.HandOver); err != nil {
		return err
	}
	fds := []int{int(f.Fd())}
	for _, fd := range o.files() {
		if *fd > 0 {
			fds = append(fds, *fd)
		}
	}
	if other := quick.OtherHalf(); other != nil {
		refused, err := handOver(other.Socket, fds, then)
		if refused == nil {
			return err
		}
		if then != nil {
			err = then.Start()
		}
		return errors.Join(&Refused{refused, fds}, err, keep(fds, made))
	}
	if then != nil {
		if err := then.Start(); err != nil {
			return err
		}
	}
	if o.Refusable {
		// Executed as the supervisor, this process could not come back.
		if refused := try(); refused != nil {
			return errors.Join(&Refused{refused, fds}, keep(fds, made))
		}
	}
	env := []string{userns.Variable + "=supervisor"}
	for i, fd := range fds {
		// These cross execve.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		env = append(env, fdEnv+strconv.Itoa(i)+"="+strconv.Itoa(fd))
	}
	env = append(env, forDevelopers()...)
	return os.NewSyscallError("execve", unix.Exec("/proc/self/exe", os.Args, env))
}

// keep puts descriptors of their own in the place of those that are closed with
// files: whoever takes them closes them.
func keep(fds []int, files []*os.File) error {
	for i, fd := range fds {
		if !slices.ContainsFunc(files, func(f *os.File) bool { return int(f.Fd()) == fd }) {
			continue
		}
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		fds[i] = own
	}
	return nil
}

// forDevelopers are GODEBUG and the like.
func forDevelopers() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool { return !strings.HasPrefix(e, "GO") })
}

// brokers are those of a jail.
func brokers(j *contract.Jail) []network.Broker {
	if j.Network == nil {
		return nil
	}
	return j.Network.Brokers
}

// Writable are the folders and files of the host that a jail can change.
func Writable(s *specs.Spec) (all []string) {
	for _, m := range s.Mounts {
		if m.Type == "bind" && !slices.Contains(m.Options, "ro") {
			all = append(all, m.Source)
		}
	}
	return all
}

// handOver gives the supervisor what it needs and ends this process, as soon as
// the supervisor has time for that: the kernel takes a fraction of a millisecond
// to take a process apart, on the processor on which the jail is now made. What
// is done afterwards is done by what this process becomes.
//
// A supervisor that got no namespaces says so, and waits for this process.
func handOver(to *os.File, fds []int, then *afterwards.Waiting) (refused *userns.Error, err error) {
	defer to.Close()
	message.Plan.Log()
	if err := unix.Sendmsg(int(to.Fd()), message.Plan.Bytes(), unix.UnixRights(fds...), nil, 0); err != nil {
		return nil, os.NewSyscallError("sendmsg", err)
	}
	if said, why, err := answer(int(to.Fd())); err == nil && said == message.Refused {
		said.Log()
		return refusal(why), nil
	}
	if then != nil {
		_ = then.Become() // or nobody asks
	}
	unix.Exit(0)
	return nil, nil
}
