package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/runtime/bridge/desk"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/question"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// openAgent keeps the host's ssh agent, if something may be signed there.
func (n *jailNet) openAgent(o launch.Options, host *rootfs.Host) {
	place := cmp.Or(o.Agent, o.Receipt.Agent)
	if place == "" || o.Receipt.Agent == "" && (n.config == nil || n.config.SSH == nil) {
		return
	}
	if err := n.agent.Open(place, host.Open); err != nil {
		logrus.WithError(err).Debug("the host's ssh agent")
	}
}

// listenInside makes the sockets by which a jail asks this process for something,
// below a rootfs that only this mount namespace has.
func (n *jailNet) listenInside(root string) error {
	n.inside = map[string]net.Listener{}
	if n.config == nil {
		return nil
	}
	for place, wanted := range map[string]bool{contract.AgentSocket: n.config.SSH != nil, contract.BridgeSocket: n.config.Bridges != nil} {
		if !wanted {
			continue
		}
		l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(root, place)})
		if err != nil {
			return fmt.Errorf("the jail's %s: %w", place, err)
		}
		// By its end that path is the host's.
		l.SetUnlinkOnClose(false)
		n.inside[place] = l
	}
	return nil
}

// serveInside begins to serve them. The session stands.
func (n *jailNet) serveInside(o launch.Options, c *console) error {
	if l := n.inside[contract.AgentSocket]; l != nil {
		n.session.ServeAgent(l)
	}
	l := n.inside[contract.BridgeSocket]
	if l == nil {
		return nil
	}
	host, err := desk.NewClient(o.Desk)
	if err != nil {
		return err
	}
	b := bridge.Options{Config: n.config.Bridges, Host: host.Do}
	if c != nil && c.input != nil {
		b.Ask = func(ctx context.Context, p bridge.Page) (bool, error) {
			if c.gate == nil {
				return false, errors.New("the jail has no terminal yet")
			}
			return c.gate.Ask(ctx, question.Open(p))
		}
	}
	n.session.ServeBridges(l, b)
	return nil
}
