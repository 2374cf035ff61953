package host

import (
	"context"
	"os/exec"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// gitTimeout bounds "git config", which reads a few files.
const gitTimeout = 3 * time.Second

// gitAsked are the variables that are asked for, in lower case.
var gitAsked = []string{"user.name", "user.email", "core.hookspath", "core.fsmonitor"}

// gitSettings are what git itself knows in the project, from all of its config
// files, later ones last. It is empty without git.
func (s *source) gitSettings(ctx context.Context, dir string) []setting {
	git, err := s.look("git")
	if err != nil {
		return nil
	}
	if list, ok := s.plainGit(git, dir); ok {
		return list
	}
	return s.askGit(ctx, git, dir)
}

func (s *source) askGit(ctx context.Context, git, dir string) []setting {
	asked := "^(" + strings.ReplaceAll(strings.Join(gitAsked, "|"), ".", `\.`) + ")$"
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, "config", "--null", "--get-regexp", asked)
	cmd.Dir = dir
	cmd.Env = s.clean("HOME", "XDG_CONFIG_HOME", "PATH")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil // status 1: none is set
	}
	var list []setting
	for item := range strings.SplitSeq(string(out), "\x00") {
		if key, value, ok := strings.Cut(item, "\n"); ok {
			list = append(list, setting{key: strings.ToLower(key), value: value})
		}
	}
	return list
}

// identity takes user.name and user.email from settings; the last one counts.
func identity(settings []setting) (name, email string) {
	for _, s := range settings {
		switch s.key {
		case "user.name":
			name = oneLine(s.value)
		case "user.email":
			email = oneLine(s.value)
		}
	}
	return name, email
}

// oneLine drops what has no place in a line of a generated config file.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
