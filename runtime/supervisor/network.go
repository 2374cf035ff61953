package supervisor

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/runtime/egress/upstream"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/runtime/hostagent"
	"github.com/jailed-claude/jailed-claude/runtime/inside"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/runtime/key/asker"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/told"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// jailNet is the network of one jail: what its configuration says, and the
// session that enforces it. The session lives in this process, so it ends when
// this process does, however that ends; the jail's namespace has no way out
// but it.
type jailNet struct {
	// own: the configuration has a network namespace.
	own bool
	// config is nil where there is nothing to enforce: the host's network, or
	// a namespace with no way out and no broker.
	config *network.Network
	keys   map[string]string
	// ask has the command of a broker's key run again.
	ask   func(broker string) (string, error)
	roots []byte
	log   io.Writer
	// refused is how many destinations were.
	refused *atomic.Int64
	// told is the file of the jail in which refusals are listed.
	told *told.File
	// authority signs for the services that have brokers.
	authority *authority.Coming
	// ns is the namespace of the session. It is nil where there is no session:
	// libcontainer makes the jail's then, or there is none.
	ns      *os.File
	session *egress.Session
	agent   hostagent.Agent
	// inside are the sockets of the jail, by their places there.
	inside inside.Sockets
	// upstream are the proxies of the host; nil for none.
	upstream *upstream.Proxies
	// ready has the session's error, or nil, as soon as it stands.
	ready chan error
}

// newJailNet is the network of a configuration; read reads files of the host.
func newJailNet(s *specs.Spec, config *network.Network, o launch.Options, refused *atomic.Int64, read func(name string) ([]byte, error)) (*jailNet, error) {
	n := &jailNet{keys: o.Keys, ask: asker.NewClient(o.Asker).Ask, refused: refused, told: new(told.File)}
	for _, ns := range s.Linux.Namespaces {
		n.own = n.own || ns.Type == specs.NetworkNamespace
	}
	if _, ok := s.Annotations[contract.NetworkAnnotation]; ok != (config != nil) {
		return nil, fmt.Errorf("annotation %s: it was not read", contract.NetworkAnnotation)
	}
	if config == nil {
		return n, nil
	}
	if !n.own {
		return nil, fmt.Errorf("annotation %s: the jail has no network namespace of its own", contract.NetworkAnnotation)
	}
	n.config = config
	if config.Upstream != network.UpstreamNone {
		var err error
		if n.upstream, err = upstream.New(o.Upstream); err != nil {
			return nil, fmt.Errorf("network.upstream: %w", err)
		}
	}
	if len(config.Brokers) > 0 {
		var err error
		if n.roots, err = key.Certificates(s.Mounts, read); err != nil {
			return nil, fmt.Errorf("certificates: %w", err)
		}
	}
	n.authority = authority.Begin(config.Hosts())
	if o.Log > 0 {
		n.log = os.NewFile(uintptr(o.Log), "session log")
	}
	return n, nil
}

// start begins to set up the jail's network, beside whatever else happens until
// wait, which returns the error: in ns, or in a network namespace that it makes
// if that is nil.
//
// Preconditions: in the user namespace that is to own it.
func (n *jailNet) start(ns *os.File) (err error) {
	if n.config == nil {
		return nil
	}
	if ns == nil {
		if ns, err = wall.NewNamespace(); err != nil {
			return fmt.Errorf("network: %w", err)
		}
	}
	n.setUp(ns)
	return nil
}

func (n *jailNet) setUp(ns *os.File) {
	n.ns, n.ready = ns, make(chan error, 1)
	go func() {
		o := egress.Options{Config: n.config, NetNS: n.ns, Keys: n.keys, Roots: n.roots, Upstream: n.upstream, DialAgent: n.agent.Dial, Refused: n.refused, Log: n.log, Told: n.told}
		o.Sources, o.Keepers = key.Sources{Brokers: n.config.Brokers, Keys: n.keys, Roots: n.roots, Proxy: n.upstream.Request, Ask: n.ask}.Make()
		a, err := n.authority.Wait()
		if a != nil {
			o.Authority = a
		}
		if err == nil {
			n.session, err = egress.Start(o)
		}
		n.ready <- err
	}()
}

// wait returns when the network stands, or why it does not. Nothing of the
// agent may run before.
func (n *jailNet) wait() error {
	if n.ready == nil {
		return nil
	}
	err := <-n.ready
	n.ready = nil
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return nil
}

// holds reports whether a process has the network that the configuration
// promises: theirs and ours are what /proc/PID/ns/net says of it and of this
// process (namespaces(7)).
func (n *jailNet) holds(theirs, ours string) (bool, error) {
	switch {
	case !n.own:
		return theirs == ours, nil
	case n.config == nil:
		return theirs != ours, nil
	case n.session == nil:
		return false, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(n.ns.Fd()), &st); err != nil {
		return false, os.NewSyscallError("fstat", err)
	}
	return theirs != ours && theirs == fmt.Sprintf("net:[%d]", st.Ino), nil
}

// String is what the network is, for the line of what holds.
func (n *jailNet) String() string {
	shown := n.mode()
	if n.session != nil && len(n.keys) > 0 {
		shown += " key=brokered" // a broker has a key, which so stays outside
	}
	if via := n.upstream.Strings(); len(via) > 0 {
		shown += " proxy=" + strings.Join(via, ",")
	}
	return shown
}

func (n *jailNet) mode() string {
	switch {
	case !n.own:
		return network.Host
	case n.config == nil:
		return network.None
	case n.config.Mode == network.Filtered:
		return fmt.Sprintf("%s(%d)", network.Filtered, len(n.config.Allow))
	}
	return n.config.Mode
}

// close ends every connection, and returns what was refused.
func (n *jailNet) close() *report.Summary {
	if err := n.wait(); err != nil {
		logrus.WithError(err).Debug("the jail ended before its network stood")
	}
	if n.ns != nil {
		defer n.ns.Close()
	}
	if n.session == nil {
		return new(report.Summary)
	}
	return n.session.Close()
}
