package spec

import (
	"fmt"
	"io/fs"
	"path"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// lent is what the host does for the jail. Its sockets are not mounted: the
// runtime makes some of the jail's own, which know the rules.
func (b *builder) lent(c *network.Config) error {
	ssh, known, grants, err := lent.SSH(b.Policy.SSH, lent.Known{Keys: b.Host.SSH.Keys, Hosts: b.Host.SSH.Hosts}, b.origin)
	if err != nil {
		return err
	}
	bridges, more, err := lent.Bridges(b.Policy, b.agent.Name, b.Env.Display, b.origin)
	if err != nil {
		return err
	}
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
	if known != "" {
		b.file("/etc/ssh/ssh_known_hosts", known)
	}
	for _, name := range contract.BridgePrograms(bridges) {
		b.symlink(path.Join(contract.BridgeBin, name), contract.InitPath)
	}
	for _, v := range lent.Variables(ssh, bridges) {
		b.netEnv = append(b.netEnv, variable{v.Name, v.Value, v.Why})
	}
	c.SSH, c.Bridges = ssh, bridges
	return nil
}
