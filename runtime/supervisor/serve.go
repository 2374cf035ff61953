package supervisor

import (
	"errors"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	channel "github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/enter"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/session"
	"github.com/jailed-claude/jailed-claude/runtime/steer"
)

// commands are what this user asks of a jail that runs (runtime/control).
type commands struct {
	mu     sync.Mutex
	server *channel.Server
	ended  bool
}

// serve begins to answer. The agent runs by then: no start waits for it.
//
// Preconditions: rootfs.WorkDir is covered.
func (j *jail) serve() {
	c := &j.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	s, err := channel.Listen(rootfs.WorkDir)
	if err != nil {
		logrus.WithError(err).Debug("nobody can talk to this jail")
		return
	}
	c.server = s
	s.Handle(session.AskStatus, j.status)
	s.Handle(session.AskExec, (&enter.Jail{
		PID: j.pid, Control: j.container.control.ours, Spec: j.plan.Spec, Inspect: j.inspectFurther,
		Orders: func(s *specs.Spec) []byte { return encodeOrders(s, false) },
	}).Exec)
	steer.Handle(s, steer.Jail{Session: j.network.session, Mode: j.network.mode(), Rootfs: j.plan.Rootfs, Masked: j.plan.Spec.Linux.MaskedPaths})
	go s.Serve()
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

// close ends what is asked.
func (c *commands) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.server.Close()
}

func (j *jail) status(*channel.Request) (any, error) {
	return session.Status{Network: j.network.mode(), Refused: j.network.refused()}, nil
}
