package host

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTwoNamesAreNoSpelling: a file that has two names, by a hard link, lies on no
// special file system.
func TestTwoNamesAreNoSpelling(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".envrc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, ".envrc"), filepath.Join(dir, ".ENVRC")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".envrc", ".ENVRC", "not there"} {
		if got := otherSpelling(dir, name); got != "" {
			t.Errorf("%q: %s", name, got)
		}
	}
	for name, want := range map[string]string{"a1B": "A1b", "é.x": "é.X", "": ""} {
		if got := otherCase(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	if got := fullWidth(".git"); got != ".ｇit" {
		t.Errorf("%q", got)
	}
}
