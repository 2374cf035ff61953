package gitconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
)

// Text writes a file of git-config(1): a value in double quotes, with
// backslash, quote and line feed escaped. Of NUL git knows nothing.
func Text(list []git.Setting) string {
	value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\b", `\b`, "\x00", "").Replace
	subsection := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", "", "\x00", "").Replace
	var text strings.Builder
	before := ""
	for _, s := range list {
		first, last := strings.IndexByte(s.Key, '.'), strings.LastIndexByte(s.Key, '.')
		section := s.Key[:first]
		if last > first {
			section += ` "` + subsection(s.Key[first+1:last]) + `"`
		}
		if section != before {
			fmt.Fprintf(&text, "[%s]\n", section)
			before = section
		}
		fmt.Fprintf(&text, "\t%s = \"%s\"\n", s.Key[last+1:], value(s.Value))
	}
	return text.String()
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

// Files that the jail's git reads beside its configuration.
const (
	Ignore     = "/etc/gitignore"
	Attributes = "/etc/gitattributes"
)

// Of is the configuration of a jail, but for what signs: "" if there is nothing to
// say. In a repository that it cannot write to, git-lfs keeps what it writes
// elsewhere: "git status" copies each file that it compares.
func Of(h host.Facts, writable bool) string {
	var list []git.Setting
	add := func(key, value string) {
		if value != "" {
			list = append(list, git.Setting{Key: key, Value: value})
		}
	}
	add("user.name", h.GitName)
	add("user.email", h.GitEmail)
	list = append(list, h.GitSettings...)
	for _, dir := range h.GitSafe {
		add("safe.directory", dir)
	}
	if h.GitIgnore != "" {
		add("core.excludesFile", Ignore)
	}
	if h.GitAttributes != "" {
		add("core.attributesFile", Attributes)
	}
	text := Text(list)
	if !writable && strings.Contains(text, "git-lfs") {
		text += Text([]git.Setting{{Key: "lfs.storage", Value: "/tmp/git-lfs"}})
	}
	return text
}

// Why says what of the user's git it has.
func Why(h host.Facts) string {
	taken := keys(h.GitSettings)
	if len(h.GitSafe) > 0 {
		taken = append(taken, "safe.directory")
	}
	if len(taken) > 0 {
		return "your git name and e-mail, and of your settings: " + strings.Join(taken, " ")
	}
	return "your git name and e-mail, nothing else of your git configuration"
}

// Umask is that of a jail, and that of the caller. In a repository that is shared
// with others it leaves them what git gives them: git would do it itself with
// chmod(2), and sets the set-group-ID bit along, which no program in a jail may.
// Folders have it from those that they are in.
func Umask(h host.Facts) (jail, caller uint32) {
	caller = 0o022
	if h.Umask != nil {
		caller = *h.Umask
	}
	// Who reads a folder may enter it.
	return caller &^ (h.GitShared | h.GitShared&0o044>>2), caller
}

// keys are the variables that are set, each once.
func keys(list []git.Setting) (keys []string) {
	for _, s := range list {
		if !slices.Contains(keys, s.Key) {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// Unsigned are variables by which git makes commits and tags without a signature
// where the user's would have one: there is no key in a jail, so that git would
// make none at all. They win over the repository's own configuration.
func Unsigned(commits, tags bool) map[string]string {
	env := map[string]string{}
	for _, k := range []struct {
		key string
		on  bool
	}{{"commit.gpgsign", commits}, {"tag.gpgsign", tags}} {
		if k.on {
			n := strconv.Itoa(len(env) / 2)
			env["GIT_CONFIG_KEY_"+n], env["GIT_CONFIG_VALUE_"+n] = k.key, "false"
		}
	}
	if len(env) > 0 {
		env["GIT_CONFIG_COUNT"] = strconv.Itoa(len(env) / 2)
	}
	return env
}
