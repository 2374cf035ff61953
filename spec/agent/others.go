package agent

// others are the other agents, a row each. What a row says of a project is what
// the program on the host executes there, or by which it sends a key elsewhere.
// What they merely follow (AGENTS.md, skills, rules) is the agent's to write, as
// the code is.
//
// A jail gets private Folders, and never the host's. Trusted in them is what a
// review shows, Seeds what a first run has of the host's.
func others() []Agent {
	file := func(path, what string) File { return File{Path: path, What: what, Watch: true} }
	list := []Agent{
		{
			Name: "amp", Title: "Amp",
			Programs: []string{"amp"}, Package: "@sourcegraph/amp", Seen: "0.0.1790142911-g7618fb", Scripts: "@ampcode/cli",
			Folders: []Folder{
				{Path: ".config/amp", Variable: "XDG_CONFIG_HOME", Below: true, Seeds: []Seed{{Path: "AGENTS.md"}}, Trusted: trusted("settings.json", "settings.jsonc", "plugins", "skills", "AGENTS.md")},
				{Path: ".local/share/amp", Variable: "XDG_DATA_HOME", Below: true, Login: "secrets.json"},
				{Path: ".cache/amp", Variable: "XDG_CACHE_HOME", Below: true, Trusted: whole("global-plugins")},
			},
			Beside:  []string{".config/agents"},
			Hosts:   []string{"ampcode.com"},
			Follows: []string{".agents/skills", ".amp/skills", "AGENT.md", "AGENTS.md", "CLAUDE.md"},
			Project: []File{
				file(".amp/plugins", "plugins"),
				file(".amp/settings.json", "settings"),
				file(".amp/settings.jsonc", "settings"),
			},
		},
		{
			Name: "cline", Title: "Cline",
			Programs: []string{"cline"}, Package: "cline", Seen: "3.0.65", Scripts: "cline",
			Folders: []Folder{
				{Path: ".cline", Trusted: trusted("hooks", "plugins", "agents", "rules", "skills", "workflows", "data/settings/cline_mcp_settings.json")},
				{Path: "Documents/Cline", Trusted: trusted("Hooks", "Plugins", "Rules", "Workflows")},
			},
			Beside:  []string{".agents", "Cline"},
			Hosts:   []string{"api.cline.bot", "app.cline.bot"},
			Keys:    []Key{anthropicByName(), openAI()},
			Follows: []string{".agents/skills", ".cline/agents", ".cline/rules", ".cline/skills", ".cline/workflows", ".clinerules", "AGENTS.md"},
			Project: []File{
				file(".cline/hooks", "hooks"),
				file(".cline/plugins", "plugins"),
				file(".clinerules/hooks", "hooks"),
			},
		},
		{
			Name: "codex", Title: "Codex",
			Programs: []string{"codex"}, Package: "@openai/codex", Seen: "0.171.0",
			Folders: []Folder{{
				Path: ".codex", Variable: "CODEX_HOME", Login: "auth.json",
				Seeds: []Seed{
					{Path: "AGENTS.md"},
					{Path: "config.toml", Keys: []string{"model", "model_reasoning_effort", "model_reasoning_summary", "model_verbosity", "personality", "hide_agent_reasoning", "file_opener", "tui.theme"}},
				},
				Trusted: append(
					trusted("config.toml", "hooks.json", "rules", "agents", "skills", "AGENTS.md", "AGENTS.override.md", ".env", "environments.toml", "prompts", "memories"),
					// It makes the first one at each start, and fetches the others.
					whole("skills/.system", "plugins", ".tmp/plugins", ".tmp/marketplaces", ".tmp/bundled-marketplaces")...,
				),
			}},
			Hosts:  openAIHosts(),
			Keys:   codexKeys(),
			Logins: []Login{chatGPT("codex", 0, "openai")},
			Sandbox: Sandbox{
				Off: []string{"--sandbox", "danger-full-access"}, Short: "-s", Nesting: true, Bwrap: true,
				Also: []string{"--dangerously-bypass-approvals-and-sandbox", "--yolo"},
				On:   []string{"--sandbox", "-s", "--approve-for-me"},
				File: "/etc/codex/config.toml", Text: "sandbox_mode = \"danger-full-access\"\n",
			},
			// A developer message; the user's own value replaces it.
			Brief: Brief{File: "/etc/codex/config.toml", Key: "developer_instructions"},
			// A plugin's manifest in a folder above a skill gives the skill its name, and
			// nothing of it runs: plugins are those of the home.
			Follows: []string{
				".agents/.claude-plugin/plugin.json", ".agents/.codex-plugin/plugin.json", ".agents/.cursor-plugin/plugin.json", ".agents/skills",
				".claude-plugin/plugin.json", ".codex-plugin/plugin.json", ".codex/.claude-plugin/plugin.json", ".codex/.codex-plugin/plugin.json",
				".codex/.cursor-plugin/plugin.json", ".codex/agents", ".codex/skills", ".cursor-plugin/plugin.json", "AGENTS.md", "AGENTS.override.md",
			},
			Project: []File{
				file(".codex/config.toml", "settings"),
				file(".codex/hooks.json", "hooks"),
				file(".codex/rules", "rules of what runs unasked"),
				file(".agents/plugins", "plugins"),
			},
		},
		{
			Name: "continue", Title: "Continue",
			Programs: []string{"cn"}, Package: "@continuedev/cli", Seen: "1.5.47",
			Folders: []Folder{{Path: ".continue", Variable: "CONTINUE_GLOBAL_DIR", Trusted: trusted("settings.json", "config.yaml", "config.ts", "permissions.yaml", "rules", "skills", ".env")}},
			Hosts:   []string{"api.continue.dev"},
			Keys:    []Key{anthropicByName(), openAI()},
			Follows: []string{".continue/agents", ".continue/rules", ".continue/skills", "AGENT.md", "AGENTS.md", "CLAUDE.md", "CODEX.md"},
			Project: []File{
				file(".continue/settings.json", "settings"),
				file(".continue/settings.local.json", "settings"),
				file(".continue/mcpServers", "MCP servers"),
			},
		},
		{
			Name: "copilot", Title: "Copilot",
			Programs: []string{"copilot"}, Package: "@github/copilot", Seen: "1.0.102",
			// It unpacks itself into the second one.
			Folders: []Folder{{
				Path: ".copilot", Variable: "COPILOT_HOME", Login: "config.json",
				Seeds: []Seed{{Path: "copilot-instructions.md"}, {Path: "settings.json", Keys: []string{"model", "theme", "banner"}}},
				Trusted: append(
					trusted("settings.json", "mcp-config.json", "hooks", "agents", "skills", "lsp-config.json", "permissions-config.json", "providers.json", "instructions", "copilot-instructions.md"),
					whole("installed-plugins")...,
				),
			}, {Path: ".cache/copilot", Variable: "XDG_CACHE_HOME", Below: true}},
			Hosts:   []string{"github.com", "api.github.com", "api.githubcopilot.com", "api.individual.githubcopilot.com"},
			Logins:  []Login{copilotLogin()},
			Sandbox: Sandbox{On: []string{"--sandbox"}},
			Brief: Brief{
				File:     "/etc/jailed-claude/copilot/.github/instructions/jailed-claude.instructions.md",
				Variable: "COPILOT_CUSTOM_INSTRUCTIONS_DIRS", Value: "/etc/jailed-claude/copilot",
			},
			Follows: []string{".claude/rules", ".github/agents", ".github/copilot-instructions.md", ".github/instructions", ".github/skills", "AGENTS.md", "CLAUDE.md", "GEMINI.md"},
			Project: []File{
				file(".github/hooks", "hooks"),
				file(".github/copilot", "settings"),
				file(".github/lsp.json", "language servers"),
			},
		},
		{
			Name: "cursor", Title: "Cursor",
			Beside: []string{".cursor"},
			Project: []File{
				file(".cursor/mcp.json", "MCP servers"),
				file(".cursor/hooks.json", "hooks"),
			},
		},
		{
			Name: "gemini", Title: "Gemini CLI",
			Programs: []string{"gemini"}, Package: "@google/gemini-cli", Seen: "0.61.0",
			Folders: []Folder{{
				Path: ".gemini", Login: "oauth_creds.json",
				Seeds: []Seed{
					{Path: "GEMINI.md"},
					{Path: "settings.json", Keys: []string{"security.auth.selectedType", "model.name", "general.vimMode", "ui.theme", "ui.hideBanner", "ui.hideTips", "ui.hideFooter"}},
				},
				Trusted: append(
					trusted("settings.json", "extensions", "commands", "policies", "skills", "agents", "GEMINI.md", ".env", "trustedFolders.json", "trusted_hooks.json", "acknowledgments"),
					whole("bin", "tmp/bin")...,
				),
			}},
			Beside: []string{".env"},
			Hosts: []string{
				"generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com", "oauth2.googleapis.com",
				"accounts.google.com", "www.googleapis.com",
			},
			// With an address in that variable it wants another kind of login, and takes no
			// key by itself.
			Keys: []Key{{
				Broker: "gemini", Variable: "GEMINI_API_KEY", Elsewhere: "GOOGLE_GEMINI_BASE_URL",
				Upstream: "https://generativelanguage.googleapis.com", Header: "X-Goog-Api-Key",
				Paths: []string{"/v1beta/models", "/v1beta/models/", "/v1/models", "/v1/models/"},
			}},
			Logins:  []Login{geminiLogin()},
			Sandbox: Sandbox{Variable: "GEMINI_SANDBOX", Value: "false", On: []string{"--sandbox", "-s"}},
			Follows: []string{".agents/skills", ".gemini/agents", ".gemini/commands", ".gemini/skills", ".geminiignore", "GEMINI.md"},
			Project: []File{
				file(".gemini/settings.json", "settings"),
				file(".gemini/.env", "variables, which say where its key is sent"),
				file(".gemini/extensions", "extensions"),
			},
		},
		{
			Name: "opencode", Title: "opencode",
			Programs: []string{"opencode"}, Package: "opencode-ai", Seen: "1.18.33", Scripts: "opencode-ai",
			Folders: []Folder{
				{
					Path: ".config/opencode", Variable: "XDG_CONFIG_HOME", Below: true,
					Seeds: []Seed{
						{Path: "AGENTS.md"},
						{Path: "opencode.json", Keys: []string{"$schema", "model", "small_model", "theme", "username"}},
						{Path: "tui.json", Keys: []string{"$schema", "theme"}},
					},
					Trusted: append(openCode(), trusted("config.json", "AGENTS.md", ".npmrc")...),
				},
				{Path: ".local/share/opencode", Variable: "XDG_DATA_HOME", Below: true, Login: "auth.json"},
				{Path: ".local/state/opencode", Variable: "XDG_STATE_HOME", Below: true},
				{Path: ".cache/opencode", Variable: "XDG_CACHE_HOME", Below: true, Trusted: whole("bin", "skills", "packages", "node_modules")},
				// As in a project, and for all below the home.
				{Path: ".opencode", Trusted: append(openCode(), whole("bin")...)},
			},
			// The list of models, and npm for plugins of a project. The models
			// are other presets: @openai, @claude.
			Hosts: []string{"models.opencode.ai", "registry.npmjs.org"},
			Keys:  []Key{anthropicByName(), openAI()},
			Logins: []Login{
				chatGPT("opencode-openai", 1),
				{Format: "opencode-github-copilot", Folder: 1, Services: []Service{{Name: "opencode-copilot", Host: "api.githubcopilot.com"}}},
			},
			Brief: Brief{Variable: "OPENCODE_CONFIG_CONTENT", Value: `{"instructions":["/etc/jailed-claude/brief.md"]}`},
			// Not .opencode as a whole: its program writes there in the project that
			// it works on.
			Follows: []string{".agents/skills", ".opencode/agent", ".opencode/agents", ".opencode/command", ".opencode/commands", ".opencode/mode", ".opencode/modes", ".opencode/npm-shrinkwrap.json", ".opencode/package-lock.json", ".opencode/yarn.lock", ".opencode/skill", ".opencode/skills", "AGENTS.md", "CLAUDE.md", "CONTEXT.md"},
			Project: []File{
				file("opencode.json", "settings"),
				file("opencode.jsonc", "settings"),
				file(".opencode/opencode.json", "settings"),
				file(".opencode/opencode.jsonc", "settings"),
				file(".opencode/plugin", "plugins"),
				file(".opencode/plugins", "plugins"),
				file(".opencode/tool", "tools"),
				file(".opencode/tools", "tools"),
			},
		},
		{
			Name: "pi", Title: "pi",
			Programs: []string{"pi"}, Package: "@mariozechner/pi-coding-agent", Seen: "0.73.1",
			// PI_CODING_AGENT_DIR names the folder agent in it.
			Folders: []Folder{{
				Path: ".pi",
				Seeds: []Seed{
					{Path: "agent/AGENTS.md"},
					{Path: "agent/SYSTEM.md"},
					{Path: "agent/APPEND_SYSTEM.md"},
					{Path: "agent/settings.json", Keys: []string{"defaultProvider", "defaultModel", "defaultThinkingLevel", "theme", "hideThinkingBlock", "quietStartup"}},
				},
				Trusted: append(
					trusted("agent/extensions", "agent/settings.json", "agent/models.json", "agent/tools", "agent/hooks", "agent/commands", "agent/prompts", "agent/skills", "agent/SYSTEM.md", "agent/APPEND_SYSTEM.md", "agent/AGENTS.md"),
					// A key of auth.json can be a command ("!…").
					whole("agent/bin", "agent/git", "agent/npm", "agent/auth.json")...,
				),
			}},
			// It has no service of its own; of others, those that it has a key of.
			Hosts:   []string{"api.anthropic.com", "api.openai.com"},
			Keys:    []Key{anthropicByName(), openAI()},
			Follows: []string{".agents/skills", ".pi/APPEND_SYSTEM.md", ".pi/SYSTEM.md", ".pi/commands", ".pi/prompts", ".pi/settings.json.lock", ".pi/skills", ".pi/themes", "AGENTS.md", "CLAUDE.md"},
			Project: []File{
				file(".pi/extensions", "extensions"),
				file(".pi/settings.json", "settings"),
				file(".pi/tools", "tools"),
				file(".pi/hooks", "hooks"),
				file(".pi/git", "packages"),
				file(".pi/npm", "packages"),
			},
		},
		{
			Name: "qwen", Title: "Qwen Code",
			Programs: []string{"qwen"}, Package: "@qwen-code/qwen-code", Seen: "0.24.4",
			Folders: []Folder{{
				Path: ".qwen",
				Seeds: []Seed{
					{Path: "QWEN.md"},
					{Path: "settings.json", Keys: []string{"$version", "security.auth.selectedType", "model.name", "general.vimMode", "general.language", "ui.theme", "ui.hideBanner", "ui.hideTips"}},
				},
				Trusted: append(
					trusted("settings.json", "extensions", "commands", "agents", "skills", "rules", ".env", "QWEN.md", "memory.md", "output-language.md", "output-styles", "workflows", "channels", "trustedFolders.json", "mcpApprovals.json"),
					whole("bin")...,
				),
			}},
			Hosts:   []string{"chat.qwen.ai", "dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"},
			Keys:    []Key{openAI()},
			Sandbox: Sandbox{Variable: "QWEN_SANDBOX", Value: "false"},
			Follows: []string{".agentignore", ".agents/skills", ".aiignore", ".qwen/agents", ".qwen/commands", ".qwen/output-language.md", ".qwen/output-styles", ".qwen/rules", ".qwen/skills", ".qwenignore", "AGENTS.md", "QWEN.md"},
			Project: []File{
				file(".qwen/settings.json", "settings"),
				file(".qwen/.env", "variables, which say where its key is sent"),
				file(".qwen/extensions", "extensions"),
			},
		},
	}
	for i, a := range list {
		if a.Package != "" {
			list[i].Install = "npm install -g " + a.Package
			if a.Scripts != "" {
				list[i].Install = "npm install -g --allow-scripts=" + a.Scripts + " " + a.Package
			}
		}
	}
	return list
}

