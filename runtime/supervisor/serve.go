package supervisor

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/announcement"
	channel "github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/enter"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/orders"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/runtime/steer"
	"github.com/jailed-claude/jailed-claude/runtime/viewers"
)

// commands are what this user asks of a jail that runs (runtime/control).
type commands struct {
	mu     sync.Mutex
	server *channel.Server
	// screen and what is reported to its viewers, of a detached jail.
	screen *viewers.Screen
	text   bytes.Buffer
	// status is set when ended is closed.
	ended  chan struct{}
	status int
	over   bool
}

// serve begins to answer. The agent runs by then: no start waits for it.
//
// Preconditions: rootfs.WorkDir is covered.
func (j *jail) serve() {
	c := &j.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.ended = make(chan struct{})
	s, err := channel.Listen(rootfs.WorkDir)
	if err != nil {
		logrus.WithError(err).Debug("nobody can talk to this jail")
		return
	}
	c.server = s
	exec := func(*channel.Request) (any, error) { return nil, foreign.ErrNoExec }
	if !j.isSandbox() {
		exec = (&enter.Jail{
			PID: j.pid, Control: j.container.control.ours, Spec: j.plan.Spec, Inspect: j.inspectFurther,
			Orders: func(s *specs.Spec) []byte { return orders.Encode(s, false) },
		}).Exec
	}
	s.Handle(session.AskExec, exec)
	steer.Handle(s, j.steered())
	s.Handle(session.AskStop, j.stop)
	s.Handle(session.AskWait, func(r *channel.Request) (any, error) {
		r.Take = c.sayStatus
		return nil, nil //nolint:nilnil // it follows
	})
	if console := j.container.console; console != nil && console.screen != nil {
		c.screen = console.screen
		c.screen.Resume = func() { _ = unix.Kill(j.pid, unix.SIGCONT) }
		s.Handle(session.AskAttach, c.screen.Attach)
		s.Handle(session.AskLogs, c.screen.Logs)
	}
	j.publish()
	go s.Serve()
}

// report is where the last lines of a jail go, and whether people read them there.
func (j *jail) report() (out io.Writer, people bool) {
	j.commands.mu.Lock()
	defer j.commands.mu.Unlock()
	if j.commands.screen != nil {
		return io.MultiWriter(&j.commands.text, os.Stderr), true
	}
	return os.Stderr, pty.Is(os.Stderr)
}

// stop answers session.AskStop: the agent is asked to end, and after a while all of
// the jail is ended.
func (j *jail) stop(r *channel.Request) (any, error) {
	var a session.StopArgs
	if err := r.Decode(&a); err != nil {
		return nil, err
	}
	_ = j.asked(unix.SIGTERM)
	_ = unix.Kill(j.pid, unix.SIGCONT)
	r.Take = func(conn *net.UnixConn) {
		t := time.AfterFunc(a.Grace, func() { _ = unix.Kill(j.pid, unix.SIGKILL) })
		j.commands.sayStatus(conn)
		t.Stop()
	}
	return nil, nil //nolint:nilnil // the status follows
}

// sayStatus says the exit status when there is one.
func (c *commands) sayStatus(conn *net.UnixConn) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
	select {
	case <-c.ended:
	case <-gone:
	}
	select {
	case <-c.ended:
		_, _ = conn.Write(append([]byte{byte(c.status)}, c.text.Bytes()...))
	default:
	}
}

// inspectFurther refuses a further program unless what holds for the agent holds
// for it.
func (j *jail) inspectFurther(pid int, landlocked bool) error {
	if landlocked != j.landlocked {
		return errors.New("inspect the program: its Landlock domain is not like the agent's")
	}
	_, err := inspect.Agent{
		PID: pid, Landlocked: landlocked, Mounts: inspect.SameMounts(j.pid), Require: j.plan.Options.Require,
		Network: j.network.String(), HoldsNetwork: j.network.holds, Limits: j.cgroup.Hold,
	}.Inspect()
	if err != nil {
		return err
	}
	return inspect.Like(pid, j.pid, j.agentPID)
}

// end tells whoever asked how the jail ended, and answers no more.
func (c *commands) end(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.server == nil {
		return
	}
	if c.screen != nil {
		c.screen.End(status, c.text.Bytes())
	}
	c.status = status
	close(c.ended)
	c.server.Finish()
}

// publish says what holds as long as the agent runs, to whoever lists jails.
func (j *jail) publish() {
	c := announcement.Constant{Network: j.network.mode()}
	c.LayerName, c.Layers = j.layers.Named()
	if console := j.container.console; console != nil {
		c.Terminal, c.Detached = true, console.screen != nil
	}
	j.plan.Announced.Publish(c)
}
