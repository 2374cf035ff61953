package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
)

// Further is a jail whose first program only waits, while what was meant to be the
// first one runs in it as a further program. argv is a command of this program that
// starts a jail, and ends with what that executes: suite.Program, "audit", and an
// argument. It returns when the jail has ended as well.
func Further(argv []string) error {
	n := len(argv) - 3
	if n < 1 || argv[n] != suite.Program {
		return errors.New("audit --exec: this is no jail of ours")
	}
	first := exec.Command(argv[0], append(slices.Clone(argv[1:n+2]), "--inside="+suite.Waits)...)
	// What a jail says when it ends is judged as well.
	first.Stderr = os.Stderr
	in, err := first.StdinPipe()
	if err != nil {
		return err
	}
	out, err := first.StdoutPipe()
	if err != nil {
		return err
	}
	if err := first.Start(); err != nil {
		return err
	}
	late := time.AfterFunc(neighbourTime, func() { _ = first.Process.Kill() })
	_, err = bufio.NewReader(out).ReadString('\n')
	late.Stop()
	if err == nil {
		err = beside(argv[0], first.Process.Pid, argv[n:])
	}
	// It ends when there is nothing more to read, or with this process.
	return errors.Join(err, in.Close(), first.Wait())
}

// beside runs a further program in the jail with a supervisor.
func beside(self string, supervisor int, program []string) error {
	text, err := exec.Command(self, "list", "--json").Output()
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	var jails []struct {
		ID  string `json:"id"`
		PID int    `json:"pid"`
	}
	if err := json.Unmarshal(text, &jails); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for _, j := range jails {
		if j.PID != supervisor {
			continue
		}
		c := exec.Command(self, append([]string{"exec", j.ID, "--"}, program...)...)
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(c.Args[:2], " "), err)
		}
		return nil
	}
	return fmt.Errorf("the jail of process %d is not listed", supervisor)
}
