package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/outside"
	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

const (
	unjailed = "unjailed"
	turnRow  = "a turn with one tool call"
)

// placeholder is a key that is worth nothing.
const placeholder = "sk-ant-api03-placeholder-0123456789abcdefghij"

// turn measures the real agent, from its start to its end: with `-p`, an API
// that answers from a script, and one call of its Bash tool.
func turn(b *bench) (*report.Table, error) {
	t := report.Table{
		Title: "The agent, from its start to its end", Unit: "ms", Head: "", Rounds: b.rounds,
		Columns: []string{unjailed, ours}, Of: ours, Against: []string{unjailed},
	}
	agent := proc.ReadLine(b.file("claude"))
	closure := b.file("37", "closure")
	url, stop, err := b.fakeAPI()
	if err != nil {
		return nil, err
	}
	defer stop()
	// Unjailed it has the same programs on PATH.
	var path []string
	for _, p := range proc.ReadLines(closure) {
		if exists(filepath.Join(p, "bin")) == nil {
			path = append(path, filepath.Join(p, "bin"))
		}
	}
	env := []string{
		"ANTHROPIC_BASE_URL=" + url, "ANTHROPIC_API_KEY=" + placeholder, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_TELEMETRY=1",
		"DISABLE_ERROR_REPORTING=1", "DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_MAX_RETRIES=1",
	}
	flags := []string{b.file(ours), "run", "--closure", closure, "--package", agent, "--allow", outerRule}
	for _, e := range env {
		flags = append(flags, "--env", e)
	}
	free := append(env, "CLAUDE_CONFIG_DIR="+b.file("home", "unjailed"), "PATH="+strings.Join(path, ":"))
	for _, what := range []struct {
		row  string
		args []string
	}{
		{turnRow, []string{"-p", "look around", "--output-format", "json", "--dangerously-skip-permissions"}},
		{"--version", []string{"--version"}},
	} {
		b.say("agent, %s, %d rounds", what.row, b.rounds)
		b.sideBySide(&t, what.row, b.rounds, []candidate{
			{unjailed, func() ([]string, error) {
				return append([]string{filepath.Join(agent, "bin", "claude")}, what.args...), nil
			}, free},
			{ours, func() ([]string, error) {
				return append(append(slices.Clip(flags), "--"), what.args...), nil
			}, nil},
		})
	}
	return &t, nil
}

// fakeAPI starts the scripted API, which listens on loopback, and leads the
// server that looks public to it.
func (b *bench) fakeAPI() (url string, stop func(), err error) {
	script, err := json.Marshal([]any{
		map[string]any{"text": "Let me look.", "tools": []any{
			map[string]any{"name": "Bash", "input": map[string]any{"description": "Look", "command": "git status --short; ls -la; git log -1"}},
		}},
		map[string]any{"text": "Done."},
	})
	if err != nil {
		return "", nil, err
	}
	address := b.file("run", "fakeapi.address")
	_ = os.Remove(address)
	if err := os.WriteFile(b.file("turns.json"), script, 0o644); err != nil { //nolint:gosec // read by another user
		return "", nil, err
	}
	c := exec.Command(b.file("fakeapi"), "-script", b.file("turns.json"), "-addrfile", address, "-log", "/dev/null")
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	kill := func() { _ = c.Process.Kill(); _ = c.Wait() }
	for began := time.Now(); exists(address) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			kill()
			return "", nil, fmt.Errorf("%s does not listen", c.Path)
		}
	}
	l, err := net.Listen("tcp", outerAddress+":0")
	if err != nil {
		kill()
		return "", nil, err
	}
	go outside.Forward(l, proc.ReadLine(address))
	stop = func() { _ = l.Close(); kill() }
	return fmt.Sprintf("http://%s:%d", outerName, l.Addr().(*net.TCPAddr).Port), stop, nil
}