// trusted are files of an agent's own that its program on the host executes or
// believes.
func trusted(paths ...string) (files []File) {
	for _, p := range paths {
		files = append(files, File{Path: p, What: "what the host's executes or follows", Review: true})
	}
	return files
}

// whole are others of that kind, of which a review says only that they are there.
func whole(paths ...string) []File {
	files := trusted(paths...)
	for i := range files {
		files[i].Whole = true
	}
	return files
}

// openCode is what opencode takes from each of its folders.
func openCode() []File {
	return append(
		trusted("opencode.json", "opencode.jsonc", "plugin", "plugins", "tool", "tools", "command", "commands", "agent", "agents", "mode", "modes", "skill", "skills", "package.json"),
		whole("node_modules")...,
	)
}

// openAIHosts are the API, and what a login of ChatGPT uses.
func openAIHosts() []string { return []string{"api.openai.com", "chatgpt.com", "auth.openai.com"} }

// openAI is the key of OpenAI's API. There is no variable for the broker's
// address: some agents ignore it, and those that do not want a path in it. They
// all come to the broker by the service's own name.
func openAI() Key {
	return Key{
		Broker: "openai", Variable: "OPENAI_API_KEY", Elsewhere: "OPENAI_BASE_URL",
		Upstream: "https://api.openai.com", Header: "Authorization",
		Paths: []string{"/v1/responses", "/v1/responses/", "/v1/chat/completions", "/v1/models", "/v1/models/"},
	}
}

// codexKeys are what "codex exec" takes: it does not look at OPENAI_API_KEY.
func codexKeys() []Key {
	own, common := openAI(), openAI()
	own.Variable, common.Inside = "CODEX_API_KEY", "CODEX_API_KEY"
	// It asks there which models there are, with whatever key it has, and waits
	// three seconds three times for an answer.
	models := []Service{{Name: "chatgpt-models", Host: "chatgpt.com", Paths: []string{"/backend-api/codex/models"}, Shared: true}}
	own.Also, common.Also = models, models
	return []Key{own, common}
}

// anthropicByName is the key of Anthropic's API for agents that send it to the
// service's own name. Some take the address of a broker, and want a path in it.
func anthropicByName() Key {
	k := Claude().Keys[0]
	k.Elsewhere, k.URL = k.URL, ""
	k.Paths = []string{"/v1/messages", "/v1/messages/", "/v1/models", "/v1/models/"}
	return k
}
