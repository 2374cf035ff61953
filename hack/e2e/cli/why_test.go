package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// aboutJail is all that a jail is told about itself.
const aboutJail = `cat $(find /etc/jailed-claude /etc/claude-code -type f 2>/dev/null)`

// TestWhyInside: a jail can find out why something is refused, and nothing else
// by it.
func TestWhyInside(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Project+"/vault/plan-of-hidden.txt", world.Planted)
	w.Write(w.Project+"/.git/hooks/keep", "")
	const script = `
(exec 3<>/dev/tcp/refused.example/443) 2>/dev/null
(exec 3<>/dev/tcp/198.51.100.7/22) 2>/dev/null
jailed-claude-why .git/hooks/x .git vault/plan-of-hidden.txt ~/.ssh/id_rsa ./main.go /tmp/x allowed.example other.example 198.51.100.7:22 denied.example
`
	r := world.Finish(t, w.Base(script, "--net", "filtered", "--allow", "allowed.example", "--policy", w.Write(w.Dir+"/p.toml",
		"version = 1\n[files]\nhide = [\"vault/\"]\n[network]\ndeny = [\"denied.example\"]\n")))
	want := []string{
		"/.git/hooks/x: read-only: git hooks", "/.git: read-write: the project; it is a mount point", "/vault/plan-of-hidden.txt: hidden: it reads as empty",
		"/.ssh/id_rsa: the jail's own", "/main.go: read-write", "/tmp/x: the jail's own", "allowed.example:443: allowed", "other.example:443: refused: no rule allows it",
		"--allow other.example", "198.51.100.7:22: refused: ", "denied.example:443: refused",
	}
	for _, s := range want {
		if !strings.Contains(r.Out, s) {
			t.Errorf("it does not say %q", s)
		}
	}
	if r.Status != 0 || t.Failed() {
		t.Fatal(r)
	}
	// It can be read, and not changed; nobody is told what nobody may know.
	r = world.Finish(t, w.BashCommand(`(exec 3<>/dev/tcp/refused.example/443) 2>/dev/null
cat /etc/jailed-claude/refused.log
for f in $(find /etc/jailed-claude -type f); do echo "TRIED $f"; (echo x >>$f) 2>/dev/null && echo "CHANGED $f"; chmod 0666 $f 2>/dev/null && echo "CHANGED $f"; rm -f $f 2>/dev/null && echo "REMOVED $f"; done
`+aboutJail, "--net", "filtered", "--allow", "allowed.example", "--policy", w.Dir+"/p.toml"))
	if !strings.Contains(r.Out, " refused refused.example: no rule allows it; the user can allow it: --allow refused.example\n") {
		t.Errorf("the refusal is not listed: %s", r)
	}
	for _, told := range []string{"TRIED /etc/jailed-claude/refused.log", "TRIED /etc/jailed-claude/jail.json", "allowed.example"} {
		if !strings.Contains(r.Out, told) {
			t.Errorf("not all of it was looked at: %q is missing: %s", told, r)
		}
	}
	for _, never := range []string{"CHANGED", "REMOVED", "vault", "hidden.txt", "denied.example", world.Planted, w.Dir + "/p.toml", "jailed-claude/projects"} {
		if strings.Contains(r.Out, never) {
			t.Errorf("a jail is told %q: %s", never, r.Out)
		}
	}
	// Under another runtime nobody lists refusals, and nothing says so.
	if out := w.Must("jailed-claude-why .git/hooks; echo $JAILED_CLAUDE", "--no-brief"); !strings.Contains(out, "read-only: git hooks") || !strings.HasSuffix(out, "\n1\n") {
		t.Errorf("with --no-brief: %s", out)
	}
}

// TestManyRefusals: what a jail can have us write for it is bounded.
func TestManyRefusals(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	out := w.Must(`for i in $(seq 300); do (exec 3<>/dev/tcp/n$i.refused.example/443) 2>/dev/null; done; wc -l </etc/jailed-claude/refused.log`, "--net", "filtered", "--allow", "allowed.example")
	if n := strings.TrimSpace(out); n != "50" {
		t.Errorf("%s lines", n)
	}
}

// TestWhyOutside: the same is said before a jail runs, with the policy that says
// so.
func TestWhyOutside(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Project+"/.git/hooks/keep", "")
	w.Write(w.Project+"/.env", "")
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[files]\nhide = [\".env\"]\n[network]\nmode = \"filtered\"\nallow = [\"@npm\"]\n")
	args := []string{"why", "--json", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), ".env", ".git/hooks", "registry.npmjs.org", "pypi.org:8080", "~/.netrc"}
	var all []struct{ What, Verdict, Rule, From, Flag string }
	world.Decode(t, world.Finish(t, w.Command(args...)), &all)
	const own = "~/.config/jailed-claude/config.toml"
	for i, want := range []struct{ verdict, rule, from, flag string }{
		{"hidden", ".env", own, ""},
		{"read-only", w.Project + "/.git/hooks", "built-in", ""},
		{"allowed", "registry.npmjs.org", own, ""},
		{"refused", "mode filtered", own, "--allow pypi.org:8080"},
		{"the jail's own", w.Home, "", "--read " + w.Home + "/.netrc"},
	} {
		if a := all[i]; a.Verdict != want.verdict || a.Rule != want.rule || !strings.HasSuffix(a.From, strings.TrimPrefix(want.from, "~")) || a.Flag != want.flag {
			t.Errorf("%+v", a)
		}
	}
	if r := world.Finish(t, w.Command("why", "a b")); r.Status != 125 || !strings.Contains(r.Err, "neither a path nor the name") {
		t.Error(r)
	}
	if text, err := json.Marshal(all); err != nil || strings.Contains(string(text), world.Planted) {
		t.Error(string(text))
	}
}
