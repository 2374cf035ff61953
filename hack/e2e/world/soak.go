package world

import (
	"fmt"
	"os"
	"testing"
)

// Soak reports whether loops are to run in full (hack/soak.sh).
func Soak() bool { return os.Getenv("JAIL_TEST_SOAK") == "1" }

// Counted is a line of counts, which hack/soak.sh gathers.
func Counted(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf("%s: %s: %s\n", os.Getenv("USER"), t.Name(), fmt.Sprintf(format, args...))
	t.Log(line)
	name := os.Getenv("JAIL_TEST_COUNTS")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line); err != nil {
		t.Error(err)
	}
}
