package spec

import (
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/profile"
)

// seccomp says which system calls there are. With identity.nesting the agent has
// doors of its own.
func (b *builder) seccomp() (err error) {
	b.spec.Linux.Seccomp, err = profile.Of(contract.NativeArch, profile.Arch, b.nested(), b.Policy.Identity.Nesting)
	return err
}
