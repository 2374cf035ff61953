package layer

import (
	"strings"
	"testing"
)

// TestCheckName: a name is one folder, and a word in a command line.
func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "agent-1", "0", "A.b_c-d", strings.Repeat("x", 64)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/a", ".a", "-a", "--apply", "a b", "a\n", "\na", "a\x00", "a$(id)", "ä", strings.Repeat("x", 65)} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), "a layer cannot be called") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
