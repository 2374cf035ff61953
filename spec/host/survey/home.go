package survey

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

const (
	// homeDepth and homeFolders bound the search of the home's configuration for
	// symlinks, once one is found that leads here.
	homeDepth   = 4
	homeFolders = 1024
)

// homeLinks protects what the home's own symlinks lead to: the files of a
// repository of dotfiles are read by the host's programs under other names. Of the
// home itself only names with a dot count; other links are for people.
func (v *survey) homeLinks() {
	home, config := v.o.Home, v.config()
	l := lister{}
	found := false
	look := func(dir string, wanted func(name string) bool) (folders []string) {
		_ = l.list(dir, func(e entry) {
			name := string(e.name)
			switch {
			case !wanted(name):
			case e.kind == unix.DT_LNK:
				found = v.homeLink(filepath.Join(dir, name)) || found
			case e.kind == unix.DT_DIR:
				folders = append(folders, filepath.Join(dir, name))
			}
		})
		return folders
	}
	every := func(string) bool { return true }
	dotted := look(home, func(name string) bool {
		return strings.HasPrefix(name, ".") && name != ".cache" || name == "bin"
	})
	queue := look(config, every)
	for _, dir := range []string{"bin", ".local/bin", ".local/share", ".ssh", ".gnupg"} {
		look(filepath.Join(home, dir), every)
	}
	for _, dir := range []string{"git", "fish", "autostart", "systemd/user", "environment.d"} {
		look(filepath.Join(config, dir), every)
	}
	if !found {
		return
	}
	// It is one of dotfiles, so that it is worth some time.
	queue = append(queue, dotted...)
	for depth, left := 1, homeFolders; depth < homeDepth; depth++ {
		var next []string
		for _, dir := range queue {
			if left--; left < 0 {
				v.warn("what your configuration in %q links to in %q is protected only as far as it was looked for: %d folders", config, v.o.Dir, homeFolders)
				return
			}
			if !paths.Below(v.o.Dir, dir) {
				next = append(next, look(dir, func(name string) bool { return name != "node_modules" && name != ".git" })...)
			}
		}
		queue = next
	}
}

// homeLink protects what one symlink leads to, if that is here.
func (v *survey) homeLink(link string) bool {
	real, err := filepath.EvalSymlinks(link)
	why := "your " + strings.Replace(link, v.o.Home+"/", "~/", 1) + " leads to it"
	if err != nil {
		to, err := os.Readlink(link)
		if err != nil {
			return false
		}
		if to, ok := v.named(filepath.Dir(link), to); ok {
			v.watch(to, why)
			return true
		}
		return false
	}
	if real == v.o.Dir {
		v.warn("your %q leads to %q: what the agent changes there, programs of the host read", link, real)
		return true
	}
	if v.inside(real) == "" {
		return false
	}
	v.protect(real, why)
	return true
}

// config is the folder of the caller's configuration.
func (v *survey) config() string {
	if v.o.Config != "" {
		return v.o.Config
	}
	return filepath.Join(v.o.Home, ".config")
}

// globalGit protects what the caller's own git config includes or executes here.
func (v *survey) globalGit() {
	for _, p := range []string{filepath.Join(v.config(), "git/config"), filepath.Join(v.o.Home, ".gitconfig")} {
		v.globalConfig(p, includeDepth)
	}
}

func (v *survey) globalConfig(p string, depth int) {
	text, err := source.ReadText(p)
	if err != nil {
		return
	}
	for _, s := range git.ParseConfig(text) {
		if git.Runs(s.Key) {
			v.program(s, v.o.Dir)
		}
		if !git.Includes(s.Key) || depth == 0 {
			continue
		}
		file, ok := v.named(filepath.Dir(p), s.Value)
		if !ok {
			v.globalConfig(v.path(filepath.Dir(p), s.Value), depth-1)
			continue
		}
		why := "included by your git config"
		if !v.protect(file, why) {
			v.watch(file, why)
		}
		v.gitConfig(file, v.o.Dir, depth-1)
	}
}
