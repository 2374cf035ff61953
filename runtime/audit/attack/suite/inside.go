package suite

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/files"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/kernel"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/neighbours"
)

// Program is the path of the attacker inside a jail of ours: the program that
// is PID 1, by a name that PID 1 does not know itself by. So nothing has to be
// added to the jail that is audited.
const Program = "/.jail/./init"

// patience is how long one attack may take. None needs a tenth of it.
const patience = 30 * time.Second

// Waits is the part of a program that does nothing until its standard input ends.
const Waits = "waits"

// Inside plays a part inside a jail: what attacks start by name, otherwise all
// attacks of the suite, with the bait that part encodes. It reports to out.
func Inside(part string, out io.Writer) error {
	name, argument, _ := strings.Cut(part, ":")
	if name == Waits {
		_, err := fmt.Fprintln(out, Waits)
		_, last := io.Copy(io.Discard, os.Stdin)
		return errors.Join(err, last)
	}
	if name == "turn" {
		return files.Turn(argument, out)
	}
	if name == neighbours.PartName {
		return neighbours.Play(argument, os.Stdin, out)
	}
	if play := kernel.Part(name); play != nil {
		return play(argument, out)
	}
	return attackAll(part, out)
}

func attackAll(bait string, out io.Writer) error {
	text, err := base64.RawURLEncoding.DecodeString(bait)
	if err != nil {
		return fmt.Errorf("decode the bait: %w", err)
	}
	e := &attack.Env{Self: "/proc/self/exe"}
	if err := json.Unmarshal(text, &e.Bait); err != nil {
		return fmt.Errorf("decode the bait: %w", err)
	}
	if e.Hash == "" || e.Mark == "" {
		return errors.New("the bait is empty")
	}
	signal.Ignore(unix.SIGTTOU, unix.SIGTTIN, unix.SIGHUP, unix.SIGPIPE)
	enc := json.NewEncoder(out)
	e.Ask = func(what string) error { return enc.Encode(line{Attack: what, Ask: what}) }
	for _, a := range Of(&e.Bait) {
		if a.Apart != (e.Further.Dir != "") {
			continue
		}
		if err := enc.Encode(line{Attack: a.Name}); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		r := attempt(e, a)
		if err := enc.Encode(line{Attack: a.Name, Result: &r}); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if err := enc.Encode(line{Attack: endOfReport}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// attempt makes one attack. What it does to its own process must not end the suite.
func attempt(e *attack.Env, a attack.Attack) attack.Result {
	done := make(chan attack.Result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- attack.Failure("it panicked: %v", p)
			}
		}()
		done <- a.Run(e)
	}()
	select {
	case r := <-done:
		return r
	case <-time.After(patience):
		return attack.Failure("no end after %s", patience)
	}
}
