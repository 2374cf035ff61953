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

// filteredScript writes what a terminal must not get, last, and much before it.
const filteredScript = `for ((i = 0; i < 3000; i++)); do echo "line $i"; done; printf 'a\033]52;c;eA==\007\033[21tb\n'; printf 'e\033[5if\n' >&2; exit 7`

// passesFiltered: all lines come, and nothing that is no text, to a reader that
// takes its time.
func passesFiltered(t *testing.T, what string, c *exec.Cmd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), world.Deadline)
	t.Cleanup(cancel)
	p := exec.CommandContext(ctx, world.RequireTool(t, "bash"), append([]string{"-c", `"$@" | { sleep 0.5; cat; }; exit "${PIPESTATUS[0]}"`, "bash"}, c.Args...)...)
	p.Dir, p.Env = c.Dir, c.Env
	r := world.Finish(t, p)
	lines := strings.Split(r.Out, "\n")
	if r.Status != 7 || len(lines) != 3002 || lines[2999] != "line 2999" || lines[3000] != "ab" || !strings.Contains(r.Err, "ef\n") {
		t.Errorf("%s: status %d, %d lines, the last of them %q; %q", what, r.Status, len(lines), lines[max(0, len(lines)-3):], r.Err)
	}
}

// TestTerminalFilterAlways: with the flag, or by policy, what a jail writes into a
// pipe is filtered as on a terminal; that of further programs too.
func TestTerminalFilterAlways(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	flag := []string{"--net", "none", "--terminal-filter", "always"}
	passesFiltered(t, "own", w.Base(filteredScript, flag...))
	for _, name := range foreign {
		if _, err := exec.LookPath(name); err == nil {
			passesFiltered(t, name, w.Base(filteredScript, append(flag, "--runtime", name)...))
		}
	}
	if r := world.Finish(t, w.Base(`printf 'a\033]52;c;eA==\007b\n'`, "--net", "none")); !strings.Contains(r.Out, "52;c") {
		t.Errorf("without the flag it is filtered as well: %s", r)
	}
	if r := world.Finish(t, w.Base("true", "--terminal-filter", "sometimes")); r.Status != 125 || !strings.Contains(r.Err, `"sometimes"`) {
		t.Errorf("not a value: %s", r)
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[terminal]\nfilter = \"always\"\n")
	passesFiltered(t, "by policy", w.Base(filteredScript, "--net", "none"))
	c := w.Base("exec sleep 1000", "--net", "none")
	c.Args = append([]string{c.Args[0], "shell", "--detach"}, c.Args[2:]...)
	r := world.Finish(t, c)
	if r.Status != 0 {
		t.Fatal(r)
	}
	id := strings.TrimSpace(r.Out)
	passesFiltered(t, "exec", w.Command("exec", id, "--", "bash", "-c", filteredScript))
	if r := w.Run("stop", "--grace", "0s", id); r.Status != 0 {
		t.Error(r)
	}
}

// TestTerminalFilterOfABundle: other runtimes run the same filter.
func TestTerminalFilterOfABundle(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	dir := w.Bundle(nil, "--net", "none", "--terminal-filter", "always", "--", "bash", "-c", filteredScript)
	for name, run := range w.Runtimes() {
		r := run(dir)
		if r.Status != 7 || !strings.HasSuffix(r.Out, "line 2999\nab\n") || !strings.Contains(r.Err, "ef\n") {
			t.Errorf("%s: status %d, %q, %q", name, r.Status, r.Out[max(0, len(r.Out)-100):], r.Err)
		}
	}
}
