package claude

import "slices"

// globalKeys are the keys of .claude.json that a first run gets: appearance
// and habits. Not among them: anything that names a program, a server or an
// account, and every consent (bypassPermissionsModeAccepted, …) but trust in
// the project at hand.
var globalKeys = []string{
	"theme", "editorMode", "verbose", "preferredNotifChannel",
	"hasCompletedOnboarding", "lastOnboardingVersion",
	"autoCompactEnabled", "autoScrollEnabled", "showTurnDuration", "showMessageTimestamps",
	"messageIdleNotifThresholdMs", "diffTool", "todoFeatureEnabled", "showExpandedTodos", "briefTranscript",
	"fileCheckpointingEnabled", "terminalProgressBarEnabled", "showStatusInTerminalTab", "respectGitignore",
	"copyFullResponse", "copyOnSelect", "shiftEnterKeyBindingInstalled", "optionAsMetaKeyInstalled",
	"hasUsedBackslashReturn", "hasSeenTasksHint", "hasUsedStash",
}

// settingsKeys are the keys of settings.json that a first run gets, and that
// need no second look when they come back: each is a plain value that Claude
// Code neither executes nor sends anywhere. permissions is apart, see
// seedSettings.
var settingsKeys = []string{
	"$schema", "theme", "editorMode", "verbose", "preferredNotifChannel",
	"autoCompactEnabled", "autoScrollEnabled", "fileCheckpointingEnabled", "showTurnDuration",
	"showMessageTimestamps", "terminalProgressBarEnabled", "todoFeatureEnabled",
	"model", "outputStyle", "language", "effortLevel", "alwaysThinkingEnabled", "showThinkingSummaries",
	"cleanupPeriodDays", "includeCoAuthoredBy", "includeGitInstructions", "respectGitignore",
	"spinnerTipsEnabled", "prefersReducedMotion", "syntaxHighlightingDisabled", "copyOnSelect", "autoMemoryEnabled",
}

// narrowing are the parts of settings.json's permissions that only take away.
var narrowing = []string{"deny", "ask"}

// executing are the keys of settings.json by which the host's claude starts
// programs or lets others do so unasked, with the reason.
var executing = map[string]string{
	"hooks":                      "commands that run at events",
	"apiKeyHelper":               "a command that is run for the key",
	"awsAuthRefresh":             "a command",
	"awsCredentialExport":        "a command",
	"gcpAuthRefresh":             "a command",
	"fileSuggestion":             "a command",
	"otelHeadersHelper":          "a command",
	"processWrapper":             "a command that starts the others",
	"policyHelper":               "a command",
	"policyHelpers":              "commands",
	"proxyAuthHelper":            "a command",
	"statusLine":                 "a command that is run all the time",
	"subagentStatusLine":         "a command that is run all the time",
	"env":                        "variables of claude and of all that it starts: some name programs, some send the key elsewhere",
	"enabledPlugins":             "plugins bring hooks and MCP servers",
	"extraKnownMarketplaces":     "plugins are installed from there",
	"enableAllProjectMcpServers": "starts MCP servers unasked",
	"enabledMcpjsonServers":      "starts MCP servers unasked",
	"permissions":                "says which commands run unasked",
	"sandbox":                    "says which commands run without a sandbox",
	"defaultShell":               "a program",
}

// memory are the files and folders that a first run gets whole: what instructs
// the agent and is not executed.
var (
	memoryFiles   = []string{"CLAUDE.md", "keybindings.json"}
	memoryFolders = []string{"rules", "output-styles", "themes"}
)

// Pieces of a configuration that a review looks at. Everything else in the
// folder is state: transcripts, todos, caches, sessions, the login.
var (
	pieceFiles   = []string{settingsJSON, globalJSON, "CLAUDE.md", "keybindings.json", "loop.md"}
	pieceFolders = []string{
		"rules", "output-styles", "themes", "commands", "agents", "skills", "hooks", "plugins", "workflows", "routines",
	}
)

// Names in Claude Code's configuration folder.
const (
	settingsJSON = "settings.json"
	globalJSON   = ".claude.json"
	legacyJSON   = ".config.json" // what .claude.json was once; still read
	loginJSON    = ".credentials.json"
)

func harmless(key string) bool { return slices.Contains(settingsKeys, key) }
