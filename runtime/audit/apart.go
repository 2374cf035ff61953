package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/keys"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/moves"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
)

// apart is a jail with the flags of the one that is audited, in a project of its
// own, and with what some attacks are about: a further folder that it may write,
// and brokers of services that the host plays. The jail that is audited has what
// its policy gives it, and nothing for the sake of attacks.
type apart struct {
	jail func(project, policy, argument string) *exec.Cmd
	bait attack.Bait
	said bytes.Buffer
	// last is the attack that was under way when the report ended, lacks why there
	// is no such jail.
	last, lacks string
}

func (a *apart) witness(s *Scene) witness { return witness{s, &a.bait, &a.said} }

// setApart has that jail made after the other, if any attack is for it.
func (s *Scene) setApart(jail func(project, policy, argument string) *exec.Cmd) {
	s.apart.jail = jail
}

// attacked makes the attacks of that jail.
func (a *apart) attacked(s *Scene) map[string]attack.Result {
	if !suite.NeedsApart(s.bait) {
		return nil
	}
	if a.jail == nil {
		a.lacks = "nobody starts one"
		return nil
	}
	results, err := a.attack(s)
	if err != nil {
		a.lacks = err.Error()
	}
	return results
}

func (a *apart) attack(s *Scene) (map[string]attack.Result, error) {
	beside := filepath.Dir(s.bait.Facts.Project)
	project, further := filepath.Join(beside, s.bait.Marked("apart")), filepath.Join(beside, s.bait.Marked("further"))
	// A socket in it has a short address, and no jail sees it.
	own := filepath.Join(s.run, s.bait.Marked("keys"))
	if !attack.Exists(s.run) || len(own) > 90 {
		own = filepath.Join("/tmp", s.bait.Marked("keys"))
	}
	for _, dir := range []string{project, further, own} {
		if s.granted(dir) {
			return nil, fmt.Errorf("the policy grants %q", dir)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		s.remains.Folders = append(s.remains.Folders, dir)
	}
	if err := s.tellTarget(); err != nil {
		return nil, err
	}
	b := *s.bait
	// What the attacker takes for the project is the further folder.
	b.Facts.Project, b.Facts.ReadOnly, b.Facts.Layer = further, false, false
	b.Facts.Hidden, b.Facts.Hides, b.Neighbour = nil, nil, attack.Neighbour{}
	b.Further.Dir = further
	var err error
	if b.Facts.Protected, err = moves.LayFurther(further); err != nil {
		return nil, err
	}
	stage, err := moves.Lay(filepath.Join(further, s.bait.Marked("host")), s.secret, &b)
	if err != nil {
		return nil, err
	}
	defer stage.Close()
	services, err := keys.Lay(own, further, s.secret, &b, func(attack string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.messages[s.bait.Marked(attack)] = true
	})
	if err != nil {
		return nil, err
	}
	defer services.Close()
	a.bait = b
	argument, err := b.Encode()
	if err != nil {
		return nil, err
	}
	c := a.jail(project, services.Policy, argument)
	c.Env = append(os.Environ(), services.Env...)
	c.Stderr = &a.said
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	results, last, rerr := suite.Read(out, stage.Play)
	_ = out.Close()
	err = c.Wait()
	s.remains.Folders = append(s.remains.Folders, s.kept()...)
	if a.last = last; rerr != nil {
		a.last += ": " + rerr.Error()
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("%s: %s", c.ProcessState, strings.TrimSpace(a.said.String()))
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		err = nil // the attacks say more
	}
	return results, err
}
