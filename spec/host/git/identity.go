package git

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// gitTimeout bounds "git config", which reads a few files.
const gitTimeout = 3 * time.Second

// gitAsked are the variables that are asked for, in lower case.
var gitAsked = []string{"user.name", "user.email", "core.hookspath", "core.fsmonitor", "commit.gpgsign", "tag.gpgsign"}

// asker asks about the repositories of a host.
type asker struct{ *source.Source }

// Settings are what git itself knows in a folder, from all of its config files,
// later ones last: those that are asked for. It is empty without git.
func Settings(ctx context.Context, s *source.Source, dir string) []Setting {
	return asker{s}.settings(ctx, dir)
}

func (a asker) settings(ctx context.Context, dir string) []Setting {
	git, err := a.Look("git")
	if err != nil {
		return nil
	}
	if list, ok := a.plainGit(git, dir); ok {
		return list
	}
	return a.askGit(ctx, git, dir)
}

func (a asker) askGit(ctx context.Context, git, dir string) []Setting {
	asked := "^(" + strings.ReplaceAll(strings.Join(gitAsked, "|"), ".", `\.`) + ")$"
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, "config", "--null", "--get-regexp", asked)
	cmd.Dir = dir
	cmd.Env = a.Clean("HOME", "XDG_CONFIG_HOME", "PATH")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil // status 1: none is set
	}
	var list []Setting
	for item := range strings.SplitSeq(string(out), "\x00") {
		if key, value, ok := strings.Cut(item, "\n"); ok {
			list = append(list, Setting{Key: strings.ToLower(key), Value: value})
		}
	}
	return list
}

// Identity takes user.name and user.email from settings; the last one counts.
func Identity(settings []Setting) (name, email string) {
	for _, s := range settings {
		switch s.Key {
		case "user.name":
			name = source.OneLine(s.Value)
		case "user.email":
			email = source.OneLine(s.Value)
		}
	}
	return name, email
}

// Signs says whether git signs every commit and every tag (commit.gpgSign,
// tag.gpgSign).
func Signs(settings []Setting) (commits, tags bool) {
	for _, s := range settings {
		on := slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(s.Value))
		switch s.Key {
		case "commit.gpgsign":
			commits = on
		case "tag.gpgsign":
			tags = on
		}
	}
	return commits, tags
}
