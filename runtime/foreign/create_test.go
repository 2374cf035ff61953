package foreign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestHangs: a runtime that does not end is ended, with all that it has started.
func TestHangs(t *testing.T) {
	usual := patience
	patience = 100 * time.Millisecond
	defer func() { patience = usual }()
	dir := t.TempDir()
	name := filepath.Join(dir, "hangs")
	if err := os.WriteFile(name, []byte("#!/bin/sh\nsleep 1000 &\nsleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	held, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	c := &Container{Runtime: program, Dir: dir, ID: "x", Frame: &specs.Spec{Process: &specs.Process{}}, Files: []*os.File{end}}
	if err := c.run("run"); err == nil || !strings.Contains(err.Error(), "it has not ended within 100ms") {
		t.Error(err)
	}
	end.Close()
	// Each process of it has the other end.
	if err := held.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := held.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
		t.Errorf("something of it is left: %v", err)
	}
}
