package supervisor

import (
	"sync"

	"github.com/sirupsen/logrus"

	channel "github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/session"
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
	go s.Serve()
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
