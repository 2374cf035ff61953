package git

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/program"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// gitTimeout bounds "git config", which reads a few files.
const gitTimeout = 3 * time.Second

// asked says whether a variable is asked for.
func asked(key string) bool {
	switch key {
	case "user.name", "user.email", "core.hookspath", "core.fsmonitor",
		"core.excludesfile", "core.attributesfile", "commit.gpgsign", "tag.gpgsign", "safe.directory", "core.sharedrepository":
		return true
	}
	return harmless(key) || strings.HasPrefix(key, lfs)
}

// asker asks about the repositories of a host.
type asker struct{ *source.Source }

// Settings are what git itself knows in a folder, from all of its config files,
// later ones last: those that are asked for. It is empty without git. Where a git
// has to be run it is none in the folders that never returns, resolved; they need
// not be known before.
func Settings(ctx context.Context, s *source.Source, dir string, never func() []string) []Setting {
	git, list, plain := asker{s}.plain(dir)
	more := never()
	a := asker{s.Outside(more...)}
	if git != "" && program.In(git, more) {
		git, list, plain = a.plain(dir)
	}
	if git == "" || plain {
		return list
	}
	return a.askGit(ctx, git, dir)
}

// plain finds git, and reads its files in its place where that is easily done.
func (a asker) plain(dir string) (git string, list []Setting, ok bool) {
	git, err := a.Look("git")
	if err != nil {
		return "", nil, false
	}
	list, ok = a.plainGit(git, dir)
	return git, list, ok
}

func (a asker) askGit(ctx context.Context, git, dir string) []Setting {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	items, err := a.listed(ctx, git, dir, "--show-scope")
	if err != nil {
		items = nil
		// Before 2.26 git does not say whose a setting is, so that none is taken over.
		more, err := a.listed(ctx, git, dir)
		if err != nil {
			return nil
		}
		for _, item := range more {
			items = append(items, "local", item)
		}
	}
	var list []Setting
	for i := 0; i+1 < len(items); i += 2 {
		key, value, ok := strings.Cut(items[i+1], "\n")
		if !ok {
			value = "true" // a name alone
		}
		if asked(key) {
			list = append(list, Setting{Key: key, Value: value, Local: items[i] == "local" || items[i] == "worktree"})
		}
	}
	return list
}

// listed are the items that git lists of its configuration.
func (a asker) listed(ctx context.Context, git, dir string, flags ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, git, append([]string{"config", "--null", "--list"}, flags...)...)
	cmd.Dir = dir
	cmd.Env = a.Clean("HOME", "XDG_CONFIG_HOME", "PATH")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), err
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
