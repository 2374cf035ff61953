package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/bridges"
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
	// ours: it is a jail of ours, and what starts it is known.
	ours bool
	bait attack.Bait
	said bytes.Buffer
	// last is the attack that was under way when the report ended, lacks why there
	// is no such jail.
	last, lacks string
}

func (a *apart) witness(s *Scene) witness { return witness{s, &a.bait, &a.said} }

// setApart has that jail made after the other, if any attack is for it.
func (s *Scene) setApart(jail func(project, policy, argument string) *exec.Cmd, ours bool) {
	s.apart.jail, s.apart.ours = jail, ours
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
	services, err := keys.Lay(own, further, s.secret, &b, s.note)
	if err != nil {
		return nil, err
	}
	defer services.Close()
	path := a.layCaller(s, own, further, project, &b)
	desktop, env, err := s.layDesktop(own, project, path, services.Policy, &b)
	if err != nil {
		return nil, err
	}
	defer desktop.Close()
	if err := s.tellTarget(); err != nil {
		return nil, err
	}
	a.bait = b
	argument, err := b.Encode()
	if err != nil {
		return nil, err
	}
	c := a.jail(project, services.Policy, argument)
	c.Env = slices.Concat(os.Environ(), services.Env, env)
	said, err := os.OpenFile(filepath.Join(own, "said"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	if _, err := said.WriteString(s.secret + "\n"); err != nil {
		return nil, err
	}
	c.Stderr = said
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	results, last, rerr := suite.Read(out, func(what string) {
		desktop.Play(what, func() []string { return jailed(argument) }, s.note)
		stage.Play(what)
	})
	_ = out.Close()
	err = c.Wait()
	desktop.Judge(s.note)
	if text, rerr := os.ReadFile(said.Name()); rerr == nil {
		a.said.Write(text)
	}
	s.remains.Folders = append(s.remains.Folders, s.kept()...)
	if a.last = last; rerr != nil {
		a.last += ": " + rerr.Error()
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("%s: %s", c.ProcessState, strings.TrimSpace(strings.TrimPrefix(a.said.String(), s.secret)))
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		err = nil // the attacks say more
	}
	return results, err
}

// note notes that an attack has reached something, by its name.
func (s *Scene) note(attack string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages[s.bait.Marked(attack)] = true
}

// layDesktop makes a desktop, and has a policy let the jail use it: where the jail
// has the host's network there are no bridges. It returns the variables of the
// jail's start.
func (s *Scene) layDesktop(own, project, path, policy string, b *attack.Bait) (d *bridges.Desktop, env []string, err error) {
	d, bin, env, err := bridges.Lay(own, project, s.secret, b)
	if err != nil {
		return nil, nil, err
	}
	s.remains.Folders = append(s.remains.Folders, d.Outside())
	if s.bait.Facts.Net == "host" {
		return d, []string{path}, nil
	}
	f, err := os.OpenFile(policy, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	_, err = f.WriteString(bridges.Policy)
	return d, append(env, "PATH="+bin+string(filepath.ListSeparator)+strings.TrimPrefix(path, "PATH=")), errors.Join(err, f.Close())
}

// jailed are the folders by which processes of a jail that know of argument have
// their files.
func jailed(argument string) (roots []string) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range found {
		dir := filepath.Dir(f)
		command, _ := os.ReadFile(f)
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		_, pids, _ := strings.Cut(string(status), "\nNSpid:")
		pids, _, _ = strings.Cut(pids, "\n")
		if bytes.Contains(command, []byte(argument)) && len(strings.Fields(pids)) > 1 {
			roots = append(roots, filepath.Join(dir, "root"))
		}
	}
	return roots
}

// layCaller lays out what the caller has elsewhere that leads to the further folder.
// It returns the PATH of the jail's start. What cannot be made is left out.
func (a *apart) layCaller(s *Scene, own, further, project string, b *attack.Bait) (path string) {
	b.Caller.Appended = true
	linked := filepath.Join(further, "dotfiles/rc")
	if os.Mkdir(filepath.Dir(linked), 0o700) == nil && os.WriteFile(linked, []byte(attack.MarkerText), 0o600) == nil {
		b.Caller.Linked, b.Caller.LinkedNew = linked, filepath.Join(further, "dotfiles/new")
	}
	for name, to := range map[string]string{"rc": linked, "new": b.Caller.LinkedNew} {
		link := filepath.Join(b.Facts.Home, s.bait.Marked(name))
		if b.Caller.Linked == "" || os.Symlink(to, link) != nil {
			b.Caller.Linked = ""
			continue
		}
		s.remains.Folders = append(s.remains.Folders, link)
	}
	path = "PATH=" + os.Getenv("PATH")
	bin := filepath.Join(further, "node_modules/.bin")
	// An include is for git itself to read.
	git := filepath.Join(project, ".git")
	if !a.ours || os.MkdirAll(bin, 0o700) != nil || moves.Repository(project) != nil ||
		os.WriteFile(filepath.Join(git, "config"), []byte("[core]\n\trepositoryformatversion = 0\n[include]\n\tpath = included\n"), 0o600) != nil {
		return path
	}
	ran := filepath.Join(own, "ran")
	for _, name := range []string{"git", "nix", "nix-store"} {
		script := fmt.Sprintf("#!/bin/sh\nprintf '%%s' '%s' >'%s'\n", attack.MarkerText, ran)
		if os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700) != nil { //nolint:gosec // it is to be executed
			return path
		}
	}
	b.Caller.Program, b.Caller.Ran = filepath.Join(bin, "git"), ran
	return path[:len("PATH=")] + bin + string(filepath.ListSeparator) + path[len("PATH="):]
}
