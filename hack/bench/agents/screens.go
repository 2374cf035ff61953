package agents

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

// Screens measures how long it takes from a start to the first screen, without any
// network, each in the home or the jail that it was in before.
func Screens(h Host) (*report.Table, error) {
	t := report.Table{
		Title: "From the start of an agent to its first screen", Unit: "ms", Head: "agent", Rounds: h.Rounds,
		Columns: []string{Unjailed, Jailed}, Of: Jailed, Against: []string{Unjailed},
	}
	for _, s := range screenOf {
		bin := h.bin(s.agent)
		if s.agent == "claude" {
			bin = h.Claude
		}
		if bin == "" {
			t.Notes = append(t.Notes, s.agent+": not installed; make check-agents installs it")
			continue
		}
		h.Say("screen of %s, %d rounds", s.agent, t.Rounds)
		env := []string{"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin", "GEMINI_API_KEY=none-is-here"}
		for round := range t.Rounds + 1 {
			for _, name := range t.Columns {
				argv := []string{filepath.Join(bin, s.agent)}
				if name == Jailed {
					argv = []string{h.Binary, "run", s.agent, "--net", "none", "--env", screen.Mark}
				}
				if took, err := h.screen(argv, env, s.texts); !t.Broken(s.agent, name) && (err != nil || round > 0) {
					t.Add(s.agent, name, took, err)
				}
			}
		}
	}
	if len(t.Rows) == 0 {
		return nil, fmt.Errorf("no agent in %q", h.Agents)
	}
	return &t, nil
}

// bin is the folder with an agent's program; empty if it is not installed.
func (h Host) bin(agent string) string {
	found, _ := filepath.Glob(filepath.Join(h.Agents, agent+"-*", "bin"))
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

func (h Host) screen(argv, env, texts []string) (float64, error) {
	master, slave, err := proc.OpenPTY()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	c := h.Command(argv)
	c.Env = append(c.Env, env...)
	if err := h.OnPTY(c, slave); err != nil {
		return 0, err
	}
	return screen.First(c, master, func() error { defer slave.Close(); return c.Start() }, h.Home, 30*time.Second, texts...)
}
