package survey

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// A guard is a path of the built-in list, below the project or a nested
// repository.
type guard struct {
	path, why string
	// watch: where it is missing, the host would use it as soon as the agent
	// made it.
	watch bool
}

// tools are what programs of a host run or trust unasked that are no agents:
// package agent has those. Absent on purpose: what runs
// only when somebody builds or publishes (Makefile, package.json, .npmrc,
// .github, .gitlab-ci.yml): those are the agent's work, and reviewed as such;
// and .env, which is for the user to hide. Git's own files are in
// gitprotect.go.
var tools = []guard{
	{".gitmodules", "git submodules", true},
	{".gitconfig", "git config", false},

	{".jailed-claude.toml", "the policy of this jail", true},
	{".jailed-claude.lock", "the lock of this jail", true},

	{".envrc", "direnv", true},
	{".envrc.local", "direnv", false},
	{".direnv", "direnv's cached shell code", true},
	{".autoenv.zsh", "autoenv", true},
	{"mise.toml", "mise", true},
	{".mise.toml", "mise", true},
	{"mise.local.toml", "mise", false},
	{".mise.local.toml", "mise", false},
	{".mise", "mise", false},
	{".config/mise", "mise", false},

	{".vscode", "editor tasks and settings", true},
	{".idea", "editor tasks and settings", true},
	{".zed", "editor tasks and settings", true},
	{".fleet", "editor tasks and settings", false},
	{".devcontainer", "development container", true},
	{".devcontainer.json", "development container", true},
	{".dir-locals.el", "editor settings", true},
	{".dir-locals-2.el", "editor settings", false},
	{".exrc", "editor settings", true},
	{".vimrc", "editor settings", false},
	{".nvimrc", "editor settings", true},
	{".nvim.lua", "editor settings", true},
	{".lvimrc", "editor settings", false},

	{".husky", "git hooks", false},
	{".githooks", "git hooks", false},
	{".lefthook", "git hooks", false},
	{".lefthook-local", "git hooks", false},
	{"lefthook.yml", "git hooks", false},
	{"lefthook.yaml", "git hooks", false},
	{"lefthook.toml", "git hooks", false},
	{"lefthook.json", "git hooks", false},
	{"lefthook-local.yml", "git hooks", false},
	{".lefthook.yml", "git hooks", false},
	{".lefthook.yaml", "git hooks", false},
	{".pre-commit-config.yaml", "git hooks", false},
	{".overcommit.yml", "git hooks", false},
	{".simple-git-hooks.json", "git hooks", false},

	{".bashrc", "shell start-up", false},
	{".bash_profile", "shell start-up", false},
	{".bash_login", "shell start-up", false},
	{".bash_logout", "shell start-up", false},
	{".bash_aliases", "shell start-up", false},
	{".profile", "shell start-up", false},
	{".zshrc", "shell start-up", false},
	{".zshenv", "shell start-up", false},
	{".zprofile", "shell start-up", false},
	{".zlogin", "shell start-up", false},
	{".inputrc", "shell start-up", false},
	{".tmux.conf", "terminal settings", false},
	{".gdbinit", "debugger start-up", false},
	{".lldbinit", "debugger start-up", false},
}

// guards are those of tools and of agents: made when they are first asked for,
// not before main in each process of a start.
var guards = sync.OnceValue(func() []guard {
	list := slices.Clone(tools)
	for _, a := range agent.All() {
		for _, f := range a.Project {
			list = append(list, guard{f.Path, a.Title + "'s " + f.What, f.Watch})
		}
	}
	return list
})

// guardNames are the first components of guards, for every name of a project.
var guardNames = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, g := range guards() {
		first, _, _ := strings.Cut(g.path, "/")
		set[first] = true
	}
	return set
})

// guardName tells whether a guard begins with a file or folder of that name.
func guardName(name []byte) bool { return guardNames()[string(name)] }

// builtIn protects and watches what the built-in list names in the project.
func (v *survey) builtIn() {
	dir := v.p.Dir
	for _, g := range guards() {
		if path := filepath.Join(dir, g.path); !v.protect(path, g.why) && g.watch {
			v.watch(path, g.why)
		}
	}
	v.repository(dir)
	if git.IsDir(dir) {
		v.gitDir(dir, dir, gitDepth)
	} else {
		// With objects and refs it makes the project a bare repository.
		v.watch(filepath.Join(dir, "HEAD"), "makes the folder a git repository")
	}
	v.submodules(dir)
	v.direnv(dir)
	v.agentPrograms(dir)
}

// guard protects what the built-in list names in dir, given the names there
// that are of interest.
func (v *survey) guard(dir string, names []string) {
	for _, name := range names {
		if workspaceFile([]byte(name)) {
			v.protect(filepath.Join(dir, name), "editor tasks and settings")
		}
		for _, g := range guards() {
			if g.path == name || strings.HasPrefix(g.path, name+"/") {
				v.protect(filepath.Join(dir, g.path), g.why)
			}
		}
	}
}

// submodules protects the submodules that .gitmodules names, however deep.
func (v *survey) submodules(dir string) {
	text, err := source.ReadText(filepath.Join(dir, ".gitmodules"))
	if err != nil {
		return
	}
	for _, s := range git.ParseConfig(text) {
		if !strings.HasPrefix(s.Key, "submodule.") || !strings.HasSuffix(s.Key, ".path") {
			continue
		}
		if sub, ok := v.named(dir, s.Value); ok && source.Exists(filepath.Join(sub, ".git")) {
			v.repository(sub)
		}
	}
}

// direnv protects the files of the project that .envrc loads. That file itself
// is approved by its content, these are not.
func (v *survey) direnv(dir string) {
	text, err := source.ReadText(filepath.Join(dir, ".envrc"))
	if err != nil {
		return
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		arg := ""
		if len(words) > 1 {
			arg = strings.Trim(words[1], `"'`)
		}
		switch words[0] {
		case "use":
			if arg == "flake" || arg == "nix" || arg == "devenv" || arg == "devbox" {
				v.warn(".envrc says %q: what the agent changes in those files, direnv runs on the host at the next prompt; protect them (protect = [\"flake.nix\", …]) if that is not wanted", strings.Join(words[:2], " "))
			}
			continue
		case "dotenv", "dotenv_if_exists":
			if arg == "" {
				arg = ".env"
			}
		case "source", ".", "source_env", "source_env_if_exists":
		default:
			continue
		}
		if path, ok := v.named(dir, strings.TrimPrefix(arg, "$PWD/")); ok && !v.protect(path, "loaded by .envrc") {
			v.watch(path, "loaded by .envrc")
		}
	}
}
