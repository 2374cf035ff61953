//go:build agents

package agents

import (
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// All agents but Claude Code, whose tests are in the other packages.
func init() {
	tried = slices.DeleteFunc(agent.Names(), func(name string) bool { return name == agent.Default().Name })
}

// TestWebFetch: gemini's web_fetch gets a page of a name that is allowed, where names
// have their own addresses; one that is not is named in the last lines, with what
// allows it. Its guard refuses addresses of the jail's own: then the jail is told of
// these.
func TestWebFetch(t *testing.T) {
	for name, c := range map[string]struct {
		policy, allow string
		fetched       bool
		// last is in the last lines, why what the jail is told of the name.
		last, why string
	}{
		"allowed":           {`addresses = "real"`, "docs.example:80", true, "", "allowed"},
		"not allowed":       {`addresses = "real"`, "other.example:80", false, "--allow docs.example", "refused: no rule allows it"},
		"addresses of ours": {"", "docs.example:80", false, "", `which some tools call private: [network] addresses = "real"`},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			bin := installed(t, "gemini")
			w, l := newLab(t)
			secret := "secret" + rand.Text()
			log := w.Write(filepath.Join(w.Dir, "requests"), "")
			at := l.Part(w, "models", secret, log, "http://docs.example/page")
			for _, name := range append(services, "docs.example", "other.example") {
				l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: at})
			}
			w.Env["PATH"] = bin + ":/usr/local/bin:/usr/bin:/bin"
			w.Write(filepath.Join(w.Home, ".gemini/oauth_creds.json"), strings.ReplaceAll(`{"access_token":"SECRET-a0","refresh_token":"SECRET-r0","expiry_date":1000,"scope":"x","token_type":"Bearer"}`, "SECRET", secret))
			flags := []string{"--net", "filtered", "--policy", w.Write(filepath.Join(w.Dir, "p.toml"), "version = 1\n[network]\n"+c.policy+"\n"), "--allow", c.allow}
			r := world.Finish(t, w.Command(append(append([]string{"run", "gemini"}, flags...), "--", "--skip-trust", "--yolo", "-m", "gemini-2.5-flash", "-p", "what does the page say?")...))
			if r.Status != 0 || !strings.Contains(r.Out, said) {
				t.Fatalf("%s\nrequests:\n%s\nlog: %s", r, w.Read(log), w.SessionLog())
			}
			if got := strings.Contains(w.Read(log), page); got != c.fetched || !strings.Contains(r.Err, c.last) || c.last == "" && strings.Contains(r.Err, "--allow docs.example") {
				t.Errorf("fetched: %v; %s\nlog: %s\nrequests: %s", got, r, w.SessionLog(), w.Read(log))
			}
			if r := world.Finish(t, w.Command(append(append([]string{"shell", "--agent", "gemini"}, flags...), "--", "jailed-claude-why", "docs.example:80")...)); !strings.Contains(r.Out, c.why) {
				t.Error(r)
			}
		})
	}
}

// TestAmp is as far as a turn of Amp's can be played: it talks to its own service
// alone, by a protocol of its own, and the model is behind that. The key stays
// outside, by a broker of the policy.
func TestAmp(t *testing.T) {
	bin := installed(t, "amp")
	w, l := newLab(t)
	secret := "secret" + rand.Text()
	log := w.Write(filepath.Join(w.Dir, "requests"), "")
	l.Ask(lab.Order{Name: "ampcode.com", Answers: [][]string{{lab.PublicA}}, Backend: l.Part(w, "models", secret, log)})
	w.Env["PATH"], w.Env["AMP_API_KEY"] = bin+":/usr/local/bin:/usr/bin:/bin", secret
	policy := w.Write(filepath.Join(w.Dir, "amp.toml"), "version = 1\n[[broker]]\nhost = \"ampcode.com\"\nheader = \"Authorization\"\nfrom = \"env:AMP_API_KEY\"\nenv = \"AMP_API_KEY\"\n")
	r := world.Finish(t, w.Command("run", "amp", "--policy", policy, "--net", "none", "--", "-x", "say hi"))
	if requests := w.Read(log); !strings.Contains(requests, "POST ampcode.com/api/internal Bearer "+secret) || strings.Contains(requests, "placeholder") {
		t.Errorf("%s\nrequests:\n%s", r, requests)
	}
	inside := world.Finish(t, w.Command("shell", "--agent", "amp", "--policy", policy, "--net", "none", "--", "env"))
	if strings.Contains(inside.Out, secret) || !strings.Contains(inside.Out, "AMP_API_KEY=placeholder") {
		t.Errorf("inside: %s", inside)
	}
	free(t, w.State(), secret)
}
