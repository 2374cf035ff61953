//go:build agents

package agents

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestTimes prints how long a whole turn of codex's built-in provider takes, on the
// host with the key and in a jail through the broker, alternated. It judges nothing:
// figures are for a machine that does nothing else.
func TestTimes(t *testing.T) {
	if os.Getenv("JAIL_TEST_TIMES") == "" {
		t.Skip("JAIL_TEST_TIMES=1 prints times")
	}
	w, l := newLab(t)
	secret := "secret" + rand.Text()
	log := w.Write(filepath.Join(w.Dir, "requests"), "")
	at := l.Part(w, "models", secret, log)
	for _, name := range services {
		l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: at})
	}
	bin := installed(t, "codex")
	w.Env["PATH"], w.Env["OPENAI_API_KEY"], w.Env["CODEX_API_KEY"] = bin+":/usr/local/bin:/usr/bin:/bin", secret, secret
	args := []string{"exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", "gpt-5.4", "say hi"}
	took := map[string][]float64{}
	for round := range 12 {
		for name, command := range map[string]func() *exec.Cmd{
			"direct": func() *exec.Cmd {
				c := exec.Command(filepath.Join(bin, "codex"), args...)
				c.Dir, c.Env = w.Project, w.Environ()
				l.Enter(c)
				return c
			},
			"jailed": func() *exec.Cmd {
				return w.Command(append([]string{"run", "codex", "--net", "none", "--"}, args...)...)
			},
		} {
			c := command()
			began := time.Now()
			r := world.Finish(t, c)
			if r.Status != 0 || !strings.Contains(r.Out, said) {
				t.Fatalf("%s: %s\nrequests:\n%s", name, r, w.Read(log))
			}
			if round > 0 {
				took[name] = append(took[name], time.Since(began).Seconds())
			}
		}
	}
	for name, all := range took {
		slices.Sort(all)
		t.Logf("%s: median %.3f s of %.3f", name, all[len(all)/2], all)
	}
}
