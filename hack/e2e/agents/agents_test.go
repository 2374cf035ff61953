package agents

import (
	"cmp"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

func TestMain(m *testing.M) {
	os.Exit(world.Main(m, map[string]func(args []string) int{"models": models}))
}

// limit is for one turn of a real agent: opencode alone starts for 8 seconds where
// nothing else runs.
const limit = 10 * time.Minute

// newLab is a world for real agents, with their services.
func newLab(t *testing.T) (*world.World, *world.Lab) {
	t.Helper()
	w, l := world.NewLab(t)
	w.Limit = limit
	return w, l
}

// tried are the agents of this run: codex, which hack/test.sh unpacks, and with the
// build tag "agents" all (others_test.go).
var tried = []string{"codex"}

// services are the names that the lab answers for.
var services = []string{
	"api.openai.com", "chatgpt.com", "auth.openai.com", "cloudcode-pa.googleapis.com", "oauth2.googleapis.com", "www.googleapis.com",
	"api.anthropic.com", "generativelanguage.googleapis.com", "api.github.com", "api.individual.githubcopilot.com", "api.githubcopilot.com",
}

// turns are whole turns. SECRET stands for what every token begins with; that of
// the host's file is the number 0, and has run out where there is a later one.
var turns = []struct {
	name, agent string
	// file and text are the login on the host, key a variable with a key.
	file, text, key string
	// config is a file "agent.config" of the project.
	config string
	args   []string
	env    []string
	// asked is the request that is the turn, with token.
	asked, token string
}{
	// Own sandboxes are off: codex has one by default, and qwen is asked for its own,
	// which wants another container. The default model runs commands by code of its own, and the service of a
	// login gets requests in zstd.
	{
		name: "codex-login", agent: "codex", file: ".codex/auth.json",
		text: `{"tokens":{"id_token":"e30.e30.e30","access_token":"SECRET-a0","refresh_token":"SECRET-r0","account_id":"acc"},"last_refresh":"2026-01-01T00:00:00Z"}`,
		args: []string{"exec", "-c", "features.enable_request_compression=false", "--skip-git-repo-check", "-m", "gpt-5.4", "say hi"}, asked: "POST chatgpt.com/backend-api/codex/responses", token: "Bearer SECRET-a1",
	},
	{name: "codex-key", agent: "codex", key: "OPENAI_API_KEY", args: []string{"exec", "--skip-git-repo-check", "-m", "gpt-5.4", "say hi"}, asked: "POST api.openai.com/v1/responses", token: "Bearer SECRET-a0"},
	{
		name: "gemini-login", agent: "gemini", file: ".gemini/oauth_creds.json",
		text: `{"access_token":"SECRET-a0","refresh_token":"SECRET-r0","expiry_date":1000,"scope":"x","token_type":"Bearer"}`,
		args: []string{"--skip-trust", "--yolo", "-m", "gemini-2.5-flash", "-p", "say hi"}, asked: "POST cloudcode-pa.googleapis.com/v1internal:streamGenerateContent", token: "Bearer SECRET-a1",
	},
	{
		name: "gemini-key", agent: "gemini", key: "GEMINI_API_KEY", args: []string{"--skip-trust", "--yolo", "-m", "gemini-2.5-flash", "-p", "say hi"},
		asked: "POST generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent", token: "SECRET-a0",
	},
	{
		name: "copilot-login", agent: "copilot", file: ".copilot/config.json", text: "// a comment\n" + `{"copilotTokens":{"https://github.com:ada":"SECRET-a0"}}`,
		args: []string{"-p", "say hi", "--allow-all-tools", "--model", "gpt-5.4"}, asked: "POST api.individual.githubcopilot.com/chat/completions", token: "Bearer SECRET-a0",
	},
	{
		name: "opencode-openai", agent: "opencode", file: ".local/share/opencode/auth.json", env: []string{"OPENCODE_DISABLE_MODELS_FETCH=1"},
		text: `{"openai":{"type":"oauth","access":"SECRET-a0","refresh":"SECRET-r0","expires":1000,"accountId":"acc"}}`,
		args: []string{"run", "-m", "openai/gpt-5.4", "say hi"}, asked: "POST chatgpt.com/backend-api/codex/responses", token: "Bearer SECRET-a1",
	},
	{
		name: "opencode-copilot", agent: "opencode", file: ".local/share/opencode/auth.json", env: []string{"OPENCODE_DISABLE_MODELS_FETCH=1"},
		text: `{"github-copilot":{"type":"oauth","access":"SECRET-a0","refresh":"SECRET-a0","expires":0}}`,
		args: []string{"run", "-m", "github-copilot/gpt-4.1", "say hi"}, asked: "POST api.githubcopilot.com/chat/completions", token: "Bearer SECRET-a0",
	},
	{name: "pi-key", agent: "pi", key: "OPENAI_API_KEY", args: []string{"-p", "--provider", "openai", "--model", "gpt-5.4", "say hi"}, asked: "POST api.openai.com/v1/responses", token: "Bearer SECRET-a0"},
	{
		name: "qwen-key", agent: "qwen", key: "OPENAI_API_KEY", args: []string{"--auth-type", "openai", "--openai-base-url", "https://api.openai.com/v1", "--yolo", "--sandbox", "-m", "gpt-5.4", "-p", "say hi"},
		asked: "POST api.openai.com/v1/chat/completions", token: "Bearer SECRET-a0",
	},
	{
		name: "cline-openai", agent: "cline", key: "OPENAI_API_KEY", args: []string{"-P", "openai-native", "-m", "gpt-5.4", "say hi"},
		asked: "POST api.openai.com/v1/responses", token: "Bearer SECRET-a0",
	},
	{
		name: "cline-anthropic", agent: "cline", key: "ANTHROPIC_API_KEY", args: []string{"-P", "anthropic", "-m", "claude-sonnet-4-5", "say hi"},
		asked: "POST api.anthropic.com/v1/messages", token: "SECRET-a0",
	},
	{
		name: "continue-openai", agent: "continue", key: "OPENAI_API_KEY",
		config: "name: x\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: m\n    provider: openai\n    model: gpt-4.1\n    apiKey: ${{ secrets.OPENAI_API_KEY }}\n    roles: [chat]\n",
		args:   []string{"--config", "./agent.config", "--auto", "-p", "say hi"}, asked: "POST api.openai.com/v1/chat/completions", token: "Bearer SECRET-a0",
	},
	{
		name: "continue-anthropic", agent: "continue", key: "ANTHROPIC_API_KEY", args: []string{"--auto", "-p", "say hi"},
		asked: "POST api.anthropic.com/v1/messages", token: "SECRET-a0",
	},
}

// installed is the folder with an agent's program, in the version that its row
// was made from: others lie beside it, for the canary.
func installed(t *testing.T, name string) string {
	t.Helper()
	cache := os.Getenv("JAIL_TEST_AGENTS")
	if cache == "" {
		world.Cannot(t, "JAIL_TEST_AGENTS is not set: %s", cmp.Or(os.Getenv("JAIL_TEST_NO_AGENTS"), "hack/test.sh sets it"))
	}
	bin := filepath.Join(cache, name+"-"+agent.Named(name).Seen, "bin")
	if _, err := os.Stat(bin); err != nil {
		world.Cannot(t, "not installed: %v", err)
	}
	return bin
}

// TestTurns: a login or key of the host's is enough for a whole turn in a jail
// without any network but its brokers, again in a second jail, and no token is
// in what the jail has or keeps. The model is told of the jail where the agent has a
// way for that.
func TestTurns(t *testing.T) {
	t.Parallel()
	for _, turn := range turns {
		if !slices.Contains(tried, turn.agent) {
			continue
		}
		t.Run(turn.name, func(t *testing.T) {
			bin := installed(t, turn.agent)
			w, l := newLab(t)
			secret := "secret" + rand.Text()
			log := w.Write(filepath.Join(w.Dir, "requests"), "")
			at := l.Part(w, "models", secret, log)
			for _, name := range services {
				l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: at})
			}
			w.Env["PATH"] = bin + ":/usr/local/bin:/usr/bin:/bin"
			if turn.config != "" {
				w.Write(filepath.Join(w.Project, "agent.config"), turn.config)
			}
			if turn.file != "" {
				w.Write(filepath.Join(w.Home, turn.file), strings.ReplaceAll(turn.text, "SECRET", secret))
			} else {
				w.Env[turn.key] = secret + "-a0"
			}
			for range 2 {
				args := []string{"run", turn.agent, "--net", "none"}
				for _, e := range turn.env {
					args = append(args, "--env", e)
				}
				r := world.Finish(t, w.Command(append(append(args, "--"), turn.args...)...))
				if r.Status != 0 || !strings.Contains(r.Out, said) {
					t.Fatalf("%s\nrequests:\n%s\nlog: %s", r, w.Read(log), w.SessionLog())
				}
				file := filepath.Join(w.Project, made)
				if text, err := os.ReadFile(file); err != nil || string(text) != "made\n" {
					t.Errorf("its tool made %q: %v\n%s\nrequests:\n%s", text, err, r, w.Read(log))
				}
				_ = os.Remove(file)
			}
			requests := world.Lines(w.Read(log))
			n := 0
			for _, q := range requests {
				if strings.HasPrefix(q, turn.asked+" ") && strings.HasSuffix(q, strings.ReplaceAll(turn.token, "SECRET", secret)) {
					n++
				}
				if strings.Contains(q, "placeholder") {
					t.Errorf("a placeholder left the jail: %s", q)
				}
			}
			if n < 2 {
				t.Errorf("%d requests are the turn: %q", n, requests)
			}
			if want := agent.Named(turn.agent).Brief != (agent.Brief{}); want != slices.Contains(requests, told) {
				t.Errorf("told of its jail: %v, want %v; requests: %q", !want, want, requests)
			}
			inside := world.Finish(t, w.Command("shell", "--agent", turn.agent, "--net", "none", "--", "sh", "-c", "env; cat $(find ~ -type f -size -200k 2>/dev/null) /dev/null"))
			if inside.Status != 0 || strings.Contains(inside.Out, secret) || !strings.Contains(inside.Out, "placeholder") {
				t.Errorf("inside, with the token %v: status %d", strings.Contains(inside.Out, secret), inside.Status)
			}
			free(t, w.State(), secret)
			free(t, w.Project, secret)
			if strings.Contains(w.SessionLog(), secret) {
				t.Error("the session log has a token")
			}
		})
	}
}

// free: no file below dir has the text.
func free(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(p)
		if strings.Contains(string(content), text) {
			t.Errorf("%s has a token", p)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
