//go:build agents

package agents

import (
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestKeyOnScreen: who has a key in the environment and nothing else signs in on
// codex's screen by what it proposes, as outside, and has turns by that; the key is
// nowhere in the jail.
func TestKeyOnScreen(t *testing.T) {
	w, l := newLab(t)
	secret := "secret" + rand.Text()
	log := w.Write(filepath.Join(w.Dir, "requests"), "")
	at := l.Part(w, "models", secret, log)
	for _, name := range services {
		l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: at})
	}
	w.Env["PATH"], w.Env["OPENAI_API_KEY"] = installed(t, "codex")+":/usr/local/bin:/usr/bin:/bin", secret+"-a0"
	s := w.Screen()
	s.Line("clear; " + world.CommandLine([]string{world.RequireVariable(t, "BIN"), "run", "codex", "--net", "none"}))
	s.Wait("Sign in another way")
	s.Keys("3")
	s.Wait("Use an OpenAI API key")
	s.Keys("Enter")
	s.Wait("Detected OPENAI_API_KEY")
	time.Sleep(2 * time.Second) // it takes keys in quick succession for something that is pasted
	s.Keys("Enter")
	s.Wait("Ask Codex")
	s.Tmux("respawn-pane", "-k", "sleep 1000") // its terminal goes
	r := world.Finish(t, w.Command("run", "codex", "--net", "none", "--", "exec", "--skip-git-repo-check", "-m", "gpt-5.4", "say hi"))
	if r.Status != 0 || !strings.Contains(r.Out, said) || !strings.Contains(w.Read(log), "Bearer "+secret+"-a0") {
		t.Errorf("%s\nrequests:\n%s", r, w.Read(log))
	}
	if text := w.Read(filepath.Join(w.State(), "codex/.codex/auth.json")); !strings.Contains(text, "placeholder-for-the-openai-key") {
		t.Errorf("it keeps %s", text)
	}
	free(t, w.State(), secret)
}
