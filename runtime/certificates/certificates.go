// Package certificates has what a jail's files of certificates hold where the jail has
// an authority of its own: those of the host, and the authority's. config.json has the
// host's files, the same on every start.
//
// What does not belong here: the authority (runtime/egress/authority), by which files
// the jail's programs find them (spec/authorities), and how a file gets into a jail.
package certificates

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/egress/authority"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Places are where a jail has certificates of the host, if it has them.
var Places = []string{contract.CertsPath, contract.ExtraCertsPath, contract.JavaCertsPath}

// At is what a jail has at one of Places: content, which is the host's, with the
// authority's behind it. Of CertsPath and Java it is the roots (PEM), all that the
// jail has of the host, unless Java's own format can be added to.
func At(place string, a *authority.Authority, content, roots []byte) ([]byte, error) {
	switch place {
	case contract.JavaCertsPath:
		return a.JavaStore(content, roots)
	case contract.CertsPath:
		content = roots
	}
	return slices.Concat(content, a.Behind()), nil
}

// Generated are the files of a jail that are made for the authority's alone, by their
// paths.
func Generated(a *authority.Authority) map[string][]byte {
	return a.Files(contract.AuthorityPath, contract.BrowserAuthorities)
}
