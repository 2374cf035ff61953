package spec

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// SSHNames are the hosts of a policy's [ssh] as known_hosts has them.
func SSHNames(p policy.Policy) (names []string) {
	for _, s := range p.SSH.Hosts {
		if h, err := network.ParseSSHHost(s); err == nil && !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// ssh says what the host's ssh agent signs for the jail. The agent's socket is
// not mounted: the runtime makes one of its own, which knows the rules.
func (b *builder) ssh(c *network.Config) error {
	p := b.Policy.SSH
	if len(p.Keys)+len(p.Hosts)+len(p.Sign) == 0 {
		return nil
	}
	switch {
	case len(p.Keys) == 0:
		return fmt.Errorf(`ssh.hosts and ssh.sign need a key: write [ssh] keys = ["~/.ssh/id_ed25519.pub"]`)
	case len(p.Hosts)+len(p.Sign) == 0:
		return fmt.Errorf(`ssh.keys (%s) is of no use alone: write [ssh] hosts = ["github.com"], sign = ["git"], or both`, b.origin("ssh.keys="+p.Keys[0]))
	case b.Init == "":
		return fmt.Errorf("[ssh] (%s) is for jailed-claude's own runtime: under runc, crun and the like nothing serves the agent's socket; leave it out, with a --policy without it",
			b.origin("ssh.keys="+p.Keys[0]))
	}
	s := &network.SSH{Sign: p.Sign}
	for _, k := range p.Keys {
		fingerprint := k
		if !network.IsFingerprint(k) {
			if fingerprint = b.Host.SSH.Keys[k]; fingerprint == "" {
				return fmt.Errorf("ssh.keys %q (%s): there is no public key: ssh-add -L shows those of your agent", k, b.origin("ssh.keys="+k))
			}
		}
		if !slices.Contains(s.Keys, fingerprint) {
			s.Keys = append(s.Keys, fingerprint)
		}
	}
	var known []string
	for _, text := range p.Hosts {
		h, err := network.ParseSSHHost(text)
		if err != nil {
			return fmt.Errorf("ssh.hosts: %w", err)
		}
		from := b.origin("ssh.hosts=" + text)
		if h.Keys = b.Host.SSH.Hosts[h.Name]; len(h.Keys) == 0 {
			return fmt.Errorf("ssh.hosts %q (%s): known_hosts has no key of %s: log in there once from the host (ssh %s), and compare what it shows", text, from, h.Name, text)
		}
		for _, k := range h.Keys {
			if line := h.Name + " " + k + "\n"; !slices.Contains(known, line) {
				known = append(known, line)
			}
		}
		s.Hosts = append(s.Hosts, h)
		b.grant("ssh", h.String(), "log in", from, "with keys of your ssh agent, which signs outside: "+strings.Join(s.Keys, " "))
	}
	for _, n := range p.Sign {
		b.grant("ssh", n, "sign", b.origin("ssh.sign="+n), "commits and tags, whatever is in them, by your ssh agent: "+strings.Join(s.Keys, " "))
	}
	if len(known) > 0 {
		b.file("/etc/ssh/ssh_known_hosts", strings.Join(known, ""))
		// libssh2 does not say which host a signature is for.
		b.netEnv = append(b.netEnv, variable{"CARGO_NET_GIT_FETCH_WITH_CLI", "true", "cargo's own ssh cannot use the agent of a jail"})
	}
	b.rootfs = append(b.rootfs, contract.File{Path: path.Dir(contract.AgentSocket), Mode: fs.ModeDir | 0o755})
	b.netEnv = append(b.netEnv, variable{"SSH_AUTH_SOCK", contract.AgentSocket, "the jail's ssh agent"})
	c.SSH = s
	return nil
}
