package supervisor

import (
	"io"
	"os"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/question"
)

// TestDrain: from the end of the jail on nothing is taken from the caller's terminal:
// it is for whoever asks there.
func TestDrain(t *testing.T) {
	terminal, user, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer user.Close()
	c := &console{copied: make(chan struct{}), gate: question.New(nil, io.Discard, nil)}
	close(c.copied)
	if c.typed, err = pty.NewInput(terminal); err != nil {
		t.Fatal(err)
	}
	c.drain()
	if _, err := user.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	if n, err := c.typed.Read(buf); err == nil {
		t.Errorf("the jail has got %q", buf[:n])
	}
	if n, err := terminal.Read(buf); string(buf[:n]) != "y\n" || err != nil {
		t.Errorf("%q is left, %v", buf[:n], err)
	}
}
