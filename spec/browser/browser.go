// Package browser has files of /etc that make browsers work in a jail whose
// network decides by the names of servers, or stands for some of them.
//
// Browsers hide the name of the server that they speak to from everybody, with a
// made-up one where there is none (ECH GREASE), and with network.tls = "strict"
// that is refused on port 443 of every allowed name. They have certificates of
// their own, and do not look at those of the system.
//
// What does not belong here: when a jail has them.
package browser

import "github.com/jailed-claude/jailed-claude/spec/contract"

// Files are their contents, by their paths. With show, browsers show the name of
// the server; with trust they trust the authority of the jail, whose certificate a
// runtime writes into those that are contract's.
func Files(show, trust bool) map[string]string {
	files := map[string]string{}
	const firefox = "/etc/firefox/policies/policies.json"
	if trust {
		for _, p := range contract.BrowserAuthorities {
			files[p] = "{}\n"
		}
		files[firefox] = `{"policies": {"Certificates": {"Install": ["` + contract.AuthorityPath + `"]}}}` + "\n"
	}
	if show {
		const chromium = `{"EncryptedClientHelloEnabled": false}` + "\n"
		files["/etc/chromium/policies/managed/jailed-claude.json"] = chromium
		files["/etc/opt/chrome/policies/managed/jailed-claude.json"] = chromium
		files["/etc/firefox/defaults/pref/jailed-claude.js"] = `pref("security.tls.ech.grease_probability", 0, locked);` + "\n"
		files[firefox] = `{"policies": {"DisableEncryptedClientHello": true}}` + "\n"
	}
	if show && trust {
		files[firefox] = `{"policies": {"Certificates": {"Install": ["` + contract.AuthorityPath + `"]}, "DisableEncryptedClientHello": true}}` + "\n"
	}
	return files
}
