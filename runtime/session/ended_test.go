package session

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// TestWordsOfANewJail: a list that began before a jail did takes away nothing of it;
// of jails that have ended it takes away the files that say nothing.
func TestWordsOfANewJail(t *testing.T) {
	w := Words(t.TempDir())
	write := func(id, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(string(w), id), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("runs", "")
	write("said", "a word")
	write("quiet", "")
	write("new-123", "")
	unread, err := w.unread(func() ([]launch.Running, error) {
		write("begins", "")
		return []launch.Running{{ID: "runs"}}, nil
	})
	if err != nil || !slices.Equal(unread, []string{"said"}) {
		t.Errorf("%q, %v", unread, err)
	}
	left, err := filepath.Glob(string(w) + "/*")
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if want := []string{"begins", "new-123", "runs", "said"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("%q are left, not %q, %v", left, want, err)
	}
}
