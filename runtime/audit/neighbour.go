package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/neighbours"
)

// neighbour is the other project, and the jail of it that runs during the
// attacks.
type neighbour struct {
	project string
	// jail is a command that ends in suite.Inside with that argument, in the other
	// project.
	jail func(project, argument string) *exec.Cmd
	shm  int
	ends func()
	// failed is why the last jail did not start.
	failed error
}

// neighbours makes another project beside the one that is attacked from, runs a
// jail in it, and another one that stays. Without them their attacks do not apply.
func (s *Scene) neighbours(jail func(project, argument string) *exec.Cmd) {
	if !s.bait.WantsAny(neighbours.Attacks()) {
		return
	}
	if err := s.startNeighbours(jail); err != nil {
		s.bait.Lacks["neighbours"] = err.Error()
		s.bait.Neighbour = attack.Neighbour{}
	}
}

func (s *Scene) startNeighbours(jail func(project, argument string) *exec.Cmd) error {
	f := s.bait.Facts
	n := &neighbour{project: filepath.Join(filepath.Dir(f.Project), s.bait.Marked("neighbour")), jail: jail}
	if s.granted(n.project) {
		return fmt.Errorf("the policy grants the folder of the project")
	}
	if err := os.Mkdir(n.project, 0o700); err != nil {
		return err
	}
	s.remains.Folders = append(s.remains.Folders, n.project)
	s.undo = append(s.undo, func() { neighbours.Clean(s.bait.Mark) })
	if err := os.WriteFile(filepath.Join(n.project, s.bait.Marked("theirs")), []byte(s.secret+"\n"), 0o600); err != nil {
		return err
	}
	r := make([]byte, 3)
	if _, err := random(r); err != nil {
		return err
	}
	n.shm = int(r[0])<<16 | int(r[1])<<8 | int(r[2]) | 1<<25
	s.next, s.remains.NeighbourSHM = n, n.shm
	if _, err := s.play(neighbours.Leave); err != nil {
		return err
	}
	said, err := s.play(neighbours.Stay)
	if err != nil {
		return err
	}
	own := attack.Neighbour{Project: n.project, TCP: said.TCP, SHM: n.shm}
	for _, name := range []string{"projects", "log", "trust"} {
		if len(attack.DirNames(filepath.Join(f.State, name))) > 0 {
			own.Folders = append(own.Folders, name)
		}
	}
	for _, dir := range s.kept() {
		s.remains.Folders = append(s.remains.Folders, dir)
		// Where in it, only that jail's configuration says.
		all, _ := filepath.Glob(filepath.Join(dir, "*", s.bait.Marked("theirs")))
		own.Kept = append(own.Kept, all...)
	}
	s.bait.Neighbour = own
	return s.tellTarget()
}

// kept are the folders that are kept for other projects of this audit. Their names
// are cut off.
func (s *Scene) kept() []string {
	all, _ := filepath.Glob(filepath.Join(s.bait.Facts.State, "projects", strings.ReplaceAll(s.bait.Mark, ".", "_")+"*"))
	return all
}

// neighbourTime is how long a jail may take to start.
const neighbourTime = 30 * time.Second

// play starts a jail of the other project, and waits until it says that it is
// ready. One that is to stay ends in endNeighbour.
func (s *Scene) play(does string) (said neighbours.Said, err error) {
	n := s.next
	argument, err := neighbours.Part{Does: does, Mark: s.bait.Mark, SHM: n.shm}.Argument()
	if err != nil {
		return said, err
	}
	c := n.jail(n.project, argument)
	var errs strings.Builder
	c.Stderr = &errs
	in, err := c.StdinPipe()
	if err != nil {
		return said, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return said, err
	}
	if err := c.Start(); err != nil {
		return said, err
	}
	late := time.AfterFunc(neighbourTime, func() { _ = c.Process.Kill() })
	_, _ = io.WriteString(in, s.secret+"\n")
	err = json.NewDecoder(bufio.NewReader(out)).Decode(&said)
	late.Stop()
	end := func() {
		_ = in.Close()
		kill := time.AfterFunc(neighbourTime, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		kill.Stop()
	}
	if does == neighbours.Stay && err == nil {
		n.ends = end
		s.undo = append(s.undo, s.endNeighbour)
		return said, nil
	}
	end()
	if err != nil {
		return said, fmt.Errorf("the jail of another project: %s: %s", c.ProcessState, strings.TrimSpace(errs.String()))
	}
	return said, nil
}

// endNeighbour ends the jail that ran beside the attacks.
func (s *Scene) endNeighbour() {
	if s.next != nil && s.next.ends != nil {
		s.next.ends()
		s.next.ends = nil
	}
}

// nextNeighbour has a jail of the other project look for what the attacker left.
func (s *Scene) nextNeighbour() {
	if s.bait.Neighbour.Project == "" {
		return
	}
	said, err := s.play(neighbours.Look)
	if err != nil {
		s.next.failed = err
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, place := range said.Found {
		s.messages[s.bait.Marked(neighbours.Left(place))] = true
	}
}
