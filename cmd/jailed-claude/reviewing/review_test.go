package reviewing

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/spec/plan/trusted"
)

// onTerminal makes a terminal standard input, and returns the side of its user.
func onTerminal(t *testing.T) (user *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals: ", err)
	}
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	usual := os.Stdin
	os.Stdin = terminal
	t.Cleanup(func() { os.Stdin = usual; terminal.Close(); user.Close() })
	return user
}

// asked is standard error, on which there is a question at some time.
type asked struct {
	bytes.Buffer
	answer func()
}

func (a *asked) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "[y/N]") {
		a.answer()
	}
	return a.Buffer.Write(p)
}

// TestTypedBefore: only what is typed after the question is an answer, not what waits
// in the terminal since the jail has ended.
func TestTypedBefore(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	project := t.TempDir()
	o, err := trusted.Review(project, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := layer.Begin(layer.Dir(o.Layer), project, nil); errors.Is(err, unix.ENOTSUP) {
		t.Skip("this file system has no user attributes: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(layer.Dir(o.Layer).Upper(), "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	user := onTerminal(t)
	types := func(line string) {
		if _, err := user.WriteString(line); err != nil {
			t.Error(err)
		}
	}
	for _, tt := range []struct {
		before, after string
		applied       bool
	}{{"y\n", "n\n", false}, {"y\ny\n", "\n", false}, {"n\n", "y\n", true}} {
		types(tt.before)
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(os.Stdin.Fd()), Events: unix.POLLIN}}, -1); n != 1 {
			t.Fatal(err)
		}
		said := &asked{answer: func() { types(tt.after) }}
		c := Command()
		c.SetErr(said)
		c.SetArgs([]string{"--" + atEndFlag, "ask", "--project", project, "--layer", ""})
		if err := c.Execute(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(filepath.Join(project, "new")); (err == nil) != tt.applied {
			t.Errorf("%q, then %q: %v\n%s", tt.before, tt.after, err, said)
		}
	}
}
