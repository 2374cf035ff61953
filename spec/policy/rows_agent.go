package policy

import (
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// agentRows are the keys of [agent].
func agentRows() []row {
	return []row{
		{
			Key: Key{
				Name: nameKey, Type: key.String,
				Text: "Which agent it is: whose folders, keys and variables the jail has: `" + strings.Join(agent.Names(), "`, `") + "` or one of `agent.define`. `agent.package` decides if it is left out.",
			},
			change: change.Meaning{Direction: change.Always, Wider: "another agent, with the folders, keys and hosts of that one"},
			layer:  func(l *Layer) any { return &l.Agent.Name },
			policy: func(p *Policy) any { return &p.Agent.Name },
		},
		{
			Key: Key{
				Name: "agent.package", Type: key.String,
				Text: "The agent: a store path, a Nix installable, a program's path, or `host` for the one on PATH.",
			},
			check:  scalar.Installable,
			change: change.Meaning{Direction: change.Always, Wider: "another program is the agent"},
			layer:  func(l *Layer) any { return &l.Agent.Package },
			policy: func(p *Policy) any { return &p.Agent.Package },
		},
		{
			Key: Key{
				Name: "agent.packages", Type: key.Strings,
				Text: "More tools on PATH: store paths or Nix installables.",
			},
			check: scalar.Package,
			change: change.Meaning{
				Direction: change.Grants, Wider: "more programs on PATH, which the policy chose", Narrower: "fewer programs on PATH",
				Ordered: "another program of the same name comes first on PATH",
			},
			layer:  func(l *Layer) any { return &l.Agent.Packages },
			policy: func(p *Policy) any { return &p.Agent.Packages },
		},
		{
			Key: Key{
				Name: "agent.config", Type: key.String, Values: []string{ConfigPrivate, ConfigShared}, Default: ConfigPrivate,
				Text: "Whose Claude configuration the agent uses: one of the jail's own, or the host's.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ConfigPrivate, ConfigShared},
				Wider: "your own Claude configuration, with its history and credentials", Narrower: "a Claude configuration of the jail's own",
			},
			layer:  func(l *Layer) any { return &l.Agent.Config },
			policy: func(p *Policy) any { return &p.Agent.Config },
		},
		{
			Key: Key{
				Name: "agent.bring", Type: key.Strings,
				Text: "What of your own Claude configuration a private one has too: `skills`, `commands/review.md`, `mcp:NAME`, `settings:hooks`.",
			},
			check:  scalar.Piece,
			change: change.Meaning{Direction: change.Grants, Wider: "the agent reads, follows or executes it in the jail", Narrower: "the jail does not see it"},
			layer:  func(l *Layer) any { return &l.Agent.Bring },
			policy: func(p *Policy) any { return &p.Agent.Bring },
		},
		{
			Key: Key{
				Name: "agent.key", Type: key.String, Values: []string{KeyAuto, KeyNone}, Default: KeyAuto,
				Text: "Whether the agent uses the key in your ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, which stays outside of the jail.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{KeyNone, KeyAuto},
				Wider: "the jail uses your Anthropic API key, without seeing it", Narrower: "the jail has no use of your Anthropic API key",
			},
			layer:  func(l *Layer) any { return &l.Agent.Key },
			policy: func(p *Policy) any { return &p.Agent.Key },
		},
		{
			Key: Key{
				Name: "agent.separate-worktrees", Type: key.Boolean, Default: "false",
				Text: "Whether a linked git worktree has a private configuration of its own, not that of its repository.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{"true", "false"},
				Wider: "a worktree uses the private configuration of its repository", Narrower: "a worktree has a private configuration of its own",
			},
			layer:  func(l *Layer) any { return &l.Agent.SeparateWorktrees },
			policy: func(p *Policy) any { return &p.Agent.SeparateWorktrees },
		},
		{
			Key: Key{
				Name: "agent.no-brief", Type: key.Boolean, Default: "false",
				Text: "Whether the agent is not told, in its context, what its jail is and how to ask for more.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{"false", "true"},
				Wider: "the agent is not told that it is in a jail", Narrower: "the agent is told that it is in a jail",
			},
			layer:  func(l *Layer) any { return &l.Agent.NoBrief },
			policy: func(p *Policy) any { return &p.Agent.NoBrief },
		},
		{
			Key: Key{
				Name: define.Section, Type: key.Rows, Fields: define.Keys(),
				Text: "Agents of your own, one `[[agent.define]]` for each. For your own policy alone.",
			},
			own:    true,
			change: change.Meaning{Direction: change.Grants, Wider: "an agent with these folders, variables, hosts and keys", Narrower: "there is no such agent"},
			layer:  func(l *Layer) any { return &l.Agent.Define },
			policy: func(p *Policy) any { return &p.Agent.Define },
		},
	}
}
