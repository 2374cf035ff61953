package claude

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

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
func executes(key string) string { return folder.Row().How(key) }

// seeded: a first run gets it whole.
func seeded(f agent.File) bool { return f.Seed }

func harmless(key string) bool { return slices.Contains(settingsKeys, key) }
