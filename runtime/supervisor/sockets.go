package supervisor

import (
	"cmp"
	"context"
	"errors"

	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/runtime/steer"
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

// serveInside begins to serve the sockets of the jail. Its session stands.
func (j *jail) serveInside() error {
	var ask func(context.Context, string) (bool, error)
	if c := j.container.console; c != nil && c.input != nil {
		ask = func(ctx context.Context, text string) (bool, error) {
			if c.gate == nil {
				return false, errors.New("the jail has no terminal yet")
			}
			return c.gate.Ask(ctx, text)
		}
	}
	j.network.inside.Jail = "jail " + j.plan.Options.ID + " in " + show.Visible(j.plan.Spec.Process.Cwd)
	return j.network.inside.Serve(j.network.session, j.steered(), ask)
}

// steered is what commands ask about, and change.
func (j *jail) steered() steer.Jail {
	return steer.Jail{Session: j.network.session, Mode: j.network.mode(), Rootfs: j.plan.Rootfs, Masked: j.plan.Spec.Linux.MaskedPaths}
}
