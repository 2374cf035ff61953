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

// executes says how the host's claude starts programs, or lets others do so
// unasked, by a key of settings.json; empty if it does not.
func executes(key string) string {
	switch key {
	case "hooks":
		return "commands that run at events"
	case "apiKeyHelper":
		return "a command that is run for the key"
	case "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "fileSuggestion", "otelHeadersHelper", "policyHelper", "proxyAuthHelper":
		return "a command"
	case "processWrapper":
		return "a command that starts the others"
	case "policyHelpers":
		return "commands"
	case "statusLine", "subagentStatusLine":
		return "a command that is run all the time"
	case "env":
		return "variables of claude and of all that it starts: some name programs, some send the key elsewhere"
	case "enabledPlugins":
		return "plugins bring hooks and MCP servers"
	case "extraKnownMarketplaces":
		return "plugins are installed from there"
	case "enableAllProjectMcpServers", "enabledMcpjsonServers":
		return "starts MCP servers unasked"
	case "permissions":
		return "says which commands run unasked"
	case "sandbox":
		return "says which commands run without a sandbox"
	case "defaultShell":
		return "a program"
	}
	return ""
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
