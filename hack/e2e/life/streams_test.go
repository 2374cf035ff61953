package life

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// noise is 10 MB of every byte value.
func noise() []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, 10<<20)
	_, _ = r.Read(b)
	return b
}

func TestStreamsAreSeparateAndWhole(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	in := noise()
	c := w.Base("set -o pipefail; { tee /dev/fd/3 | tr 'a-z' 'b-za' >&2; } 3>&1")
	c.Stdin = bytes.NewReader(in)
	r := world.Finish(t, c)
	if r.Status != 0 || !bytes.Equal([]byte(r.Out), in) {
		t.Errorf("exit status %d, %d bytes of output differ from the %d of the input", r.Status, len(r.Out), len(in))
	}
	turned := bytes.Map(nil, nil)
	for _, b := range in {
		if b >= 'a' && b <= 'z' {
			b = 'a' + (b-'a'+1)%26
		}
		turned = append(turned, b)
	}
	if !bytes.Equal([]byte(r.Err), turned) {
		t.Errorf("standard error: %d bytes, differ from what was written", len(r.Err))
	}
}

func TestClosedStandardInput(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	script := "cat; echo out; echo err >&2; exit 4"
	for _, redirect := range []string{"<&-", "</dev/null"} {
		r := world.Finish(t, w.ThroughShell(redirect, script))
		if r.Status != 4 || r.Out != "out\n" || !strings.Contains(r.Err, "err\n") {
			t.Errorf("%s: %s", redirect, r)
		}
	}
	if r := world.Finish(t, w.ThroughShell(">&-", "echo lost; exit 4")); r.Status != 4 && r.Status != 125 {
		t.Errorf("standard output closed: %s", r)
	}
	if r := world.Finish(t, w.ThroughShell("2>&-", "echo out; echo lost >&2; exit 4")); r.Status != 4 || r.Out != "out\n" {
		t.Errorf("standard error closed: %s", r)
	}
	if r := world.Finish(t, w.ThroughShell("<&- >&- 2>&-", "exit 4")); r.Status != 4 {
		t.Errorf("all closed: %s", r)
	}
}

func TestBrokenPipeEndsTheJail(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	inner := w.Base("exec yes")
	ctx, cancel := context.WithTimeout(context.Background(), world.Deadline)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, world.RequireTool(t, "bash"), append([]string{"-c", `"$@" | head -1; echo "${PIPESTATUS[0]}"`, "bash"}, inner.Args...)...)
	c.Dir, c.Env = inner.Dir, inner.Env
	if r := world.Finish(t, c); r.Out != "y\n141\n" || r.Status != 0 {
		t.Errorf("want one line and the status of SIGPIPE: %s", r)
	}
}

func TestRedirectedOutputWithATerminal(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	p := world.NewPTY(t)
	out, err := os.Create(filepath.Join(w.Dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c := w.Base(`echo 'one line'; echo 'to the terminal' >&2; [ -t 0 ] && [ ! -t 1 ] && [ -t 2 ] && echo right; stty size >&2`)
	p.Attach(c)
	c.Stdin, c.Stdout, c.Stderr = p.Slave, out, p.Slave
	if err := c.Run(); err != nil {
		t.Errorf("%v: %s", err, p.Shown())
	}
	// The file has no carriage returns: it never went through a terminal.
	if got := w.Read(out.Name()); got != "one line\nright\n" {
		t.Errorf("the file holds %q; the terminal %q", got, p.Shown())
	}
	world.WaitFor(t, "the terminal to show it", func() bool { return strings.Contains(p.Shown(), "to the terminal\r\n") })
	if strings.Contains(p.Shown(), "one line") {
		t.Errorf("the terminal shows what was redirected: %q", p.Shown())
	}
}

func TestInputFromAPipeWithATerminal(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	p := world.NewPTY(t)
	c := w.Base(`[ ! -t 0 ] && [ -t 1 ] && wc -c && sha256sum </dev/null`)
	p.Attach(c)
	in := noise()
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(in), p.Slave, p.Slave
	if err := c.Run(); err != nil {
		t.Errorf("%v: %s", err, p.Shown())
	}
	world.WaitFor(t, "the count", func() bool {
		return strings.Contains(p.Shown(), world.Itoa(len(in))+"\r\n") && strings.Contains(p.Shown(), "e3b0c442")
	})
}
