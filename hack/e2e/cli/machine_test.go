package cli

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// prepare runs a command in a mount namespace with an /etc of its own.
const prepare = `set -e; mkdir -p $D/etc; mount -t tmpfs t $D/etc; mkdir $D/etc/up $D/etc/work
mount -t overlay o -o lowerdir=/etc,upperdir=$D/etc/up,workdir=$D/etc/work /etc
mkdir /etc/jailed-claude; cp $D/machine.toml /etc/jailed-claude/policy.toml; chmod "$MODE" /etc/jailed-claude/policy.toml; exec "$@"`

// TestMachinePolicy: what /etc/jailed-claude/policy.toml sets, nobody widens: not
// by a flag, a policy, or while the jail runs; what it does not set is the user's.
func TestMachinePolicy(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can put a policy into an /etc")
	}
	w := world.New(t)
	w.Write(w.Dir+"/machine.toml", "version = 1\n[network]\nmode = \"filtered\"\nallow = [\"a.example\"]\n[files]\nhide = [\"secret\"]\n")
	w.Write("secret", world.Planted)
	run := func(mode string, args ...string) world.Result {
		t.Helper()
		c := w.Command(args...)
		c.Args = slices.Concat([]string{"unshare", "-m", "bash", "-c", prepare, "bash"}, []string{c.Path}, c.Args[1:])
		c.Path = world.RequireTool(t, "unshare")
		c.Env = append(c.Env, "D="+w.Dir, "MODE="+mode)
		return world.Finish(t, c)
	}
	if out, err := exec.Command("unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %s", out)
	}
	closure := []string{"--closure", world.RequireVariable(t, "BASE_CLOSURE")}
	shell := func(script string, flags ...string) world.Result {
		return run("644", slices.Concat([]string{"shell"}, closure, flags, []string{"--", "bash", "-c", script})...)
	}
	if r := shell("cat secret; echo ok", "--read", w.Write(w.Dir+"/free", "")); r.Out != "ok\n" || r.Status != 0 {
		t.Error(r)
	}
	for want, flags := range map[string][]string{
		`network.mode "filtered" -> "internet"`: {"--net", "internet"},
		`network.mode "filtered" -> "host"`:     {"--net", "host"},
		`network.allow + "b.example"`:           {"--allow", "b.example"},
		`network.allow + "c.example"`:           {"--policy", w.Write(w.Dir+"/c.toml", "version = 1\n[network]\nallow = [\"c.example\"]\n")},
	} {
		if r := shell("echo ran", flags...); r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, want) || !strings.Contains(r.Err, "/etc/jailed-claude/policy.toml") {
			t.Errorf("%q: %s", flags, r)
		}
	}
	if r := shell("echo ok", "--net", "none"); r.Out != "ok\n" {
		t.Error(r)
	}
	const running = `"$0" shell --closure "$1" -- bash -c 'echo >ready; until [ -e stop ]; do sleep 0.05; done' & until [ -e ready ]; do kill -0 $!; sleep 0.05; done
"$0" allow b.example || echo "$?"; "$0" allow a.example; echo "$?"; "$0" ports 34581 || echo "$?"; mv /etc/jailed-claude/policy.toml /etc/jailed-claude/x
"$0" allow b.example || echo "$?"; "$0" allow a.example:22 || echo "$?"; "$0" deny a.example; "$0" allow a.example; echo "$?"; "$0" ports 34581 || echo "$?"; echo >stop; wait`
	w.Write(w.Dir+"/machine.toml", strings.Replace(w.Read(w.Dir+"/machine.toml"), "[network]\n", "[network]\nports = [34580]\n", 1))
	c := w.Command()
	c.Args = []string{"unshare", "-m", "bash", "-c", prepare, "bash", "bash", "-ec", running, c.Path, closure[1]}
	c.Path = world.RequireTool(t, "unshare")
	c.Env = append(c.Env, "D="+w.Dir, "MODE=644")
	if r := world.Finish(t, c); r.Out != "125\n0\n125\n"+"125\n125\n0\n125\n" || strings.Count(r.Err, "leaves none to add") != 3 || !strings.Contains(r.Err, `network.allow + "b.example"`) || !strings.Contains(r.Err, `network.ports + "34581"`) {
		t.Errorf("while a jail runs: %s", r)
	}
	// A page's answer is at a port of the machine's, or nowhere.
	for port, want := range map[string]string{"34580": "nobody can be asked", "34582": "the policy of this machine (network.ports)"} {
		if r := shell("xdg-open 'https://a.example/?redirect_uri=http://localhost:"+port+"/'; echo \"$?\"", "--bridge", "open"); r.Out != "4\n" || !strings.Contains(r.Err, want) {
			t.Errorf("a page that answers at port %s: %s", port, r)
		}
	}
	if r := run("644", append([]string{"explain"}, closure...)...); !strings.Contains(r.Out, "/etc/jailed-claude/policy.toml") {
		t.Error(r)
	}
	if r := run("666", append([]string{"explain"}, closure...)...); r.Status != 125 || !strings.Contains(r.Err, "can be written by others than root") {
		t.Error(r)
	}
}

