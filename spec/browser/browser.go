// Package browser has files of /etc that make browsers show the name of the
// server that they speak to. They hide it from everybody, with a made-up one
// where there is none (ECH GREASE), and with network.tls = "strict" that is
// refused on port 443 of every allowed name.
//
// What does not belong here: when a jail has them.
package browser

// Files are their contents, by their paths.
func Files() map[string]string {
	const chromium = `{"EncryptedClientHelloEnabled": false}` + "\n"
	return map[string]string{
		"/etc/chromium/policies/managed/jailed-claude.json":   chromium,
		"/etc/opt/chrome/policies/managed/jailed-claude.json": chromium,
		"/etc/firefox/policies/policies.json":                 `{"policies": {"DisableEncryptedClientHello": true}}` + "\n",
		"/etc/firefox/defaults/pref/jailed-claude.js":         `pref("security.tls.ech.grease_probability", 0, locked);` + "\n",
	}
}
