package host

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// account is a line of passwd(5) or group(5).
type account struct {
	name string
	id   int
	// home is empty for a group.
	home string
	// gid is the login group of a user.
	gid int
	// members are those of a group.
	members []string
}

// accounts reads /etc/passwd or /etc/group. The files are read as they are,
// without NSS: what a directory service knows has the fallbacks of its caller.
func (s reader) accounts(path string) []account {
	text, err := source.ReadText(s.Root + path)
	if err != nil {
		return nil
	}
	var list []account
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) < 4 {
			continue
		}
		id, err := strconv.Atoi(f[2])
		if err != nil || !plainName().MatchString(f[0]) {
			continue
		}
		a := account{name: f[0], id: id}
		if len(f) >= 7 {
			a.home = f[5]
			a.gid, _ = strconv.Atoi(f[3])
		} else if f[3] != "" {
			a.members = strings.Split(f[3], ",")
		}
		list = append(list, a)
	}
	return list
}

// plainName is a name that can stand in a passwd(5) line.
var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.@\\-]*\$?$`) })

// byID returns the first account of that id, or one without a name.
func byID(list []account, id int) account {
	for _, a := range list {
		if a.id == id {
			return a
		}
	}
	return account{id: id}
}

// userName names the caller: passwd, else USER or LOGNAME as a directory
// service sets them (unless the name is somebody else's), else "user".
func (s reader) userName(passwd []account) string {
	if a := byID(passwd, s.UID); a.name != "" {
		return a.name
	}
	for _, v := range []string{"USER", "LOGNAME"} {
		name := s.Env[v]
		taken := slices.ContainsFunc(passwd, func(a account) bool { return a.name == name })
		if plainName().MatchString(name) && !taken && name != "root" && name != "nobody" {
			return name
		}
	}
	return "user"
}

func (s reader) groupName() string {
	if a := byID(s.accounts("/etc/group"), s.GID); a.name != "" {
		return a.name
	}
	return "group"
}

// home is the caller's home: HOME, else that of passwd.
func (s reader) home(passwd []account) (string, error) {
	home, from := s.Env["HOME"], "HOME"
	if home == "" {
		home, from = byID(passwd, s.UID).home, "the home in /etc/passwd"
	}
	switch {
	case home == "":
		return "", fmt.Errorf("%w: HOME is empty and /etc/passwd has no entry for uid %d", errHome, s.UID)
	case !filepath.IsAbs(home):
		return "", fmt.Errorf("%w: %s is %q, not an absolute path", errHome, from, home)
	case !utf8.ValidString(home):
		return "", fmt.Errorf("%w: %s is %q, not UTF-8", errHome, from, home)
	}
	if home = source.Settle(filepath.Clean(home)); home == "/" {
		return "", fmt.Errorf("%w: %s is the root directory; set HOME to a folder of your own", errHome, from)
	}
	return home, nil
}

// xdg is a base folder of the XDG specification, which says of relative values
// that they are to be ignored.
func (s reader) xdg(name, home, fallback string) string {
	if dir := s.Env[name]; filepath.IsAbs(dir) {
		return filepath.Clean(dir)
	}
	return filepath.Join(home, fallback)
}
