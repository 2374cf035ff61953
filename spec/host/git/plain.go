package git

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// systemGitConfig says which file a git reads for the whole system, or "". Where
// ok is false only that git knows. The path is git's own, so no other host's of
// a test.
func systemGitConfig(git string) (file string, ok bool) {
	const usual = "/etc/gitconfig"
	switch {
	case git == "/usr/bin/git":
		return usual, true
	case strings.HasPrefix(git, "/nix/store/"):
		// Which of the two it reads was decided when it was built.
		own := filepath.Join(filepath.Dir(git), "../etc/gitconfig")
		return "", !source.Exists(usual) && !source.Exists(own)
	}
	return "", false
}

// plainGit is what gitSettings would be told, read from git's config files as
// long as they and the repository are as plain as nearly all are: running git
// costs a tenth of a jail's start. Of whatever else there may be (includes,
// worktrees, repositories of somebody else, quotes around a name) ok is false,
// and git knows better.
func (a asker) plainGit(git, dir string) (list []Setting, ok bool) {
	git, err := filepath.EvalSymlinks(git)
	if err != nil {
		return nil, false
	}
	system, ok := systemGitConfig(git)
	if !ok {
		return nil, false
	}
	home := a.Env["HOME"]
	if !filepath.IsAbs(home) || !filepath.IsAbs(dir) {
		return nil, false
	}
	own := a.Env["XDG_CONFIG_HOME"]
	if own == "" {
		own = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(own) {
		return nil, false
	}
	local, ok := a.plainRepository(dir)
	if !ok {
		return nil, false
	}
	for _, file := range []string{system, filepath.Join(own, "git/config"), filepath.Join(home, ".gitconfig"), local} {
		text, err := source.ReadText(file)
		if file == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, false
		}
		more, ok := plainSettings(text)
		if !ok {
			return nil, false
		}
		for i := range more {
			more[i].Local = file == local
		}
		list = append(list, more...)
	}
	return list, true
}

// plainRepository returns the config file of the repository that git finds from
// a folder, or "" if there is none.
func (a asker) plainRepository(dir string) (config string, ok bool) {
	g := filepath.Join(dir, ".git")
	if a.ownFolder(g) && a.ownFolder(dir) && IsDir(g) && !source.Exists(filepath.Join(g, "commondir")) {
		return filepath.Join(g, "config"), true
	}
	for d := dir; ; d = filepath.Dir(d) {
		// The second is what a bare repository has.
		if source.Exists(filepath.Join(d, ".git")) || source.Exists(filepath.Join(d, "HEAD")) {
			return "", false
		}
		if d == "/" {
			return "", true
		}
	}
}

// ownFolder says whether a path is a folder of the caller's: git reads no
// repository of somebody else, unless it is told to (safe.directory).
func (a asker) ownFolder(path string) bool {
	fi, err := os.Lstat(path)
	if err != nil || !fi.IsDir() {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == a.UID
}

// plainSettings returns the settings of a config file that gitSettings asks
// for. ok is false where the file says more than one line at a time does.
func plainSettings(text string) (list []Setting, ok bool) {
	section := ""
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Trim(line, " \t")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			if section, ok = plainSection(line); !ok {
				return nil, false
			}
		default:
			s, ok := plainVariable(section, line)
			if !ok {
				return nil, false
			}
			if asked(s.Key) {
				list = append(list, s)
			}
		}
	}
	return list, true
}

// plainSection reads [section] or [section "subsection"].
func plainSection(line string) (section string, ok bool) {
	body, ok := strings.CutSuffix(line[1:], "]")
	name, sub, has := strings.Cut(body, ` "`)
	section = strings.ToLower(name)
	if has {
		if sub, has = strings.CutSuffix(sub, `"`); !has || strings.ContainsAny(sub, "\"\\") {
			return "", false
		}
		section += "." + sub
	}
	return section, ok && name != "" && strings.Trim(section[:len(name)], gitName) == ""
}

// gitName are the characters of the names of sections and variables, in lower
// case.
const gitName = "abcdefghijklmnopqrstuvwxyz0123456789-"

// plainVariable reads "name = value". What the value of a variable is that is
// not asked for does not matter, if it ends where the line does.
func plainVariable(section, line string) (s Setting, ok bool) {
	name, value, has := strings.Cut(line, "=")
	name = strings.ToLower(strings.TrimRight(name, " \t"))
	s = Setting{Key: section + "." + name, Value: strings.TrimLeft(value, " \t")}
	switch {
	case section == "" || name == "" || name[0] < 'a' || name[0] > 'z' || strings.Trim(name, gitName) != "":
		return s, false
	case Includes(s.Key) || strings.HasPrefix(s.Key, "extensions."):
		return s, false
	case s.Key == "core.repositoryformatversion":
		return s, s.Value == "0"
	case asked(s.Key):
		s.Value, ok = plainValue(s.Value)
		return s, has && ok
	}
	return s, !strings.HasSuffix(s.Value, `\`)
}

// plainValue reads a value with its quotes, escapes and comment, as long as it
// ends where the line does and has no other blank than a space.
func plainValue(text string) (value string, ok bool) {
	var b strings.Builder
	quoted, spaces := false, 0
loop:
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c < ' ' || c == 0x7f:
			return "", false
		case c == '"':
			quoted = !quoted
			continue
		case c == ' ' && !quoted:
			if b.Len() > 0 {
				spaces++
			}
			continue
		case (c == '#' || c == ';') && !quoted:
			break loop
		case c == '\\':
			if i++; i == len(text) {
				return "", false
			}
			if c, ok = map[byte]byte{'n': '\n', 't': '\t', 'b': '\b', '\\': '\\', '"': '"'}[text[i]]; !ok {
				return "", false
			}
		}
		b.WriteString(strings.Repeat(" ", spaces))
		b.WriteByte(c)
		spaces = 0
	}
	return b.String(), !quoted
}
