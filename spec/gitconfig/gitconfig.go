package gitconfig

import "strings"

// Of has a name and an address, quoted as git-config(1) says: a value in double quotes, with
// backslash, quote and line feed escaped. Of NUL git knows nothing.
func Of(name, email string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\x00", "").Replace
	s := ""
	if name != "" || email != "" {
		s = "[user]\n"
	}
	if name != "" {
		s += "\tname = \"" + quote(name) + "\"\n"
	}
	if email != "" {
		s += "\temail = \"" + quote(email) + "\"\n"
	}
	return s
}

// Signed has git sign with an ssh agent: every commit or every tag, or those that
// it is asked to.
func Signed(commits, tags bool) string {
	s := "[gpg]\n\tformat = ssh\n[gpg \"ssh\"]\n\tdefaultKeyCommand = ssh-add -L\n"
	if commits {
		s += "[commit]\n\tgpgSign = true\n"
	}
	if tags {
		s += "[tag]\n\tgpgSign = true\n"
	}
	return s
}
