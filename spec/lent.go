package spec

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// lent is what the host does for the jail. Its sockets are not mounted: the
// runtime makes some of the jail's own, which know the rules.
func (b *builder) lent(c *network.Config) error {
	ssh, known, grants, err := lent.SSH(b.Policy.SSH, lent.Known{Keys: b.Host.SSH.Keys, Hosts: b.Host.SSH.Hosts}, b.origin)
	if err != nil {
		return err
	}
	bridges, more := lent.Bridges(b.Policy, b.origin)
	if ssh == nil && bridges == nil {
		return nil
	}
	if by := lent.By(b.Policy, b.origin); b.Init == "" {
		return fmt.Errorf("%s is for jailed-claude's own runtime: under runc, crun and the like nothing serves its socket; leave it out, with a --policy without it", by)
	}
	for _, g := range append(grants, more...) {
		b.grants = append(b.grants, Grant(g))
	}
	b.rootfs = append(b.rootfs, contract.File{Path: path.Dir(contract.AgentSocket), Mode: fs.ModeDir | 0o755})
	if ssh != nil {
		b.netEnv = append(b.netEnv, variable{"SSH_AUTH_SOCK", contract.AgentSocket, "the jail's ssh agent"})
	}
	if known != "" {
		b.file("/etc/ssh/ssh_known_hosts", known)
		// libssh2 does not say which host a signature is for.
		b.netEnv = append(b.netEnv, variable{"CARGO_NET_GIT_FETCH_WITH_CLI", "true", "cargo's own ssh cannot use the agent of a jail"})
	}
	for _, name := range contract.BridgePrograms(bridges) {
		b.symlink(path.Join(contract.BridgeBin, name), contract.InitPath)
	}
	if bridges != nil && bridges.Open != "" {
		b.netEnv = append(b.netEnv, variable{"BROWSER", path.Join(contract.BridgeBin, contract.Opener), "pages are opened on the host (bridges.open)"})
	}
	if bridges != nil && bridges.IDE != "" {
		if b.agent.Name != agent.Default().Name || b.Policy.Agent.Config != policy.ConfigPrivate {
			return fmt.Errorf(`bridges.ide (%s) is for a private configuration of Claude Code: leave it out, or write agent.config = "private"`, b.origin("bridges.ide"))
		}
		b.netEnv = append(b.netEnv, variable{"CLAUDE_CODE_SSE_PORT", strconv.Itoa(network.IDEPort), "your editor (bridges.ide)"})
	}
	c.SSH, c.Bridges = ssh, bridges
	return nil
}

// bridgeBins are on PATH before all others.
func (b *builder) bridgeBins() []string {
	if b.net == nil || b.net.Bridges == nil {
		return nil
	}
	return []string{contract.BridgeBin}
}
