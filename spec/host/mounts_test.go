package host

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// TestMountsBelow: a file system in the project is named, one elsewhere or the
// project's own is not.
func TestMountsBelow(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(root+"/proc/self", 0o755); err != nil {
		t.Fatal(err)
	}
	line := func(at, kind string) string {
		return fmt.Sprintf("30 1 0:26 / %s rw,relatime shared:1 - %s src rw\n", at, kind)
	}
	look := func(lines ...string) string {
		if err := os.WriteFile(root+"/proc/self/mountinfo", []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		return strings.Join(mountsBelow(theProject, reader{&source.Source{Root: root}}.mountedBelow("/home/u/p")), "\n")
	}
	if got := look(line("/", "ext4"), line("/home/u/p", "btrfs"), line("/home/u/pp", "xfs"), line("/home/u/p2/x", "xfs"), "junk\n"); got != "" {
		t.Error(got)
	}
	got := look(line("/home/u/p/data", "ext4"), line("/home/u/p/data", "fuse.sshfs"), line(`/home/u/p/a\040b/c`, "xfs"))
	for _, want := range []string{`"/home/u/p/data" is a file system of its own (fuse.sshfs)`, `"/home/u/p/a b/c" is a file system of its own (xfs)`} {
		if strings.Count(got, want) != 1 {
			t.Errorf("no %q: %s", want, got)
		}
	}
	var many []string
	for i := range 9 {
		many = append(many, line(fmt.Sprintf("/home/u/p/%d", i), "tmpfs"))
	}
	if got := look(many...); !strings.Contains(got, "4 more file systems") || strings.Count(got, "\n") != 5 {
		t.Error(got)
	}
}
