package known

// Guard is a path below any folder that is searched.
type Guard struct {
	Path, Why string
	// Watch: where it is missing, the host would use it as soon as the agent
	// made it.
	Watch bool
}

// Tools are what programs of a host run or trust unasked, but for the agents
// that package agent has. They hold in the project, in each further folder that
// the jail may write, and in every folder that the search reaches. A "*" stands
// for any characters of a name. docs/security.md has the table for readers.
//
// Absent on purpose: what runs only when somebody builds, tests or publishes
// (Makefile, package.json, .npmrc, .cargo, build.rs, conftest.py, .github,
// .gitlab-ci.yml): those are the agent's work, and reviewed as such; and .env,
// which is for the user to hide. Git's own files are in gitprotect.go.
var Tools = []Guard{
	{".gitmodules", "git submodules", true},
	{".gitconfig", "git config", false},
	{".hg/hgrc", "Mercurial's hooks and extensions", true},
	{".hg/hgrc-not-shared", "Mercurial's hooks and extensions", true},
	{".hg/sharedpath", "names another repository of Mercurial", true},
	{".jj/repo/config.toml", "Jujutsu's programs and aliases", true},
	{".jj/workspace-config.toml", "Jujutsu's programs and aliases", true},

	{".jailed-claude.toml", "the policy of this jail", true},
	{".jailed-claude.lock", "the lock of this jail", true},

	{".envrc", "direnv", true},
	{".envrc.local", "direnv", false},
	{".direnv", "direnv's cached shell code", true},
	{".autoenv", "autoenv", true},
	{".autoenv.leave", "autoenv", true},
	{".autoenv.zsh", "autoenv", true},
	{".autoenv_leave.zsh", "autoenv", true},
	{"mise.toml", "mise", true},
	{"mise.*.toml", "mise", true},
	{".mise.toml", "mise", true},
	{".mise.*.toml", "mise", true},
	{"mise/config*.toml", "mise", true},
	{".mise", "mise", true},
	{".config/mise.toml", "mise", true},
	{".config/mise.*.toml", "mise", true},
	{".config/mise", "mise", true},
	{".miserc.toml", "mise", true},
	{".shadowenv.d", "shadowenv", true},

	{".vscode", "editor tasks and settings", true},
	{"*.code-workspace", "editor tasks and settings", false},
	{".idea", "editor tasks and settings", true},
	{".zed", "editor tasks and settings", true},
	{".fleet", "editor tasks and settings", true},
	{".helix", "editor tasks and settings", true},
	{".devcontainer", "development container", true},
	{".devcontainer.json", "development container", true},
	{".dir-locals.el", "editor settings", true},
	{".dir-locals-2.el", "editor settings", true},
	{".exrc", "editor settings", true},
	{".vimrc", "editor settings", false},
	{".nvimrc", "editor settings", true},
	{".nvim.lua", "editor settings", true},
	{".lazy.lua", "editor settings", true},
	{".lvimrc", "editor settings", true},
	{".vim/coc-settings.json", "editor settings", true},

	// Agents without a row of their own (package agent).
	{".aider.conf.yml", "Aider's commands", true},
	{".kiro/settings/mcp.json", "Kiro's MCP servers", true},
	{".kiro/hooks", "Kiro's hooks", true},
	{".roo/mcp.json", "Roo Code's MCP servers", true},
	{".windsurf/hooks.json", "Windsurf's hooks", true},
	{".junie/mcp/mcp.json", "Junie's MCP servers", true},
	{".factory/mcp.json", "Droid's MCP servers", true},
	{".factory/settings.json", "Droid's settings", true},

	{".husky", "git hooks", false},
	{".githooks", "git hooks", false},
	{".lefthook", "git hooks", false},
	{".lefthook-local", "git hooks", true},
	{"lefthook.*", "git hooks", false},
	{".lefthook.*", "git hooks", false},
	{"lefthook-local.*", "git hooks", true},
	{".lefthook-local.*", "git hooks", true},
	{".config/lefthook.*", "git hooks", false},
	{".config/lefthook-local.*", "git hooks", true},
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
	{".pdbrc", "debugger start-up", true},
	{".Rprofile", "start-up of R", true},
	{".Renviron", "start-up of R", true},
	{".ghci", "start-up of ghci", true},
	{".ocamlinit", "start-up of OCaml", true},
	{".iex.exs", "start-up of iex", true},
	{".irbrc", "start-up of irb", true},
	{".pryrc", "start-up of pry", true},
	{".octaverc", "start-up of Octave", true},
}

// Callers are the files of which the text names programs and scripts that are run as
// soon as somebody enters the folder or opens it: those in name, a first component of
// a path, and "" for name itself.
func Callers(name string) []string {
	switch name {
	case ".envrc", "mise.toml", "mise.local.toml", ".mise.toml", ".mise.local.toml", ".devcontainer.json", ".exrc", ".nvimrc", ".lvimrc":
		return []string{""}
	case ".mise":
		return []string{"config.toml", "config.local.toml"}
	case ".config":
		return []string{"mise.toml", "mise/config.toml", "mise/config.local.toml"}
	case ".vscode":
		return []string{"tasks.json", "settings.json", "mcp.json"}
	case ".zed":
		return []string{"tasks.json", "settings.json"}
	case ".helix":
		return []string{"languages.toml"}
	case ".devcontainer":
		return []string{"devcontainer.json"}
	}
	return nil
}

// Roots are what stands for the folder of such a file in it.
var Roots = []string{"${workspaceFolder}/", "${containerWorkspaceFolder}/", "${localWorkspaceFolder}/", "$ZED_WORKTREE_ROOT/", "{{config_root}}/", "$PWD/", "${PWD}/"}
