package agent

// others are agents of which it is only said what their programs on the host
// execute in a project, or by which they send a key elsewhere. What they merely
// follow (AGENTS.md, skills, rules) is the agent's to write, as the code is.
func others() []Agent {
	file := func(path, what string) File { return File{Path: path, What: what, Watch: true} }
	return []Agent{
		{Name: "amp", Title: "Amp", Project: []File{
			file(".amp/plugins", "plugins"),
			file(".amp/settings.json", "settings"),
			file(".amp/settings.jsonc", "settings"),
		}},
		{Name: "cline", Title: "Cline", Project: []File{
			file(".cline/hooks", "hooks"),
			file(".cline/plugins", "plugins"),
			file(".clinerules/hooks", "hooks"),
		}},
		{Name: "codex", Title: "Codex", Project: []File{
			file(".codex/config.toml", "settings"),
			file(".codex/hooks.json", "hooks"),
			file(".codex/rules", "rules of what runs unasked"),
			file(".agents/plugins", "plugins"),
		}},
		{Name: "continue", Title: "Continue", Project: []File{
			file(".continue/settings.json", "settings"),
			file(".continue/settings.local.json", "settings"),
			file(".continue/mcpServers", "MCP servers"),
		}},
		{Name: "copilot", Title: "Copilot", Project: []File{
			file(".github/hooks", "hooks"),
			file(".github/copilot", "settings"),
			file(".github/lsp.json", "language servers"),
		}},
		{Name: "cursor", Title: "Cursor", Project: []File{
			file(".cursor/mcp.json", "MCP servers"),
			file(".cursor/hooks.json", "hooks"),
		}},
		{Name: "gemini", Title: "Gemini CLI", Project: []File{
			file(".gemini/settings.json", "settings"),
			file(".gemini/.env", "variables, which say where its key is sent"),
			file(".gemini/extensions", "extensions"),
		}},
		// Not .opencode as a whole: its program writes there in the project that
		// it works on.
		{Name: "opencode", Title: "opencode", Project: []File{
			file("opencode.json", "settings"),
			file("opencode.jsonc", "settings"),
			file(".opencode/opencode.json", "settings"),
			file(".opencode/opencode.jsonc", "settings"),
			file(".opencode/plugin", "plugins"),
			file(".opencode/plugins", "plugins"),
			file(".opencode/tool", "tools"),
			file(".opencode/tools", "tools"),
		}},
		{Name: "pi", Title: "pi", Project: []File{
			file(".pi/extensions", "extensions"),
			file(".pi/settings.json", "settings"),
			file(".pi/tools", "tools"),
			file(".pi/hooks", "hooks"),
			file(".pi/git", "packages"),
			file(".pi/npm", "packages"),
		}},
		{Name: "qwen", Title: "Qwen Code", Project: []File{
			file(".qwen/settings.json", "settings"),
			file(".qwen/.env", "variables, which say where its key is sent"),
			file(".qwen/extensions", "extensions"),
		}},
	}
}
