package rootfs

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestCovered: what lies below the folder that the supervisor covers can be
// bound all the same, by the rules for other sources.
func TestCovered(t *testing.T) {
	dir := os.Getenv("ROOTFS_TEST_COVERED")
	if dir == "" {
		var err error
		dir, err = os.MkdirTemp(WorkDir, "jail-test-")
		must(t, err)
		defer os.RemoveAll(dir)
		must(t, os.WriteFile(dir+"/file", []byte("host"), 0o600))
		must(t, os.Symlink("file", dir+"/link"))
	}
	if !inside(t, "ROOTFS_TEST_COVERED="+dir) {
		return
	}
	c, err := Cover()
	must(t, err)
	if entries, err := os.ReadDir(WorkDir); err != nil || len(entries) > 0 {
		t.Fatalf("%s holds %v (%v)", WorkDir, entries, err)
	}
	for p, want := range map[string]string{
		dir + "/file": "", dir: "", WorkDir: "", "/proc/self": "became a symlink",
		dir + "/link": "became a symlink", dir + "/gone": "vanished",
	} {
		s, err := OpenSources([]specs.Mount{bindMount(p, "/x")}, c)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", p, err)
		}
		s.Close()
	}
	s, err := OpenSources([]specs.Mount{bindMount(dir+"/file", "/x")}, c)
	must(t, err)
	if text, err := os.ReadFile(descriptor(s[0])); err != nil || string(text) != "host" {
		t.Errorf("%q, %v", text, err)
	}
	must(t, c.Leave())
	if _, err := os.Stat(dir + "/file"); err != nil {
		t.Error(err)
	}
}
