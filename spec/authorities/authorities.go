// Package authorities knows by which variables programs are told whose certificates
// to trust besides those of the system, and what a jail has of what they name. It
// is pure: who reads files says which of them there are.
//
// What does not belong here: where certificates lie in a jail (contract), and the
// authority that a jail makes for its brokers (runtime/egress/authority).
package authorities

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// node says best what is extra.
const node = "NODE_EXTRA_CA_CERTS"

// adding are those of Variables that only add to what a program trusts anyway. What
// they name is read whenever such a program starts: the system's certificates would
// make each start of Node 20 another 30 ms longer.
var adding = []string{"CODEX_CA_CERTIFICATE", "DENO_CERT", node}

// Variables name a file of certificates for programs that do not look where most do,
// and bring their own (docs/keys.md has who reads which).
var Variables = []string{
	"AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO", "CODEX_CA_CERTIFICATE", "CURL_CA_BUNDLE", "DENO_CERT", "GIT_SSL_CAINFO", node,
	"PIP_CERT", "REQUESTS_CA_BUNDLE",
}

// Named are the files that Variables of the caller name, by variable, where file finds
// one (otherwise it says ""), and the one of them that a jail has besides the system's:
// Node's, or the first of another variable that is not the system's.
func Named(system string, file func(variable string) string) (extra string, all map[string]string) {
	extra, all = file(node), map[string]string{}
	for _, name := range Variables {
		f := file(name)
		if f == "" {
			continue
		}
		if all[name] = f; extra == "" && f != system {
			extra = f
		}
	}
	return extra, all
}

// Inside are the variables of a jail, with their values: those of all that lead there
// to what they name outside. A file that is neither the system's nor the extra one
// is not there, and its variable does not cross.
func Inside(system, extra string, all map[string]string) map[string]string {
	env := map[string]string{}
	for name, file := range all {
		switch file {
		case extra:
			env[name] = contract.ExtraCertsPath
		case system:
			env[name] = contract.CertsPath
		}
	}
	return env
}

// Decrypted are the variables of a jail that has an authority of its own: all of
// Variables. Those that only add lead to that authority alone, or to what they name
// outside with the authority behind it; the others to the system's, the extra ones
// and the authority.
func Decrypted(system, extra string, all map[string]string) map[string]string {
	env := map[string]string{}
	for _, name := range Variables {
		switch file := all[name]; {
		case !slices.Contains(adding, name) || file != "" && file == system:
			env[name] = contract.CertsPath
		case file != "" && file == extra:
			env[name] = contract.ExtraCertsPath
		default:
			env[name] = contract.AuthorityPath
		}
	}
	return env
}
