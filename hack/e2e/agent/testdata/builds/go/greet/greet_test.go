package greet

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestGreet(t *testing.T) {
	t.Parallel()
	if got := Greet("world"); got != "hello, world" {
		t.Error(got)
	}
}

// TestScript: what a test writes to its temporary folder can be executed.
func TestScript(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(script, "ran").CombinedOutput(); err != nil || string(out) != "ran\n" {
		t.Errorf("%v: %s", err, out)
	}
}