// TestMachinePolicyIsNoAdvice: where the policy of the machine says which names there
// are, nobody is told to allow another one, and everybody whose word it is.
func TestMachinePolicyIsNoAdvice(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can put a policy into an /etc")
	}
	if out, err := exec.Command("unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %s", out)
	}
	w := world.New(t)
	w.Write(w.Dir+"/machine.toml", "version = 1\n[network]\nmode = \"filtered\"\nallow = [\"a.example\"]\ndeny = [\"c.example\"]\n")
	w.Write(w.Dir+"/machine.sh", prepare)
	bin := os.Getenv("JAIL_TEST_BIN")
	s := w.Screen()
	s.Line(world.CommandLine([]string{"env", "D=" + w.Dir, "MODE=644", "unshare", "-m", "bash", w.Dir + "/machine.sh", "env", "PS1=own> ", "bash", "--norc"}))
	s.Prompt("own>")
	s.Line(world.CommandLine([]string{
		bin, "shell", "--detach", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "bash", "-c",
		`cd /tmp; exec 3<>/dev/tcp/b.example/443; exec 3<>/dev/tcp/c.example/443; cp /etc/jailed-claude/refused.log /etc/jailed-claude/brief.md "$0"; : >"$0/ready"; exec sleep 1000`, w.Project,
	}) + " >" + w.Dir + "/id")
	world.WaitFor(t, "the jail", func() bool { _, err := os.Stat(w.Project + "/ready"); return err == nil })
	id := strings.TrimSpace(w.Read(w.Dir + "/id"))
	if text := w.Read("refused.log") + w.Read("brief.md"); strings.Contains(text, "allow b.example") || strings.Contains(text, "--allow") || !strings.Contains(text, "b.example: no rule allows it; the policy of the machine leaves none to add") {
		t.Errorf("the jail is told:\n%s", text)
	}
	s.Line("clear; " + world.CommandLine([]string{bin, "allow", id}) + "; " + world.CommandLine([]string{bin, "why", id, "b.example"}) + "; echo said-$?")
	s.Wait("said-0") // not the line that is typed
	if shown := s.Shown(); !strings.Contains(shown, "barred\tb.example: no rule") && !strings.Contains(shown, "barred  b.example: no rule") || strings.Contains(shown, "--allow") {
		t.Errorf("the user is told:\n%s", shown)
	}
	s.Line("clear; " + world.CommandLine([]string{bin, "list", "--watch"}))
	// A key that has done nothing yet is not typed again: it would lead past the row.
	before := ""
	s.Until("our jail to be selected", func() bool {
		_, row, _ := strings.Cut(s.Tmux("capture-pane", "-p", "-e"), "\x1b[7m")
		row, _, _ = strings.Cut(row, "\n")
		if row != "" && row != before && !strings.HasPrefix(row, id) { // it says how long its jail runs
			before = row
			s.Keys("j")
		}
		return strings.HasPrefix(row, id)
	})
	s.Keys("a")
	s.Wait("not to be allowed while it runs")
	if shown := strings.Join(strings.Fields(s.Shown()), " "); !strings.Contains(shown, "b.example: no rule allows it; the policy of the machine leaves none to add") || !strings.Contains(shown, `c.example: denied by "c.example"`) || strings.Contains(shown, "let "+id) || strings.Contains(shown, "1 b.example") {
		t.Errorf("the table offers:\n%s", shown)
	}
	s.Keys("q")
	s.Line("clear; " + world.CommandLine([]string{bin, "stop", id}) + "; echo stopped-$?")
	s.Wait("stopped-0")
	if shown := s.Shown(); !strings.Contains(shown, "2 destinations were refused") || strings.Contains(shown, "hint: to allow") || strings.Contains(shown, "--allow") {
		t.Errorf("the last lines:\n%s", shown)
	}
	s.Line("exit")
	s.Prompt("host>")
}
