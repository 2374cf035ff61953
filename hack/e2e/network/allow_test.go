package network

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// outside are w's commands where no lab is: a jail of the lab is one of the
// caller's.
func outside(w *world.World, args ...string) *exec.Cmd {
	plain := *w
	plain.Lab = nil
	return plain.Command(args...)
}

// whileRunning starts a jail with a script that says "ready", and calls do then.
// It returns what the jail said.
func whileRunning(t *testing.T, w *world.World, c *exec.Cmd, do func()) (out, errs string) {
	t.Helper()
	var stderr bytes.Buffer
	said := w.Dir + "/said"
	f, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c.Stdout, c.Stderr = f, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	world.WaitFor(t, "the jail", func() bool { return strings.Contains(w.Read(said), "ready") })
	do()
	if err := c.Wait(); err != nil {
		t.Errorf("%v: %s%s", err, w.Read(said), &stderr)
	}
	return w.Read(said), stderr.String()
}

// TestAllowWhileRunning: the user opens and closes destinations of a jail that
// runs; the jail cannot.
func TestAllowWhileRunning(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	const script = `
try() { (exec 3<>/dev/tcp/$1/22) 2>/dev/null; }
try other.example && echo "reached before"
# The program that could do it is in the jail. It finds no supervisor.
for p in /.jail/init /etc/jailed-claude/bin/jailed-claude-why; do (exec -a jailed-claude $p allow other.example:22) >/dev/null 2>&1 && echo "the jail allowed itself"; done
for f in /proc/[0-9]*/fd/* /run/* /tmp/* /etc/jailed-claude/*; do
  to=$(readlink $f); [[ $f$to == *control* || -S $f ]] && echo "a socket: $f $to"
done
try other.example && echo "reached by its own word"
echo ready
until try other.example; do sleep 0.02; done
echo reached
echo x >closing
while try other.example; do sleep 0.02; done
cat /etc/jailed-claude/refused.log
jailed-claude-why other.example:22
`
	told := func(name string, args ...string) {
		if r := world.Finish(t, outside(w, append([]string{name}, args...)...)); r.Status != 0 {
			t.Errorf("%s %q: %s", name, args, r)
		}
	}
	out, errs := whileRunning(t, w, w.NetShell(script, "--net", "filtered", "--allow", "allowed.example:22"), func() {
		for _, bad := range [][]string{{"allow", "@nothing"}, {"allow", "a b"}, {"allow", "0123456789ab", "other.example:22"}, {"ports", "0"}} {
			if r := world.Finish(t, outside(w, bad...)); r.Status != 125 {
				t.Errorf("%q: %s", bad, r)
			}
		}
		r := world.Finish(t, outside(w, "allow", "other.example:22"))
		if r.Status != 0 || !strings.Contains(r.Err, `[network] allow = ["other.example:22"]`) {
			t.Error(r)
		}
		world.WaitFor(t, "what was allowed", func() bool { _, err := os.Stat(w.Project + "/closing"); return err == nil })
		if r := world.Finish(t, outside(w, "allow")); r.Out != "allowed\tother.example:22\n" {
			t.Error(r)
		}
		list := world.Finish(t, outside(w, "list", "--json"))
		var jails []struct{ ID, Project string }
		world.Decode(t, list, &jails)
		i := slices.IndexFunc(jails, func(j struct{ ID, Project string }) bool { return j.Project == w.Project })
		if r := world.Finish(t, outside(w, "why", "--jail", jails[i].ID, "other.example:22", "third.example")); !strings.Contains(r.Out, "rule: other.example:22 (added while the jail ran)") || !strings.Contains(r.Out, "third.example:443: refused") {
			t.Error(r)
		}
		told("deny", jails[i].ID[:6], "other.example:22")
	})
	if !strings.HasPrefix(out, "ready\nreached\n") || !strings.Contains(out, "allowed other.example:22 by the user") || !strings.Contains(out, "denied other.example:22 by the user") || !strings.Contains(out, "other.example:22: refused: denied") {
		t.Errorf("the jail said %q", out)
	}
	if strings.Contains(errs, "to keep it") {
		t.Errorf("what was denied again is proposed: %s", errs)
	}
	if log := w.SessionLog(); strings.Count(log, `"kind":"rule"`) != 2 {
		t.Errorf("the log: %s", log)
	}
	if hits := l.Caught().Hits; slices.ContainsFunc(hits, func(h string) bool { return h != "tcp "+lab.PublicB+":22" }) {
		t.Errorf("arrived: %q", hits)
	}
}

// TestAskWhileRunning: with --ask a connection to an unknown name waits, and
// outside nobody hears of the name before the yes.
func TestAskWhileRunning(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	l.Caught()
	const script = `
exec 3<>/dev/tcp/other.example/22; exec 4<>/dev/tcp/no.example/22
echo ready
until [[ $(</etc/jailed-claude/refused.log) == *"asks other.example:22"* ]]; do sleep 0.02; done
head -c1 <&4 >/dev/null 2>&1; echo "no: $?"
echo hello >&3; sleep 0.2; echo done
`
	out, errs := whileRunning(t, w, w.NetShell(script, "--net", "filtered", "--ask", "--allow", "allowed.example:22"), func() {
		world.WaitFor(t, "two questions", func() bool {
			return strings.Count(world.Finish(t, outside(w, "allow")).Out, "waits\t") == 2
		})
		if got := l.Caught(); len(got.Hits)+len(got.Queries) > 0 {
			t.Errorf("outside it was heard before the yes: %+v", got)
		}
		for _, args := range [][]string{{"allow", "other.example:22"}, {"deny", "no.example"}} {
			if r := world.Finish(t, outside(w, args...)); r.Status != 0 {
				t.Error(r)
			}
		}
	})
	if out != "ready\nno: 1\ndone\n" || !strings.Contains(errs, `to keep it in a policy: [network] allow = ["other.example:22"]`) {
		t.Errorf("%q\n%s", out, errs)
	}
	got := l.Caught()
	if !slices.Contains(got.Hits, "tcp "+lab.PublicB+":22") || slices.ContainsFunc(got.Queries, func(q string) bool { return strings.HasPrefix(q, "no.example") }) {
		t.Errorf("arrived: %+v", got)
	}
}

// TestPortsWhileRunning: ports come and go.
func TestPortsWhileRunning(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	const script = `echo ready; while [ ! -e stop ]; do sleep 0.02; done`
	whileRunning(t, w, w.NetShell(script, "--net", "filtered"), func() {
		for _, c := range []struct {
			args []string
			out  string
		}{{[]string{"ports"}, ""}, {[]string{"ports", "34561", "34562"}, "34561\n34562\n"}, {[]string{"ports", "--close", "34561"}, "34562\n"}} {
			if r := world.Finish(t, outside(w, c.args...)); r.Status != 0 || r.Out != c.out {
				t.Errorf("%q: %s", c.args, r)
			}
		}
		if r := world.Finish(t, outside(w, "ports", "34562")); r.Status != 125 || !strings.Contains(r.Err, "published already") {
			t.Error(r)
		}
		w.Write("stop", "")
	})
	// A jail without rules says so.
	whileRunning(t, w, w.NetShell(strings.Replace(script, "stop", "stop2", 1), "--net", "host"), func() {
		if r := world.Finish(t, outside(w, "allow", "a.example")); r.Status != 125 || !strings.Contains(r.Err, "--net filtered") {
			t.Error(r)
		}
		w.Write("stop2", "")
	})
}
