package agents

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/report"
	"github.com/jailed-claude/jailed-claude/hack/bench/web"
)

// TurnRow is the row of Turn.
const TurnRow = "a turn of codex with one tool call"

// key is what the service wants; in a jail it is the broker that has it.
const key = "sk-key-of-the-scripted-service"

// turn are the arguments: the provider is the built-in one.
var turn = []string{"exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", "gpt-5.4", "look around"}

// Turn measures a whole turn of Codex with its built-in provider, from its start to
// its end: with the key, and in a jail without a network but a broker that has the
// key. The service is played, under its own names.
func Turn(h Host) (*report.Table, error) {
	t := report.Table{
		Title: "A turn of Codex with its built-in provider", Unit: "ms", Rounds: h.Rounds,
		Columns: []string{Unjailed, Jailed}, Of: Jailed, Against: []string{Unjailed},
	}
	bin := h.bin("codex")
	if bin == "" {
		for _, name := range t.Columns {
			t.Add(TurnRow, name, 0, errors.New("codex is not installed; make check-agents installs it"))
		}
		return &t, nil
	}
	if err := os.MkdirAll(h.Dir, 0o755); err != nil { // for all to read
		return nil, err
	}
	ca := filepath.Join(h.Dir, "ca.pem")
	stop, err := web.Serve(h.Address, []string{"api.openai.com", "chatgpt.com"}, ca, openAI(key))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stop() }()
	// Beside the system's, which a jail has, too: a program reads them all.
	all := filepath.Join(h.Dir, "all.pem")
	if err := with(all, ca, "/etc/ssl/certs/ca-certificates.crt"); err != nil {
		return nil, err
	}
	env := []string{"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE=" + all, "CODEX_API_KEY=" + key}
	h.Say("turn of codex, %d rounds", h.Rounds)
	order := slices.Clone(t.Columns)
	for round := range h.Rounds + 1 {
		for _, name := range order {
			argv := append([]string{filepath.Join(bin, "codex")}, turn...)
			if name == Jailed {
				argv = append([]string{h.Binary, "run", "codex", "--net", "none", "--"}, turn...)
			}
			if took, err := h.timed(argv, env); !t.Broken(TurnRow, name) && (err != nil || round > 0) {
				t.Add(TurnRow, name, took, err)
			}
		}
		slices.Reverse(order)
	}
	return &t, nil
}

// with writes what is in some files to one.
func with(file string, parts ...string) error {
	var text []byte
	for _, p := range parts {
		part, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		text = append(text, part...)
	}
	return os.WriteFile(file, text, 0o644) //nolint:gosec // for all to read
}

// timed runs a turn to its end. One that does not end with what the model says at
// last is none.
func (h Host) timed(argv, env []string) (float64, error) {
	c := h.Command(argv)
	c.Env = append(c.Env, env...)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	stall := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer stall.Stop()
	began := time.Now()
	err := c.Run()
	took := report.Millis(time.Since(began))
	if err == nil && !strings.Contains(out.String(), last) {
		err = errors.New("no whole turn")
	}
	if err != nil {
		text := bytes.TrimSpace(said.Bytes())
		err = fmt.Errorf("%w: %s", err, text[bytes.LastIndexByte(text, '\n')+1:])
	}
	return took, err
}
