package supervisor

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// newAuthority begins to make the jail's authority, beside whatever else
// happens. It is nil where no broker has a service's name.
func (n *jailNet) newAuthority() {
	hosts := n.config.Hosts()
	if len(hosts) == 0 {
		return
	}
	n.made = make(chan struct{})
	go func() {
		defer close(n.made)
		n.authority, n.authorityErr = authority.New(hosts)
	}()
}

// signer waits for the authority; it is nil where there is none.
func (n *jailNet) signer() (*authority.Authority, error) {
	if n.made == nil {
		return nil, nil
	}
	<-n.made
	return n.authority, n.authorityErr
}

// trust adds the authority's certificate to those that the jail gets: config.json
// has the host's file, the same on every start, and what is mounted is a copy
// of it with one certificate more, which no other mount namespace has.
//
// Preconditions: rootfs.WorkDir is covered.
func (n *jailNet) trust(mounts []specs.Mount, s rootfs.Sources) error {
	a, err := n.signer()
	if a == nil || err != nil {
		return err
	}
	i := slices.IndexFunc(mounts, func(m specs.Mount) bool { return m.Destination == contract.CertsPath && m.Type == "bind" })
	if i < 0 {
		return fmt.Errorf("no mount %s, which the certificate of the jail's authority is for", contract.CertsPath)
	}
	return s.Replace(i, "certificates", slices.Concat(n.roots, []byte("\n"), a.PEM()))
}
