package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestHardening: what docs/security.md says of a jail and no other test holds.
func TestHardening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const script = `[ ! -e /sys ] || echo sys
grep -v '^#' /proc/self/mountinfo | grep -E ' - (sysfs|cgroup|cgroup2|debugfs|tracefs|bpf|securityfs) '
grep -E ' (shared|master|propagate_from):' /proc/self/mountinfo
grep ' - tmpfs ' /proc/self/mountinfo | grep -E '^([^ ]+ ){5}rw' | grep -v 'nr_inodes='
ulimit -c; [ "$(ulimit -Hn)" -le 65536 ] || echo files
for p in /proc/[0-9]*; do [ "$(stat -c %u $p)" = "$(id -u)" ] || echo "another uid: $p"; done
true`
	if r := w.bash(script); r.status != 0 || r.out != "0\n" {
		t.Error(r)
	}
	r := w.run("shell", "--closure", requireVariable(t, "BASE_CLOSURE"), "--net", "none", "--require", "landlock", "--", "true")
	if r.status != 0 && !strings.Contains(r.err, "--require landlock: it does not hold") {
		t.Error(r)
	}
	c := w.bashCommand(`ls /proc/self/fd/0/`)
	folder, err := os.Open(w.home)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	c.Stdin = folder
	if r := finish(t, c); r.status != 125 || r.out != "" || !strings.Contains(r.err, "descriptor 0 is a folder outside of the jail") {
		t.Errorf("a folder as standard input: %s", r)
	}
}
