package lent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Grant has the fields of spec.Grant.
type Grant struct{ Kind, What, Mode, From, Why string }

// Known are the public keys of the host: of files, and of hosts.
type Known struct {
	Keys  map[string]string
	Hosts map[string][]string
}

// SSHNames are the hosts of a policy's [ssh] as known_hosts has them.
func SSHNames(p policy.SSH) (names []string) {
	for _, s := range p.Hosts {
		if h, err := network.ParseSSHHost(s); err == nil && !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// SSH says what the host's ssh agent signs for the jail, and which hosts are
// known, as known_hosts(5) has them. It is nil for a policy that names nothing.
// origin says where an element is from, for those who read an error.
func SSH(p policy.SSH, k Known, origin func(key string) string) (s *network.SSH, known string, grants []Grant, err error) {
	switch {
	case len(p.Keys)+len(p.Hosts)+len(p.Sign) == 0:
		return nil, "", nil, nil
	case len(p.Keys) == 0:
		return nil, "", nil, fmt.Errorf(`ssh.hosts and ssh.sign need a key: write [ssh] keys = ["~/.ssh/id_ed25519.pub"]`)
	case len(p.Hosts)+len(p.Sign) == 0:
		return nil, "", nil, fmt.Errorf(`ssh.keys (%s) is of no use alone: write [ssh] hosts = ["github.com"], sign = ["git"], or both`, origin("ssh.keys="+p.Keys[0]))
	}
	s = &network.SSH{Sign: p.Sign}
	for _, key := range p.Keys {
		fingerprint := key
		if !network.IsFingerprint(key) {
			if fingerprint = k.Keys[key]; fingerprint == "" {
				return nil, "", nil, fmt.Errorf("ssh.keys %q (%s): there is no public key: ssh-add -L shows those of your agent", key, origin("ssh.keys="+key))
			}
		}
		if !slices.Contains(s.Keys, fingerprint) {
			s.Keys = append(s.Keys, fingerprint)
		}
	}
	var lines []string
	for _, text := range p.Hosts {
		h, err := network.ParseSSHHost(text)
		if err != nil {
			return nil, "", nil, fmt.Errorf("ssh.hosts: %w", err)
		}
		from := origin("ssh.hosts=" + text)
		if h.Keys = k.Hosts[h.Name]; len(h.Keys) == 0 {
			return nil, "", nil, fmt.Errorf("ssh.hosts %q (%s): known_hosts has no key of %s: log in there once from the host (ssh %s), and compare what it shows", text, from, h.Name, text)
		}
		for _, key := range h.Keys {
			if line := h.Name + " " + key + "\n"; !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
		s.Hosts = append(s.Hosts, h)
		grants = append(grants, Grant{"ssh", h.String(), "log in", from, "with keys of your ssh agent, which signs outside: " + strings.Join(s.Keys, " ")})
	}
	for _, n := range p.Sign {
		grants = append(grants, Grant{"ssh", n, "sign", origin("ssh.sign=" + n), "commits and tags, whatever is in them, by your ssh agent: " + strings.Join(s.Keys, " ")})
	}
	return s, strings.Join(lines, ""), grants, nil
}
