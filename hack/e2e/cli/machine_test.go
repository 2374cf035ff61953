package cli

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

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
	// An /etc of a mount namespace's own.
	const prepare = `set -e; mkdir -p $D/etc; mount -t tmpfs t $D/etc; mkdir $D/etc/up $D/etc/work
mount -t overlay o -o lowerdir=/etc,upperdir=$D/etc/up,workdir=$D/etc/work /etc
mkdir /etc/jailed-claude; cp $D/machine.toml /etc/jailed-claude/policy.toml; chmod "$MODE" /etc/jailed-claude/policy.toml; exec "$@"`
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
