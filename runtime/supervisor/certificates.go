package supervisor

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"

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
	found := false
	for i, m := range mounts {
		switch {
		case m.Type != "bind":
		case m.Destination == contract.CertsPath:
			found = true
			err = s.Replace(i, "certificates", n.roots, a.Behind())
		case m.Destination == contract.ExtraCertsPath:
			var extra []byte
			if extra, err = read(m.Source); err == nil {
				err = s.Replace(i, "extra certificates", extra, a.Behind())
			}
		case m.Destination == contract.JavaCertsPath:
			var store []byte
			if store, err = read(m.Source); err == nil {
				if store, err = a.JavaStore(store, n.roots); err == nil {
					err = s.Replace(i, "java", store)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("%q: %w", m.Destination, err)
		}
	}
	if !found {
		return fmt.Errorf("no mount %s, which the certificate of the jail's authority is for", contract.CertsPath)
	}
	return nil
}

// complete writes the authority's certificate into the generated files that are for
// it.
func complete(files []contract.File, a *authority.Authority) {
	made := a.Files(contract.AuthorityPath, contract.BrowserAuthorities)
	for i := range files {
		if content := made[files[i].Path]; content != nil {
			files[i].Content = content
		}
	}
}
