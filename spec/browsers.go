package spec

import (
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// browsers are told to show the name of the server that they speak to: both send
// an encrypted one, made up where there is none (ECH GREASE), and with
// network.tls = "strict" that is refused on port 443 of every allowed name.
func (b *builder) browsers() {
	n := b.Policy.Network
	if n.Mode != policy.NetFiltered || n.TLS != network.TLSStrict {
		return
	}
	for p, text := range map[string]string{
		"/etc/chromium/policies/managed/jailed-claude.json":   `{"EncryptedClientHelloEnabled": false}` + "\n",
		"/etc/opt/chrome/policies/managed/jailed-claude.json": `{"EncryptedClientHelloEnabled": false}` + "\n",
		"/etc/firefox/policies/policies.json":                 `{"policies": {"DisableEncryptedClientHello": true}}` + "\n",
		"/etc/firefox/defaults/pref/jailed-claude.js":         `pref("security.tls.ech.grease_probability", 0, locked);` + "\n",
	} {
		b.file(p, text)
	}
}
