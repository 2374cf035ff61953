package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/inspect"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// sshAgent is the ssh agent of a jail: where it listens, and where that of the
// host is.
type sshAgent struct {
	// listener is on a socket in the rootfs; nil where the jail has no agent.
	listener net.Listener
	// place is the host's, and fd that socket, which the start may cover; -1 for
	// none.
	place string
	fd    int
}

// wants: the configuration lets the jail use the host's ssh agent.
func (n *jailNet) wantsAgent() bool { return n.config != nil && n.config.SSH != nil }

// openAgent keeps the socket of the host's agent, whatever gets mounted over it.
func (n *jailNet) openAgent(o launch.Options, host *rootfs.Host) {
	n.agent = sshAgent{place: cmp.Or(o.Agent, o.Receipt.Agent), fd: -1}
	if n.agent.place == "" || !n.wantsAgent() && o.Receipt.Agent == "" {
		return
	}
	var err error
	if n.agent.fd, err = host.Open(n.agent.place); err != nil {
		logrus.WithError(err).Debug("the host's ssh agent")
	}
}

// listenAgent makes the jail's socket, below a rootfs that only this mount
// namespace has.
func (n *jailNet) listenAgent(root string) error {
	if !n.wantsAgent() {
		return nil
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(root, contract.AgentSocket)})
	if err != nil {
		return fmt.Errorf("the jail's ssh agent: %w", err)
	}
	// By its end that path is the host's.
	l.SetUnlinkOnClose(false)
	n.agent.listener = l
	return nil
}

// serveAgent begins to serve the socket. The session stands.
func (n *jailNet) serveAgent() {
	if l := n.agent.listener; l != nil {
		n.session.ServeAgent(l)
	}
}

// dialAgent connects to the host's agent.
func (n *jailNet) dialAgent(ctx context.Context) (net.Conn, error) {
	a := n.agent
	if a.place == "" {
		return nil, fmt.Errorf("there was none when the jail started: SSH_AUTH_SOCK did not name its socket")
	}
	var d net.Dialer
	if a.fd >= 0 {
		if c, err := d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d", a.fd)); err == nil {
			return c, nil
		}
	}
	// Another agent may have taken its place.
	return d.DialContext(ctx, "unix", a.place)
}

// inspect refuses to go on unless all that the configuration promises holds,
// and what the caller requires besides.
func (j *jail) inspect(pid int, landlocked bool, mounts <-chan inspect.Mounts) error {
	summary, err := inspect.Agent{
		PID: pid, Landlocked: landlocked, Mounts: mounts, Require: j.plan.Options.Require,
		Network: j.network.String(), HoldsNetwork: j.network.holds, Limits: j.cgroup.Hold,
	}.Inspect()
	if by := j.plan.Options.Runtime; by != "" && by != foreign.Auto {
		summary += fmt.Sprintf(" runtime=%q", by)
	}
	if err == nil && j.plan.Options.Summary {
		fmt.Fprintf(os.Stderr, "jailed-claude: jail: %s\n", summary)
	}
	return err
}
