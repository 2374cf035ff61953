package agent

// programs are the agents of others that a jail can run, by name: how they are
// started, and what a jail has of them. What their programs on the host trust
// in a project is in others.
//
// Folders hold no Trusted: a jail gets private ones, and never the host's.
func programs() map[string]Agent {
	return map[string]Agent{
		"amp": {
			Programs: []string{"amp"}, Package: "@sourcegraph/amp", Seen: "0.0.1790142911",
			Folders: []Folder{
				{Path: ".config/amp", Variable: "XDG_CONFIG_HOME", Below: true},
				{Path: ".local/share/amp", Variable: "XDG_DATA_HOME", Below: true, Login: "secrets.json"},
				{Path: ".cache/amp", Variable: "XDG_CACHE_HOME", Below: true},
			},
			Hosts: []string{"ampcode.com"},
		},
		"cline": {
			Programs: []string{"cline"}, Package: "cline", Seen: "3.0.65",
			Folders: []Folder{{Path: ".cline"}, {Path: "Documents/Cline"}},
			Keys:    []Key{anthropicByName(), openAI()},
		},
		"codex": {
			Programs: []string{"codex"}, Package: "@openai/codex", Seen: "0.171.0",
			Folders: []Folder{{Path: ".codex", Variable: "CODEX_HOME", Login: "auth.json"}},
			Hosts:   openAIHosts(),
			Keys:    codexKeys(),
			Logins:  []Login{chatGPT("codex", 0, "openai")},
			Sandbox: Sandbox{
				Off: []string{"--sandbox", "danger-full-access"}, Short: "-s", Nesting: true,
				Also: []string{"--dangerously-bypass-approvals-and-sandbox", "--yolo"},
			},
			// A developer message; the user's own value replaces it.
			Brief: Brief{File: "/etc/codex/config.toml", Key: "developer_instructions"},
		},
		"continue": {
			Programs: []string{"cn"}, Package: "@continuedev/cli", Seen: "1.5.47",
			Folders: []Folder{{Path: ".continue", Variable: "CONTINUE_GLOBAL_DIR"}},
			Hosts:   []string{"api.continue.dev"},
			Keys:    []Key{anthropicByName(), openAI()},
		},
		"copilot": {
			Programs: []string{"copilot"}, Package: "@github/copilot", Seen: "1.0.102",
			// It unpacks itself into the second one.
			Folders: []Folder{{Path: ".copilot", Variable: "COPILOT_HOME", Login: "config.json"}, {Path: ".cache/copilot", Variable: "XDG_CACHE_HOME", Below: true}},
			Hosts:   []string{"github.com", "api.github.com", "api.githubcopilot.com", "api.individual.githubcopilot.com"},
			Logins:  []Login{copilotLogin()},
			Brief: Brief{
				File:     "/etc/jailed-claude/copilot/.github/instructions/jailed-claude.instructions.md",
				Variable: "COPILOT_CUSTOM_INSTRUCTIONS_DIRS", Value: "/etc/jailed-claude/copilot",
			},
		},
		"gemini": {
			Programs: []string{"gemini"}, Package: "@google/gemini-cli", Seen: "0.61.0",
			Folders: []Folder{{Path: ".gemini", Login: "oauth_creds.json"}},
			Hosts: []string{
				"generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com", "oauth2.googleapis.com",
				"accounts.google.com", "www.googleapis.com",
			},
			Keys: []Key{{
				Broker: "gemini", Variable: "GEMINI_API_KEY", URL: "GOOGLE_GEMINI_BASE_URL",
				Upstream: "https://generativelanguage.googleapis.com", Header: "X-Goog-Api-Key",
				Paths: []string{"/v1beta/models", "/v1beta/models/", "/v1/models", "/v1/models/"},
			}},
			Logins: []Login{geminiLogin()},
		},
		"opencode": {
			Programs: []string{"opencode"}, Package: "opencode-ai", Seen: "1.18.33",
			Folders: []Folder{
				{Path: ".config/opencode", Variable: "XDG_CONFIG_HOME", Below: true},
				{Path: ".local/share/opencode", Variable: "XDG_DATA_HOME", Below: true, Login: "auth.json"},
				{Path: ".local/state/opencode", Variable: "XDG_STATE_HOME", Below: true},
				{Path: ".cache/opencode", Variable: "XDG_CACHE_HOME", Below: true},
				{Path: ".opencode"},
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
		},
		"pi": {
			Programs: []string{"pi"}, Package: "@mariozechner/pi-coding-agent", Seen: "0.73.1",
			// PI_CODING_AGENT_DIR names the folder agent in it.
			Folders: []Folder{{Path: ".pi"}},
			Keys:    []Key{anthropicByName(), openAI()},
		},
		"qwen": {
			Programs: []string{"qwen"}, Package: "@qwen-code/qwen-code", Seen: "0.24.4",
			Folders: []Folder{{Path: ".qwen"}},
			Keys:    []Key{openAI()},
		},
	}
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
