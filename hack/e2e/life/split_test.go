package life

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestOneProcessOutside: whether a start is split in two (runtime/quick/split.c),
// with a large environment or a small one, or replaces itself, one process stays. It says which jail it is of, and nothing of the caller's environment.
func TestOneProcessOutside(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		padding      string
		small, whole bool
	}{
		"split":                      {padding: strings.Repeat(world.Planted, 40)},
		"split, a small environment": {small: true},
		"replaced":                   {padding: world.Planted, whole: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			w.Whole = tt.whole
			if tt.padding != "" {
				w.Env["PADDING"] = tt.padding
			}
			if tt.small {
				for _, v := range []string{"LANG", "TERM", "USER", "TMPDIR", "GIT_CONFIG_NOSYSTEM", "XDG_RUNTIME_DIR"} {
					delete(w.Env, v)
				}
				w.Env["PATH"] = "/bin"
			}
			c := w.Base(`echo up >up; read -r _`)
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			c.Stderr = &out
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			world.WaitFor(t, "the jail", func() bool { _, err := os.Stat(filepath.Join(w.Project, "up")); return err == nil })
			var jails []struct {
				PID     int
				Project string
			}
			r := world.Finish(t, w.Command("list", "--json"))
			if err := json.Unmarshal([]byte(r.Out), &jails); err != nil {
				t.Fatalf("%v: %s", err, r)
			}
			found := false
			for _, j := range jails {
				found = found || j.PID == c.Process.Pid && j.Project == w.Project
			}
			if !found {
				t.Errorf("process %d is not the supervisor of %s: %+v", c.Process.Pid, w.Project, jails)
			}
			proc := "/proc/" + world.Itoa(c.Process.Pid)
			environ := w.Read(proc + "/environ")
			if strings.Contains(environ, world.Planted) || strings.Contains(environ, "HOME=") {
				t.Errorf("the supervisor shows the caller's environment: %q", environ)
			}
			// PID 1 of the jail is the only child, as soon as what planned it has gone.
			world.WaitFor(t, "a supervisor with one child", func() bool {
				return len(strings.Fields(w.Read(proc+"/task/"+world.Itoa(c.Process.Pid)+"/children"))) == 1
			})
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if out.Len() > 0 {
				t.Error(out.String())
			}
		})
	}
}

// TestPlanningFails: what the half that plans says, and its exit status, are
// those of the command.
func TestPlanningFails(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"run", "--nope"}, 125, "unknown flag"},
		{[]string{"shell", "--closure", "/nonexistent", "--", "true"}, 125, "/nonexistent"},
		{[]string{"shell", "--help"}, 0, ""},
	} {
		r := w.Run(c.args...)
		if r.Status != c.status || !strings.Contains(r.Err, c.says) || strings.Count(r.Err, "jailed-claude: ") > 3 {
			t.Errorf("%q: %s", c.args, r)
		}
	}
}

// TestKilledWhilePlanning: the half that plans dies with the other one, at any
// point.
func TestKilledWhilePlanning(t *testing.T) {
	t.Parallel()
	if world.Without("split") {
		t.Skip("one process plans, and becomes the supervisor")
	}
	w := world.New(t)
	withFaults(w)
	for _, p := range fault.Start[:slices.Index(fault.Start, fault.Waiting)] {
		c := w.NetShell("true", "--net=none")
		c.Env = append(c.Env, fault.Variable+"="+string(p)+":"+fault.Stop)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		planner := waitAnyStopped(w, c.Process.Pid)
		if planner == c.Process.Pid {
			t.Fatalf("%s: there is no other half", p)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		t.Cleanup(func() { _ = unix.Kill(planner, unix.SIGKILL) })
		world.WaitFor(t, "the end of the half that plans, at "+string(p), func() bool {
			text, err := os.ReadFile("/proc/" + world.Itoa(planner) + "/stat")
			// Who inherits it may never ask for its exit status.
			return err != nil || strings.HasPrefix(string(text[strings.LastIndexByte(string(text), ')')+1:]), " Z")
		})
		if t.Failed() {
			return // every further point waits as long
		}
	}
}
