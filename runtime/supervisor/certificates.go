package supervisor

import (
	"encoding/base64"
	"fmt"
	"slices"

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
			err = s.Replace(i, "certificates", a.Bundle(n.roots))
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
	for i := range files {
		switch {
		case slices.Contains(contract.BrowserAuthorities, files[i].Path):
			files[i].Content = fmt.Appendf(nil, "{\"CACertificates\": [%q]}\n", base64.StdEncoding.EncodeToString(a.DER()))
		case files[i].Path == contract.AuthorityPath:
			files[i].Content = a.PEM()
		}
	}
}
