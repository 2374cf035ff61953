package main

import (
	"path/filepath"

	"github.com/jailed-claude/jailed-claude/hack/bench/agents"
	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
	"github.com/jailed-claude/jailed-claude/hack/bench/web"
)

// screens and codex measure real agents.
func screens(b *bench) (*report.Table, error) { return agents.Screens(b.agents()) }
func codex(b *bench) (*report.Table, error)   { return agents.Turn(b.agents()) }

func (b *bench) agents() agents.Host {
	return agents.Host{
		Binary: b.file(ours), Agents: b.file("agents"), Claude: filepath.Join(proc.ReadLine(b.file("claude")), "bin"),
		Address: outerAddress, Home: b.file("home"), Dir: b.file("codex"), Rounds: b.third(), Command: b.command, OnPTY: b.onPTY, Say: b.say,
	}
}

// brokered measures keys that are put in on the way.
func brokered(b *bench) (*report.Table, error) {
	return web.Compare(web.Host{Name: outerName, Address: outerAddress, Binary: b.file(ours), Self: b.file("bench"), Closure: b.file("idle", "closure"), Dir: b.file("web"), Own: b.file("home"), Rounds: b.third(), Command: b.command, Say: b.say})
}
