package agent

import "slices"

// Claude is Claude Code.
func Claude() Agent {
	folder := Empty{Kind: EmptyFolder}
	blank := Empty{Kind: EmptyFile}
	object := Empty{Kind: EmptyFile, Text: "{}\n"}
	return Agent{
		Name: "claude", Title: "Claude Code",
		Programs:   []string{"claude"},
		Install:    "curl -fsSL https://claude.ai/install.sh | bash",
		InstallNix: "NIXPKGS_ALLOW_UNFREE=1 nix profile install --impure nixpkgs#claude-code",

		Managed: "/etc/claude-code",
		Beside:  []string{".local/share/claude"}, // the program itself
		// Read beside an organisation's CLAUDE.md and rules, in subagents too, and
		// shown by /memory.
		Brief: Brief{File: "/etc/claude-code/.claude/rules/jailed-claude.md"},
		Folders: []Folder{{
			Path: ".claude", Variable: "CLAUDE_CONFIG_DIR", Beside: ".claude.json",
			Login: ".credentials.json",
			// The last three are what servers gave it: skills, tools, and what is sent out.
			Sourced: []string{"shell-snapshots", "session-env", "ide", "mcp-skill-archives", "mcp-discovery-cache", "shares"},
			// What plugins, built-in ones too, remember: values by key, seen
			// with 2.1.330.
			State: []string{"plugins/store"},
			Trusted: []File{
				{Path: "settings.json", What: "settings", Watch: true, Review: true, Empty: object},
				{Path: "settings.local.json", What: "settings", Watch: true, Empty: object},
				{Path: "remote-settings.json", What: "settings of the organisation", Watch: true},
				{Path: "remote-settings-consent.json", What: "consents", Watch: true},
				{Path: "remote-settings-helper-consent", What: "consents", Watch: true},
				{Path: "policy-limits.json", What: "limits of the organisation"},
				// Beside consents, cached settings of an organisation: to be read.
				{Path: "state", What: "consents", Watch: true, Empty: folder},
				{Path: "dev-mods", What: "plugins", Watch: true, Review: true, Empty: folder},
				{Path: "CLAUDE.md", What: "memory", Watch: true, Seed: true, Review: true, Empty: blank},
				{Path: "keybindings.json", What: "key bindings", Watch: true, Seed: true, Review: true, Empty: Empty{Kind: EmptyFile, Text: "{\n  \"bindings\": []\n}\n"}},
				{Path: "loop.md", What: "memory", Watch: true, Review: true, Empty: blank},
				{Path: "rules", What: "memory", Watch: true, Seed: true, Review: true, Empty: folder},
				{Path: "output-styles", What: "output styles", Watch: true, Seed: true, Review: true, Empty: folder},
				{Path: "themes", What: "themes", Watch: true, Seed: true, Review: true, Empty: folder},
				{Path: "commands", What: "commands", Watch: true, Review: true, Empty: folder},
				{Path: "agents", What: "agents", Watch: true, Review: true, Empty: folder},
				{Path: "skills", What: "skills", Watch: true, Review: true, Empty: folder},
				{Path: "hooks", What: "hooks", Watch: true, Review: true, Empty: folder},
				{Path: "plugins", What: "plugins", Watch: true, Review: true, Empty: folder},
				{Path: "workflows", What: "workflows", Watch: true, Review: true, Empty: folder},
				{Path: "routines", What: "routines", Watch: true, Review: true, Empty: folder},
				{Path: "cowork_plugins", What: "plugins", Watch: true},
				{Path: "scheduled_tasks.json", What: "tasks that run by themselves", Watch: true},
				{Path: "launch.json", What: "programs to start", Watch: true},
				{Path: "daemon.json", What: "the background service", Watch: true},
				{Path: "daemon", What: "the background service"},
				{Path: "jobs", What: "what background sessions run"},
				{Path: "seed-admin", What: "the background service"},
				// Only one that cannot be written to is passed over.
				{Path: ".config.json", What: "MCP servers and trust decisions, by an old name", Watch: true, Empty: Empty{Kind: EmptyFile, ReadOnly: true}},
				{Path: "backups", What: "earlier versions of .claude.json"},
				{Path: "local", What: "the program itself"},
				{Path: "bin", What: "programs"},
				{Path: "scripts", What: "programs"},
			},
		}},

		Project: []File{
			{Path: ".mcp.json", What: "MCP servers", Watch: true},
			{Path: ".claude/settings.json", What: "settings", Watch: true},
			{Path: ".claude/settings.local.json", What: "settings", Watch: true},
			{Path: ".claude/hooks", What: "hooks", Watch: true},
			{Path: ".claude/commands", What: "commands", Watch: true},
			{Path: ".claude/agents", What: "agents", Watch: true},
			{Path: ".claude/skills", What: "skills", Watch: true},
			{Path: ".claude/plugins", What: "plugins", Watch: true},
			{Path: ".claude/workflows", What: "workflows", Watch: true},
			{Path: ".claude/output-styles", What: "output styles", Watch: true},
			{Path: ".claude/launch.json", What: "launch configuration", Watch: true},
			{Path: ".claude/scheduled_tasks.json", What: "tasks that run by themselves", Watch: true},
			{Path: ".claude/routines", What: "routines", Watch: true},
			{Path: ".claude/loop.md", What: "memory", Watch: true},
			{Path: ".claude/rules", What: "memory", Watch: true},
		},
		Follows:         []string{".claude/AGENTS.md", ".claude/CLAUDE.md", "AGENTS.md", "CLAUDE.local.md", "CLAUDE.md"},
		ProjectCommands: []string{".claude/settings.json", ".claude/settings.local.json", ".mcp.json"},
		ProjectVariable: "CLAUDE_PROJECT_DIR",
		Settings: []setting{
			{Key: "hooks", How: "commands that run at events"},
			{Key: "apiKeyHelper", How: "a command that is run for the key", Command: true},
			{Key: "awsAuthRefresh", How: "a command", Command: true},
			{Key: "awsCredentialExport", How: "a command", Command: true},
			{Key: "gcpAuthRefresh", How: "a command", Command: true},
			{Key: "fileSuggestion", How: "a command", Command: true},
			{Key: "otelHeadersHelper", How: "a command", Command: true},
			{Key: "policyHelper", How: "a command", Command: true},
			{Key: "proxyAuthHelper", How: "a command", Command: true},
			{Key: "headersHelper", Command: true}, // of an MCP server
			{Key: "processWrapper", How: "a command that starts the others", Command: true},
			{Key: "policyHelpers", How: "commands", Command: true},
			{Key: "statusLine", How: "a command that is run all the time"},
			{Key: "subagentStatusLine", How: "a command that is run all the time"},
			{Key: "env", How: "variables of claude and of all that it starts: some name programs, some send the key elsewhere"},
			{Key: "enabledPlugins", How: "plugins bring hooks and MCP servers"},
			{Key: "extraKnownMarketplaces", How: "plugins are installed from there"},
			{Key: "enableAllProjectMcpServers", How: "starts MCP servers unasked"},
			{Key: "enabledMcpjsonServers", How: "starts MCP servers unasked"},
			{Key: "permissions", How: "says which commands run unasked"},
			{Key: "sandbox", How: "says which commands run without a sandbox"},
			{Key: "defaultShell", How: "a program", Command: true},
		},

		Variables: []Variable{
			// The store and /usr are read-only: an update could only fail.
			{Name: "DISABLE_AUTOUPDATER", Value: "1"},
			{Name: "DISABLE_INSTALLATION_CHECKS", Value: "1"},
			// It refuses --dangerously-skip-permissions to uid 0 without it.
			{Name: "IS_SANDBOX", Value: "1", When: AsRoot},
			// Where what it does not need is refused, it tries again for 18
			// seconds before it starts.
			{Name: "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", Value: "1", When: Limited},
			{Name: "DISABLE_TELEMETRY", Value: "1", When: Limited},
			{Name: "DISABLE_ERROR_REPORTING", Value: "1", When: Limited},
			// It turns this off for services other than its own.
			{Name: "ENABLE_TOOL_SEARCH", Value: "true", When: Brokered},
		},
		// The API, and the login with a browser.
		Hosts: []string{"api.anthropic.com", "platform.claude.com"},
		LogIn: []string{"auth", "login"},
		Keys: []Key{
			{
				Broker: "anthropic", Variable: "ANTHROPIC_API_KEY", URL: "ANTHROPIC_BASE_URL",
				Upstream: "https://api.anthropic.com", Header: "X-Api-Key",
				Paths: slices.Clone(claudePaths),
			},
			// What "claude setup-token" prints: the login of a subscription. The
			// program uses it if there is no key.
			{
				Broker: "anthropic", Variable: "CLAUDE_CODE_OAUTH_TOKEN", URL: "ANTHROPIC_BASE_URL", ByName: true,
				Upstream: "https://api.anthropic.com", Header: "Authorization",
				// It makes no keys (/api/oauth/claude_cli/create_api_key): what came
				// back would be one that is in the jail.
				Paths: append(slices.Clone(claudePaths), "/api/oauth/profile", "/api/oauth/usage", "/api/oauth/account/settings", "/api/oauth/claude_cli/roles",
					"/api/event_logging/", "/api/eval/", "/api/directory/server-urls", "/api/claude_code_penguin_mode"),
				Tokens: &Tokens{Name: "anthropic-login", Upstream: "https://platform.claude.com", Path: "/v1/oauth/token", Revoke: "/v1/oauth/token/revoke"},
			},
		},
	}
}

// claudePaths are what Claude Code calls. An organisation's keys and members
// (/v1/organizations) are not among it.
var claudePaths = []string{
	"/v1/messages", "/v1/messages/", "/v1/models", "/v1/models/", "/v1/files", "/v1/files/",
	"/api/claude_code/", "/api/claude_cli/", "/api/hello",
}
