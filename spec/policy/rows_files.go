package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
	"github.com/jailed-claude/jailed-claude/spec/toolchain/home"
)

// filesRows are the keys of [files].
func filesRows() []row {
	return []row{
		{
			Key: Key{
				Name: "files.project", Type: key.String, Values: []string{ProjectRW, ProjectOverlay, ProjectRO}, Default: ProjectRW,
				Text: "Whether the agent may change the project: the real files, a layer over them that you review, or nothing.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ProjectRO, ProjectOverlay, ProjectRW},
				Wider: "the project can be changed", Narrower: "less of the project can be changed, or nothing",
			},
			layer:  func(l *Layer) any { return &l.Files.Project },
			policy: func(p *Policy) any { return &p.Files.Project },
		},
		{
			Key: Key{
				Name: "files.read", Type: key.Strings,
				Text: "Host files and folders that the agent may read.",
			},
			check:  scalar.Grant,
			change: change.Meaning{Direction: change.Grants, Wider: "the jail reads it on the host", Narrower: "the jail does not see it"},
			layer:  func(l *Layer) any { return &l.Files.Read },
			policy: func(p *Policy) any { return &p.Files.Read },
		},
		{
			Key: Key{
				Name: "files.write", Type: key.Strings,
				Text: "Host files and folders that the agent may read and change.",
			},
			check: scalar.Grant,
			change: change.Meaning{
				Direction: change.Grants, Wider: "the jail changes it on the host, where your own tools may use it",
				Narrower: "the jail does not change it",
			},
			layer:  func(l *Layer) any { return &l.Files.Write },
			policy: func(p *Policy) any { return &p.Files.Write },
		},
		{
			Key: Key{
				Name: "files.hide", Type: key.Strings,
				Text: "Patterns of project files that the agent cannot read, list or replace.",
			},
			check:  scalar.Pattern,
			change: change.Meaning{Direction: change.Bars, Wider: "the jail sees it", Narrower: "the jail does not see it"},
			layer:  func(l *Layer) any { return &l.Files.Hide },
			policy: func(p *Policy) any { return &p.Files.Hide },
		},
		{
			Key: Key{
				Name: "files.protect", Type: key.Strings,
				Text: "Patterns of project files that are read-only, on top of the built-in list.",
			},
			check:  scalar.Pattern,
			change: change.Meaning{Direction: change.Bars, Wider: "the jail can change it", Narrower: "the jail cannot change it"},
			layer:  func(l *Layer) any { return &l.Files.Protect },
			policy: func(p *Policy) any { return &p.Files.Protect },
		},
		{
			Key: Key{
				Name: "files.toolchains", Type: key.Strings,
				Text: "Toolchains of your home, by name (`nvm`, `rustup`, …), read-only and on PATH; `auto` is those that the project uses, `none` keeps the offer away.",
			},
			check: home.Check,
			change: change.Meaning{
				Direction: change.Grants, Wider: "programs in your home are readable, and first on PATH", Narrower: "the jail does not see it",
				Ordered: "another program of the same name comes first on PATH",
			},
			layer:  func(l *Layer) any { return &l.Files.Toolchains },
			policy: func(p *Policy) any { return &p.Files.Toolchains },
		},
		{
			Key: Key{
				Name: "files.cache", Type: key.String, Values: []string{CachePrivate, CacheOff}, Default: CachePrivate,
				Text: "Whether what package managers fetch is kept, for the jails of this project alone.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{CacheOff, CachePrivate},
				Wider: "what a jail fetched or built is used by the next one of this project", Narrower: "each jail begins with empty caches",
			},
			layer:  func(l *Layer) any { return &l.Files.Cache },
			policy: func(p *Policy) any { return &p.Files.Cache },
		},
		{
			Key: Key{
				Name: "files.unprotect", Type: key.Strings,
				Text: "Paths of projects that are not protected, although the host executes or trusts them.",
			},
			own:   true,
			check: scalar.Grant,
			change: change.Meaning{
				Direction: change.Grants, Wider: "the jail changes what the host executes or trusts", Narrower: "the jail cannot change it",
			},
			layer:  func(l *Layer) any { return &l.Files.Unprotect },
			policy: func(p *Policy) any { return &p.Files.Unprotect },
		},
	}
}
