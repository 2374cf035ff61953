package audit

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/neighbours"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
)

// Finding is one row of the report.
type Finding struct {
	Attack  string `json:"attack"`
	Class   string `json:"class"`
	Promise string `json:"promise"`
	Source  string `json:"source,omitempty"`
	Success string `json:"success"`
	attack.Result
}

// Bait is the argument for Inside.
func (s *Scene) Bait() (string, error) { return s.bait.Encode() }

// Run starts a command that ends in Inside with this scene's bait, waits for
// its end, and judges. What the command wrote to its terminal is in the error if
// it never came to the first attack.
//
// Preconditions: on the thread of Prepare.
func (s *Scene) Run(c *exec.Cmd) ([]Finding, error) {
	if c.Env == nil {
		c.Env = os.Environ()
	}
	c.Env = append(c.Env, secretEnv+"="+s.secret)
	c.ExtraFiles = s.leaked
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	shown := make(chan struct{})
	if s.slave != nil {
		c.Stdin, c.Stderr = s.slave, s.slave
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
		go func() { s.show(s.master); close(shown) }()
	} else {
		c.Stderr = &s.screen
		close(shown)
	}
	s.began = time.Now()
	if err := c.Start(); err != nil {
		return nil, err
	}
	results, last, rerr := suite.Read(out, s.stage.Play)
	// What outlives the jail may hold the pipe.
	_ = out.Close()
	err = c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.maxRSS = u.Maxrss << 10
	}
	s.endNeighbour()
	s.end(shown)
	s.nextNeighbour()
	if len(results) == 0 && slices.ContainsFunc(suite.Of(s.bait), func(a attack.Attack) bool { return !a.Apart }) {
		return nil, fmt.Errorf("the attacks were not started: %s: %s", c.ProcessState, strings.TrimSpace(s.screen.String()))
	}
	if rerr != nil {
		last += ": " + rerr.Error()
	}
	maps.Copy(results, s.apart.attacked(s))
	return s.judge(results, last), nil
}

// end looks at the host when the jail has gone.
func (s *Scene) end(shown <-chan struct{}) {
	s.after = s.look()
	if s.slave == nil {
		return
	}
	fd := int(s.slave.Fd())
	// What is on its way to the screen comes before this, and then no more. Where
	// an attack has stopped the terminal there is nothing to write to.
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0); err == nil && n > 0 {
		_, _ = unix.Write(fd, []byte(endOfScreen))
	}
	_ = s.master.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	<-shown
	if ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
		s.size = *ws
	}
	// Without lines, what was typed can be read as it is.
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return
	}
	t.Lflag &^= unix.ICANON | unix.ECHO
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 0, 0
	if unix.IoctlSetTermios(fd, unix.TCSETS, t) != nil {
		return
	}
	b := make([]byte, 4096)
	if n, err := unix.Read(fd, b); err == nil && n > 0 {
		s.typed = string(b[:n])
	}
}

// endOfScreen ends what a terminal shows.
const endOfScreen = "\x04jailed-claude audit: end of screen\x04"

// show is the caller's terminal. What only fills it is not kept.
func (s *Scene) show(master io.Reader) {
	last := ""
	for b := make([]byte, 64<<10); ; {
		n, err := master.Read(b)
		text := strings.ReplaceAll(string(b[:n]), "xxxxxxxx", "")
		if s.screen.Len() < attack.Limit {
			s.screen.WriteString(text)
		}
		last += text
		if err != nil || strings.HasSuffix(last, endOfScreen) {
			return
		}
		last = last[max(0, len(last)-len(endOfScreen)):]
	}
}

// judge puts the results of inside and what the host saw together.
func (s *Scene) judge(results map[string]attack.Result, last string) []Finding {
	var all []Finding
	for _, a := range suite.Of(s.bait) {
		r, ok := results[a.Name]
		w, last := s.witness(), last
		if a.Apart {
			w, last = s.apart.witness(s), s.apart.last
			if s.apart.lacks != "" {
				r, ok = attack.Inapplicable("no jail for it: %s", s.apart.lacks), true
			}
		}
		switch {
		case !ok && a.Name == last:
			r = attack.Failure("the attacker ended while it was made: %s", w.lastWord())
		case !ok:
			r = attack.Failure("the attacker had ended, with %s", last)
		case a.Judge != nil && r.Verdict != attack.Failed:
			r = a.Judge(w, r)
		}
		if s.next != nil && s.next.failed != nil && neighbours.Leaves(a.Name) && r.Verdict == attack.Held {
			r = attack.Failure("no next jail looked for it: %v", s.next.failed)
		}
		if r.Verdict == attack.Held && a.Lacks != nil {
			if why := a.Lacks(); why != "" {
				r = attack.Inapplicable("%s", why)
			}
		}
		all = append(all, Finding{a.Name, a.Class, a.Promise, a.Source, a.Success, r})
	}
	return all
}

// Count of findings by verdict.
func Count(all []Finding) map[attack.Verdict]int {
	n := map[attack.Verdict]int{}
	for _, f := range all {
		n[f.Verdict]++
	}
	return n
}
