package plan

import (
	"fmt"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// sshNotes say what of ssh and signatures is not as it is outside.
func sshNotes(in *spec.Input, j *contract.Jail, terminal bool) (lines []string) {
	var ssh *network.SSH
	if j.Network != nil {
		ssh = j.Network.SSH
	}
	if ssh == nil || !slices.Contains(ssh.Sign, network.SignGit) {
		if terminal && (in.Host.GitSigns || in.Host.GitSignsTags) {
			lines = append(lines, `your git signs what it makes; in this jail it does not: to sign with your ssh agent, [ssh] keys = ["~/.ssh/id_ed25519.pub"], sign = ["git"]`)
		}
	}
	if ssh == nil {
		return lines
	}
	if in.Host.SSH.Agent == "" {
		lines = append(lines, "warning: [ssh]: there is no ssh agent here (SSH_AUTH_SOCK), so nothing will be signed")
	}
	for _, h := range ssh.Hosts {
		if name, port := h.Address(); !j.Network.Rules().Connect(name, port).OK {
			allow := "to allow it: --allow " + network.AllowLine(name, port)
			if !lent.Open(in.Policy) {
				allow = network.ByMachine
			}
			lines = append(lines, fmt.Sprintf("warning: ssh.hosts %q: the jail cannot connect there; %s", h, allow))
		}
	}
	return lines
}
