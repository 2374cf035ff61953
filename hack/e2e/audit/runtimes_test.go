package audit

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// crunHolds are attacks that get through where runc runs an exported bundle and not
// where crun does: it hands the caller's terminal in, for which PID 1 puts pipes there,
// and a filter. runc has pipes of its own by then.
var crunHolds = []string{"escape-clipboard-write", "escape-clipboard-read", "escape-title-report", "escape-answerback", "escape-status-string"}

// bareCrunOfRoot are those that get through beyond where root calls crun: it mounts the
// project without the flags of config.json.
var bareCrunOfRoot = []string{"setuid-mounts", "device-mounts"}

// documented is the row of docs/audit.md of what a runtime lets through: with our
// supervisor around it, and as an exported bundle.
func documented(t *testing.T, runtime string) (supervised, bundle string) {
	t.Helper()
	out, err := exec.Command(world.RequireTool(t, runtime), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`version (\d+\.\d+(\.\d+)?)`).FindSubmatch(out)
	if version == nil {
		t.Fatalf("%s says %q", runtime, out)
	}
	text, err := os.ReadFile("../../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %s %s \| (\d+) \| (\d+) \|`, runtime, regexp.QuoteMeta(string(version[1])))).FindSubmatch(text)
	if row == nil {
		t.Skipf("docs/audit.md has no row for %s %s", runtime, version[1])
	}
	return string(row[1]), string(row[2])
}

// TestAuditRuntime: with our supervisor around it, another runtime lets through what
// the documentation says, which is nothing.
func TestAuditRuntime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"runc", "crun"} {
		for _, net := range []string{"none", "filtered"} {
			t.Run(name+"-"+net, func(t *testing.T) {
				t.Parallel()
				want, _ := documented(t, name)
				rows, r := audit(audited(t), "--net", net, "--runtime", name)
				var got []string
				for _, row := range rows {
					if row.Result == "GOT THROUGH" {
						got = append(got, row.Attack+": "+row.Detail)
					}
				}
				if fmt.Sprint(len(got)) != want || r.Status != 0 {
					t.Errorf("%d got through, documented %s; status %d: %q", len(got), want, r.Status, got)
				}
				for _, a := range []string{"protected-write", "hidden-read", "trust-direnv", "host-rename", "escape-clipboard-write", "read-input", "signal-kill", "loopback-tcp", "neighbour-config", "outlive-session"} {
					if rows[a].Result != "held" {
						t.Errorf("%s: %+v", a, rows[a])
					}
				}
			})
		}
	}
}

// TestAuditRuntimeByItself: an exported bundle lets through what the documentation
// says, and no more.
func TestAuditRuntimeByItself(t *testing.T) {
	t.Parallel()
	alone := &weaknesses[0]
	var ofRoot []string
	if os.Getuid() == 0 {
		ofRoot = bareCrunOfRoot
	}
	for name, c := range map[string]struct {
		names       string
		holds, more []string
	}{"runc": {alone.remove, nil, nil}, "crun": {alone.remove + "+" + underCrun, crunHolds, ofRoot}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, want := documented(t, name)
			rows := alone.audit(t, c.names)
			expected := slices.DeleteFunc(slices.Concat(alone.attacks(), c.more), func(a string) bool { return slices.Contains(c.holds, a) })
			n := 0
			for a, row := range rows {
				if row.Result == "GOT THROUGH" {
					n++
				}
				if got := row.Result == "GOT THROUGH"; got != slices.Contains(expected, a) {
					t.Errorf("%+v", row)
				}
			}
			if documented := fmt.Sprint(len(alone.attacks()) - len(c.holds)); n != len(expected) || documented != want {
				t.Errorf("%d got through, documented %s", n, want)
			}
		})
	}
}
