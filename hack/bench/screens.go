package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
	"github.com/jailed-claude/jailed-claude/hack/bench/screen"
)

// screenOf are texts of the first screens of real agents, when they can be typed to
// or ask something.
var screenOf = []struct {
	agent string
	texts []string
}{
	{"codex", []string{"Sign in with ChatGPT", "Ask Codex to do anything", "Do you trust"}},
	{"gemini", []string{"Authenticated with"}},
	{"opencode", []string{"Ask anything"}},
	{"claude", []string{"Welcome to Claude Code"}},
}

// screens measures how long it takes from a start to the first screen, without any
// network, each in the home or the jail that it was in before.
func screens(b *bench) (*report.Table, error) {
	t := report.Table{
		Title: "From the start of an agent to its first screen", Unit: "ms", Head: "agent", Rounds: b.third(),
		Columns: []string{unjailed, ours}, Of: ours, Against: []string{unjailed},
	}
	for _, s := range screenOf {
		bin, _ := filepath.Glob(b.file("agents", s.agent+"-*", "bin"))
		if s.agent == "claude" {
			bin = []string{filepath.Join(proc.ReadLine(b.file("claude")), "bin")}
		}
		if len(bin) == 0 {
			t.Notes = append(t.Notes, s.agent+": not installed; make check-agents installs it")
			continue
		}
		b.say("screen of %s, %d rounds", s.agent, t.Rounds)
		env := []string{"PATH=" + bin[0] + ":/usr/local/bin:/usr/bin:/bin", "GEMINI_API_KEY=none-is-here"}
		for round := range t.Rounds + 1 {
			for _, name := range t.Columns {
				argv := []string{filepath.Join(bin[0], s.agent)}
				if name == ours {
					argv = []string{b.file(ours), "run", s.agent, "--net", "none", "--env", screen.Mark}
				}
				if took, err := b.screen(argv, env, s.texts); !t.Broken(s.agent, name) && (err != nil || round > 0) {
					t.Add(s.agent, name, took, err)
				}
			}
		}
	}
	if len(t.Rows) == 0 {
		return nil, fmt.Errorf("no agent in %q", b.file("agents"))
	}
	return &t, nil
}

func (b *bench) screen(argv, env, texts []string) (float64, error) {
	master, slave, err := proc.OpenPTY()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	c := b.command(argv)
	c.Env = append(c.Env, env...)
	if err := b.onPTY(c, slave); err != nil {
		return 0, err
	}
	return screen.First(c, master, func() error { defer slave.Close(); return c.Start() }, b.file("home"), 30*time.Second, texts...)
}
