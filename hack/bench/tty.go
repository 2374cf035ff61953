package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Marks around what emit writes; '@' is in nothing else of it.
const (
	begin = "@@BEGIN@@"
	end   = "@@END@@"
)

// ttyBytes go through the terminal.
const ttyBytes = 100_000_000

// Columns of the terminal.
const (
	noRelay = "no relay"
	relayC  = "relay in C"
)

// terminals measures how fast what a program writes gets to the terminal: by
// itself, through a second pseudo-terminal and a relay that only copies, and
// through the jail's.
func terminals(b *bench) (*report.Table, error) {
	t := report.Table{
		Title: "100 MB through the jail's terminal", Unit: "MB/s", Head: "what", Rounds: b.third(),
		Columns: []string{noRelay, relayC, ours}, Of: ours, Against: []string{relayC},
	}
	for _, kind := range []string{"text", "colours"} {
		b.say("terminal, %s, %d rounds", kind, t.Rounds)
		program := []string{b.file("bench"), "emit", kind, fmt.Sprint(ttyBytes)}
		argv := map[string][]string{
			noRelay: program,
			relayC:  append([]string{b.file("relay")}, program...),
			ours:    append([]string{b.file(ours), "shell", "--closure", b.file("idle", "closure"), "--read", program[0], "--"}, program...),
		}
		for round := range t.Rounds + 1 {
			for _, name := range t.Columns {
				if t.Broken(kind, name) {
					continue
				}
				rate, err := b.throughPTY(argv[name])
				if err != nil || round > 0 {
					t.Add(kind, name, rate, err)
				}
			}
		}
	}
	return &t, nil
}

// throughPTY runs emit on a terminal and returns MB/s between the marks.
func (b *bench) throughPTY(argv []string) (float64, error) {
	master, slave, err := proc.OpenPTY()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	c := b.command(argv)
	if err := b.onPTY(c, slave); err != nil {
		return 0, err
	}
	err = c.Start()
	_ = slave.Close()
	if err != nil {
		return 0, err
	}
	rate, err := rateOf(master)
	if err != nil {
		_ = c.Process.Kill()
	}
	return rate, errors.Join(err, c.Wait())
}

// rateOf reads a terminal up to the second mark.
func rateOf(r io.Reader) (float64, error) {
	buf := make([]byte, 64<<10)
	var head, tail []byte
	var start time.Time
	total := 0
	for {
		n, err := r.Read(buf)
		if err != nil {
			return 0, fmt.Errorf("it ended before the mark, after %d bytes: %.100q", total, head)
		}
		chunk := buf[:n]
		if start.IsZero() {
			head = append(head, chunk...)
			i := bytes.Index(head, []byte(begin))
			if i < 0 {
				continue
			}
			start, chunk = time.Now(), head[i+len(begin):]
		}
		total += len(chunk)
		// The mark may lie across reads, and a line feed behind it.
		tail = append(tail, chunk[max(0, len(chunk)-2*len(end)):]...)
		tail = tail[max(0, len(tail)-2*len(end)):]
		if bytes.Contains(tail, []byte(end)) {
			return float64(total) / 1e6 / time.Since(start).Seconds(), nil
		}
	}
}

// emit KIND BYTES writes so many bytes of lines between the marks.
func emit(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errUsage
	}
	line := lines[args[0]]
	if line == "" {
		return errUsage
	}
	buf := []byte(strings.Repeat(line, 1+(64<<10)/len(line)))
	if _, err := io.WriteString(out, begin); err != nil {
		return err
	}
	for left := int(proc.Number(args[1])); left > 0; left -= len(buf) {
		if _, err := out.Write(buf[:min(left, len(buf))]); err != nil {
			return err
		}
	}
	_, err := io.WriteString(out, end+"\n")
	// What it wrote is read before it goes: a terminal without its program
	// may lose what is on the way.
	if f, ok := out.(*os.File); ok {
		_ = f.Sync()
	}
	time.Sleep(100 * time.Millisecond)
	return err
}

// lines of each kind. Colours are what a compiler, a test runner or the agent
// itself writes, and more of it: two sequences for each word.
var lines = map[string]string{
	"text": strings.Repeat("the quick brown fox jumps over the lazy dog; ", 2)[:79] + "\n",
	"colours": "\x1b[38;5;12mok\x1b[0m \x1b[1;32mpassed\x1b[22m \x1b[38;2;255;128;0mfox.go:12\x1b[39m \x1b[48;5;236mthe\x1b[49m " +
		"\x1b[4mlazy\x1b[24m \x1b[31m-dog\x1b[0m \x1b[32m+cat\x1b[0m \x1b[2mfaint\x1b[0m\x1b[K\n",
}

// onPTY makes a pseudo-terminal the controlling one of c.
func (b *bench) onPTY(c *exec.Cmd, slave *os.File) error {
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr.Setsid, c.SysProcAttr.Setctty = true, true
	if b.ids == nil {
		return nil
	}
	return slave.Chown(int(b.ids.Uid), int(b.ids.Gid))
}
