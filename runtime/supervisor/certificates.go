package supervisor

import (
	"fmt"
	"path"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/runtime/certificates"
	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// trust adds the authority's certificate to those that the jail gets: config.json
// has the host's files, the same on every start, and what is mounted is a copy
// of each with one certificate more, which no other mount namespace has.
//
// Preconditions: rootfs.WorkDir is covered.
func (n *jailNet) trust(mounts []specs.Mount, files []contract.File, s rootfs.Sources, read func(name string) ([]byte, error)) error {
	a, err := n.authority.Wait()
	if a == nil || err != nil {
		return err
	}
	complete(files, a)
	if !slices.ContainsFunc(mounts, func(m specs.Mount) bool { return m.Destination == contract.CertsPath }) {
		return fmt.Errorf("no mount %s, which the certificate of the jail's authority is for", contract.CertsPath)
	}
	for i, m := range mounts {
		if m.Type != "bind" || !slices.Contains(certificates.Places, m.Destination) {
			continue
		}
		content, err := read(m.Source)
		if err == nil {
			content, err = certificates.At(m.Destination, a, content, n.roots)
		}
		if err == nil {
			err = s.Replace(i, path.Base(m.Destination), content)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", m.Destination, err)
		}
	}
	return nil
}

// complete writes the authority's certificate into the generated files that are for
// it.
func complete(files []contract.File, a *authority.Authority) {
	made := certificates.Generated(a)
	for i := range files {
		if content := made[files[i].Path]; content != nil {
			files[i].Content = content
		}
	}
}
