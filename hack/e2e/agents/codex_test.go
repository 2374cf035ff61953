package agents

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world/canary"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// codexWorld has the real codex, a key outside, and a model whose log it returns.
func codexWorld(t *testing.T) (w *world.World, log string) {
	t.Helper()
	bin := installed(t, "codex")
	w, l := newLab(t)
	secret := "secret" + rand.Text()
	log = w.Write(filepath.Join(w.Dir, "requests"), "")
	at := l.Part(w, "models", secret, log)
	for _, name := range services {
		l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: at})
	}
	w.Env["PATH"], w.Env["OPENAI_API_KEY"] = bin+":/usr/local/bin:/usr/bin:/bin", secret
	return w, log
}

// TestCodexVersion: the real codex runs in a jail by its name, in the version that
// spec/agent was made from.
func TestCodexVersion(t *testing.T) {
	t.Parallel()
	w, _ := codexWorld(t)
	if r := world.Finish(t, w.Command("run", "codex", "--net", "none", "--", "--version")); r.Status != 0 || r.Out != "codex-cli "+agent.Named("codex").Seen+"\n" {
		t.Error(r)
	}
}

// TestCodexPinned: the tarballs that hack/store/codex.sh unpacks are those of the version
// that spec/agent was made from, and no others.
func TestCodexPinned(t *testing.T) {
	text, err := os.ReadFile("../../npm.sha256")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range world.Lines(string(text)) {
		if _, version, ok := strings.Cut(l, "  @openai/codex@"); ok {
			got = append(got, version)
		}
	}
	if seen := agent.Named("codex").Seen; !slices.Equal(got, []string{seen, seen + "-linux-x64"}) {
		t.Errorf("hack/npm.sha256 pins codex %q, spec/agent was made from %s", got, seen)
	}
}

// TestCodexSessions: a session of one jail goes on in the next one of its project, and
// in no jail of another project, nor in the host's own folder.
func TestCodexSessions(t *testing.T) {
	t.Parallel()
	w, log := codexWorld(t)
	other := filepath.Join(w.Home, "other")
	w.Repository(other)
	for i, c := range []struct {
		dir  string
		args []string
		want string
	}{
		{w.Project, []string{"say hi"}, `typed ["say hi"]`},
		// With --all codex takes a session of any folder: there is none.
		{other, []string{"resume", "--last", "--all", "what did I say?"}, `typed ["what did I say?"]`},
		{w.Project, []string{"resume", "--last", "--all", "what did I say?"}, `typed ["say hi" "what did I say?"]`},
	} {
		w.Project = c.dir // for the lab too, which takes a command there
		r := world.Finish(t, w.Command(append([]string{"run", "codex", "--net", "none", "--", "exec", "--skip-git-repo-check", "-m", "gpt-5.4"}, c.args...)...))
		requests := w.Read(log)
		if _, last, _ := strings.Cut(requests[max(0, strings.LastIndex(requests, "\ntyped ")):], "\n"); r.Status != 0 || !strings.HasPrefix(last, c.want+"\n") {
			t.Errorf("run %d: %s\n%s", i, r, requests)
		}
	}
	if _, err := os.Stat(filepath.Join(w.Home, ".codex/sessions")); err == nil {
		t.Error("the host's own folder has a session of a jail")
	}
}

// TestOwnSandbox: who asks codex for its own sandbox is told what to do, at the start
// if that shows there, and by what each command says: the bwrap that codex brings would
// blame the kernel. With nesting it is left alone.
func TestOwnSandbox(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nesting, start bool
		flags          []string
	}{
		"flag":    {false, true, []string{"--sandbox", "workspace-write"}},
		"setting": {false, false, []string{"-c", `sandbox_mode="workspace-write"`}},
		"nesting": {true, false, []string{"--sandbox", "workspace-write"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, log := codexWorld(t)
			policy := w.Write(filepath.Join(w.Dir, "plain.toml"), "version = 1\n")
			if c.nesting {
				world.RequireNesting(t)
				policy = w.NestingPolicy("")
			}
			args := append([]string{"run", "codex", "--policy", policy, "--net", "none", "--", "exec", "--skip-git-repo-check", "-m", "gpt-5.4"}, c.flags...)
			r := world.Finish(t, w.Command(append(args, "say hi")...))
			made, err := os.ReadFile(filepath.Join(w.Project, made))
			if r.Status != 0 || c.nesting != (err == nil && string(made) == "made\n") || c.start != strings.Contains(r.Err, "leave out --sandbox; or identity.nesting = true") {
				t.Errorf("made %q, %v; %s", made, err, r)
			}
			if text := w.Read(log); !strings.Contains(text, "\nheard ") || c.nesting == strings.Contains(text, "bwrap: this jail gives nobody namespaces") {
				t.Errorf("its command said: %s", text)
			}
		})
	}
}

// TestCanaries: what a tool of the real codex writes is held or named, each of the
// files that agents on the host execute, and what only instructs is one line.
func TestCanaries(t *testing.T) {
	t.Parallel()
	w, log := codexWorld(t)
	w.Write(script, canary.Script())
	for _, held := range []bool{false, true} {
		r := world.Finish(t, w.Command("run", "codex", "--net", "none", "--", "exec", "--skip-git-repo-check", "-m", "gpt-5.4", "say hi"))
		if r.Status != 0 {
			t.Fatalf("%s\nrequests:\n%s", r, w.Read(log))
		}
		canary.Judge(w, "codex", held, w.Read(script+".out"), r.Err)
	}
}
