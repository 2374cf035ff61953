package audit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Program is the path of the attacker inside a jail of ours: the program that
// is PID 1, by a name that PID 1 does not know itself by. So nothing has to be
// added to the jail that is audited.
const Program = "/.jail/./init"

// line is what the attacker reports: that an attack begins, then its result.
type line struct {
	Attack string  `json:"attack"`
	Result *Result `json:"is,omitempty"`
}

// endOfReport is the last line's attack.
const endOfReport = "end"

// Encode returns the argument that Inside takes.
func (b *Bait) Encode() (string, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("encode the bait: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// patience is how long one attack may take. None needs a tenth of it.
const patience = 30 * time.Second

// Inside plays a part inside a jail: what attacks start by name, otherwise all
// attacks of the suite, with the bait that part encodes. It reports to out.
func Inside(part string, out io.Writer) error {
	name, argument, _ := strings.Cut(part, ":")
	if play := partOf(name); play != nil {
		return play(argument, out)
	}
	return attackAll(part, out)
}

func attackAll(bait string, out io.Writer) error {
	text, err := base64.RawURLEncoding.DecodeString(bait)
	if err != nil {
		return fmt.Errorf("decode the bait: %w", err)
	}
	e := &Env{Self: "/proc/self/exe"}
	if err := json.Unmarshal(text, &e.Bait); err != nil {
		return fmt.Errorf("decode the bait: %w", err)
	}
	if e.Hash == "" || e.Mark == "" {
		return errors.New("the bait is empty")
	}
	signal.Ignore(unix.SIGTTOU, unix.SIGTTIN, unix.SIGHUP, unix.SIGPIPE)
	enc := json.NewEncoder(out)
	for _, a := range e.attacks() {
		if err := enc.Encode(line{Attack: a.Name}); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		r := e.make(a)
		if err := enc.Encode(line{a.Name, &r}); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if err := enc.Encode(line{Attack: endOfReport}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// make runs one attack. What it does to its own process must not end the suite.
func (e *Env) make(a Attack) Result {
	done := make(chan Result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- failed("it panicked: %v", p)
			}
		}()
		done <- a.Run(e)
	}()
	select {
	case r := <-done:
		return r
	case <-time.After(patience):
		return failed("no end after %s", patience)
	}
}
