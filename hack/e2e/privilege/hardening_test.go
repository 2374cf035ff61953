package privilege

import (
	"os"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestHardening: what docs/security.md says of a jail and no other test holds.
func TestHardening(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	const script = `[ ! -e /sys ] || echo sys
grep -v '^#' /proc/self/mountinfo | grep -E ' - (sysfs|cgroup|cgroup2|debugfs|tracefs|bpf|securityfs) '
grep -E ' (shared|master|propagate_from):' /proc/self/mountinfo
grep ' - tmpfs ' /proc/self/mountinfo | grep -E '^([^ ]+ ){5}rw' | grep -v 'nr_inodes='
ulimit -c; [ "$(ulimit -Hn)" -le 65536 ] || echo files
for p in /proc/[0-9]*; do [ "$(stat -c %u $p)" = "$(id -u)" ] || echo "another uid: $p"; done
true`
	if r := w.Bash(script); r.Status != 0 || r.Out != "0\n" {
		t.Error(r)
	}
	r := w.Run("shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--require", "landlock", "--", "true")
	if r.Status != 0 && !strings.Contains(r.Err, "--require landlock: it does not hold") {
		t.Error(r)
	}
	c := w.BashCommand(`ls /proc/self/fd/0/`)
	folder, err := os.Open(w.Home)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	c.Stdin = folder
	if r := world.Finish(t, c); r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "descriptor 0 is a folder outside of the jail") {
		t.Errorf("a folder as standard input: %s", r)
	}
}
