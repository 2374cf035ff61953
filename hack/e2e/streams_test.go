package e2e

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	w := newWorld(t)
	in := noise()
	c := w.base("set -o pipefail; { tee /dev/fd/3 | tr 'a-z' 'b-za' >&2; } 3>&1")
	c.Stdin = bytes.NewReader(in)
	r := finish(t, c)
	if r.status != 0 || !bytes.Equal([]byte(r.out), in) {
		t.Errorf("exit status %d, %d bytes of output differ from the %d of the input", r.status, len(r.out), len(in))
	}
	turned := bytes.Map(nil, nil)
	for _, b := range in {
		if b >= 'a' && b <= 'z' {
			b = 'a' + (b-'a'+1)%26
		}
		turned = append(turned, b)
	}
	if !bytes.Equal([]byte(r.err), turned) {
		t.Errorf("standard error: %d bytes, differ from what was written", len(r.err))
	}
}

func TestClosedStandardInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	script := "cat; echo out; echo err >&2; exit 4"
	for _, redirect := range []string{"<&-", "</dev/null"} {
		r := finish(t, w.throughShell(redirect, script))
		if r.status != 4 || r.out != "out\n" || !strings.Contains(r.err, "err\n") {
			t.Errorf("%s: %s", redirect, r)
		}
	}
	if r := finish(t, w.throughShell(">&-", "echo lost; exit 4")); r.status != 4 && r.status != 125 {
		t.Errorf("standard output closed: %s", r)
	}
	if r := finish(t, w.throughShell("2>&-", "echo out; echo lost >&2; exit 4")); r.status != 4 || r.out != "out\n" {
		t.Errorf("standard error closed: %s", r)
	}
	if r := finish(t, w.throughShell("<&- >&- 2>&-", "exit 4")); r.status != 4 {
		t.Errorf("all closed: %s", r)
	}
}

// throughShell runs a script in a jail from a host shell with redirections.
func (w *world) throughShell(redirect, script string) *exec.Cmd {
	w.t.Helper()
	inner := w.base(script)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	w.t.Cleanup(cancel)
	c := exec.CommandContext(ctx, requireTool(w.t, "bash"), append([]string{"-c", `exec "$@" ` + redirect, "bash"}, inner.Args...)...)
	c.Dir, c.Env, c.WaitDelay = inner.Dir, inner.Env, inner.WaitDelay
	return c
}

func TestBrokenPipeEndsTheJail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inner := w.base("exec yes")
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, requireTool(t, "bash"), append([]string{"-c", `"$@" | head -1; echo "${PIPESTATUS[0]}"`, "bash"}, inner.Args...)...)
	c.Dir, c.Env = inner.Dir, inner.Env
	if r := finish(t, c); r.out != "y\n141\n" || r.status != 0 {
		t.Errorf("want one line and the status of SIGPIPE: %s", r)
	}
}

func TestRedirectedOutputWithATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPTY(t)
	out, err := os.Create(filepath.Join(w.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c := w.base(`echo 'one line'; echo 'to the terminal' >&2; [ -t 0 ] && [ ! -t 1 ] && [ -t 2 ] && echo right; stty size >&2`)
	p.attach(c)
	c.Stdin, c.Stdout, c.Stderr = p.slave, out, p.slave
	if err := c.Run(); err != nil {
		t.Errorf("%v: %s", err, p.shown())
	}
	// The file has no carriage returns: it never went through a terminal.
	if got := w.read(out.Name()); got != "one line\nright\n" {
		t.Errorf("the file holds %q; the terminal %q", got, p.shown())
	}
	waitFor(t, "the terminal to show it", func() bool { return strings.Contains(p.shown(), "to the terminal\r\n") })
	if strings.Contains(p.shown(), "one line") {
		t.Errorf("the terminal shows what was redirected: %q", p.shown())
	}
}

func TestInputFromAPipeWithATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPTY(t)
	c := w.base(`[ ! -t 0 ] && [ -t 1 ] && wc -c && sha256sum </dev/null`)
	p.attach(c)
	in := noise()
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(in), p.slave, p.slave
	if err := c.Run(); err != nil {
		t.Errorf("%v: %s", err, p.shown())
	}
	waitFor(t, "the count", func() bool {
		return strings.Contains(p.shown(), itoa(len(in))+"\r\n") && strings.Contains(p.shown(), "e3b0c442")
	})
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}
