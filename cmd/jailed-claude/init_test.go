package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// TestNothingIsMadeBeforeMain: a start is three processes of this program, and each
// initialises every package. What ours make there, all of them pay for: tables are
// made by whoever needs them.
func TestNothingIsMadeBeforeMain(t *testing.T) {
	const most = 4096 // bytes of a package: a list of a few words
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ours := regexp.MustCompile(`(?m)^init (github\.com/jailed-claude/\S+) .* (\d+) bytes`).FindAllSubmatch(out, -1)
	if len(ours) < 5 {
		t.Fatalf("the trace has %d of our packages: %s", len(ours), out)
	}
	for _, m := range ours {
		if n, err := strconv.Atoi(string(m[2])); err != nil || n > most {
			t.Errorf("%s makes %s bytes before main, at most %d are right", m[1], m[2], most)
		}
	}
}
