package files

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// moving is a jail during which the host works.
type moving struct {
	w   *world.World
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Reader
	err *strings.Builder
}

// beside starts a jail in which a shell reads commands.
func beside(w *world.World, flags ...string) *moving {
	w.T.Helper()
	m := &moving{w: w, cmd: w.BashCommand(`echo ready; while read -r line; do eval "$line" 2>/dev/null; echo "status $?"; done`, flags...), err: &strings.Builder{}}
	r, in, err := os.Pipe()
	if err != nil {
		w.T.Fatal(err)
	}
	m.in, m.cmd.Stdin, m.cmd.Stderr = in, r, m.err
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		w.T.Fatal(err)
	}
	m.out = bufio.NewReader(out)
	if err := m.cmd.Start(); err != nil {
		w.T.Fatal(err)
	}
	_ = r.Close()
	if l, err := m.out.ReadString('\n'); l != "ready\n" {
		w.T.Fatalf("the jail did not start: %q %v", l, err)
	}
	return m
}

// inside runs a line in the jail, and returns what it prints and its status.
func (m *moving) inside(line string) (out, status string) {
	m.w.T.Helper()
	if _, err := m.in.WriteString(line + "\n"); err != nil {
		return "", "ended"
	}
	for {
		l, err := m.out.ReadString('\n')
		if err != nil {
			return out, "ended"
		}
		if s, ok := strings.CutPrefix(l, "status "); ok {
			return out, strings.TrimSpace(s)
		}
		out += l
	}
}

// end ends the jail.
func (m *moving) end() world.Result {
	_ = m.in.Close()
	_ = m.cmd.Wait()
	return world.Result{Status: world.StatusOf(m.cmd.ProcessState), Err: m.err.String()}
}

// host runs a script on the host, in the project.
func (m *moving) host(script string) {
	m.w.T.Helper()
	c := exec.Command("sh", "-ec", script)
	c.Dir, c.Env = m.w.Project, m.w.Environ()
	if out, err := c.CombinedOutput(); err != nil {
		m.w.T.Errorf("on the host: %s: %v\n%s", script, err, out)
	}
	time.Sleep(100 * time.Millisecond) // far more than it takes
}

// replacements are ways in which programs of the host replace what is protected.
var replacements = map[string]struct{ host, path string }{
	"git config":            {`git config branch.main.remote origin`, ".git/config"},
	"sed -i":                {`sed -i s/mine/yours/ .envrc`, ".envrc"},
	"rename":                {`echo new >tmp; mv tmp .envrc`, ".envrc"},
	"unlink and make again": {`rm .envrc; echo new >.envrc`, ".envrc"},
	"backup and make again": {`mv .envrc .envrc~; echo new >.envrc; rm .envrc~`, ".envrc"},
	"a folder":              {`rm -r .vscode; mkdir .vscode; echo {} >.vscode/tasks.json`, ".vscode/tasks.json"},
	"a folder by rename":    {`mv .vscode old; cp -r old .vscode; rm -r old`, ".vscode/tasks.json"},
	"the folder above":      {`mv .git .git.bak; cp -r .git.bak .git`, ".git/config"},
	"above, and a hook":     {`mv .git .git.bak; cp -r .git.bak .git`, ".git/hooks/pre-commit"},
	"git switch":            {`git switch -q other; git switch -q main`, ".envrc"},
	"exchange":              {`echo new >other; mv --exchange other .envrc || { mv .envrc x; mv other .envrc; mv x other; }`, ".envrc"},
}

func protectedProject(t *testing.T) *world.World {
	w := world.New(t)
	w.Write(".envrc", "mine\n")
	w.Write(".vscode/tasks.json", "{}\n")
	w.CommitAll()
	w.Git(w.Project, "switch", "-q", "-c", "other")
	w.Git(w.Project, "rm", "-q", "-r", ".envrc", ".vscode")
	w.Git(w.Project, "commit", "-q", "-m", "without")
	w.Git(w.Project, "switch", "-q", "main")
	w.Write(".git/hooks/pre-commit", "#!/bin/sh\n")
	return w
}

// TestHostReplacesWhatIsProtected: what the host puts in the place of a
// protected file is as protected, and named at the end.
func TestHostReplacesWhatIsProtected(t *testing.T) {
	t.Parallel()
	for name, r := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := beside(protectedProject(t))
			m.host(r.host)
			before := m.w.Read(r.path)
			for _, attack := range []string{"echo evil >>P", "echo evil >P", "rm -f P", "mv P x", "echo evil >y; mv -f y P", "ln P z", "chmod 777 P", `mv "$(dirname P)" moved`} {
				_, status := m.inside(strings.ReplaceAll(attack, "P", r.path))
				if got, err := os.ReadFile(filepath.Join(m.w.Project, r.path)); err != nil || string(got) != before {
					t.Fatalf("%s (status %s): on the host %s is %q, not %q", attack, status, r.path, got, before)
				}
			}
			end := m.end()
			if !strings.Contains(end.Err, "the host replaced files") || !strings.Contains(end.Err, filepath.Dir(r.path)) && !strings.Contains(end.Err, r.path) {
				t.Errorf("not named: %s", end)
			}
			if end.Status == 125 {
				t.Errorf("the jail was ended: %s", end)
			}
		})
	}
}

// TestHostReplacesWhatIsHidden: a new secret is as hidden as the one before.
func TestHostReplacesWhatIsHidden(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ host, read string }{
		"rename":           {`echo ` + world.Planted + ` >tmp; mv tmp .env`, "cat .env"},
		"sed -i":           {`sed -i s/old/` + world.Planted + `/ .env`, "cat .env"},
		"make again":       {`rm .env; echo ` + world.Planted + ` >.env`, "cat .env"},
		"a folder":         {`rm -r secrets; mkdir secrets; echo ` + world.Planted + ` >secrets/a`, "cat secrets/a"},
		"moved and copied": {`mv secrets s; cp -r s secrets; rm -r s; echo ` + world.Planted + ` >secrets/b`, "cat secrets/*"},
	} {
		for _, mode := range []string{"rw", "ro"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				w := world.New(t)
				w.Write(".env", "old\n")
				w.Write("secrets/a", "old\n")
				policy := w.Write(w.Dir+"/policy.toml", "version = 1\n[files]\nproject = \""+mode+"\"\nhide = [\".env\", \"secrets/\"]\n")
				m := beside(w, "--policy", policy)
				m.host(c.host)
				if out, _ := m.inside(c.read); strings.Contains(out, world.Planted) {
					t.Errorf("the new secret is readable: %q", out)
				}
				if end := m.end(); !strings.Contains(end.Err, "the host replaced files") {
					t.Errorf("not named: %s", end)
				}
			})
		}
	}
}

// TestHostReplacesWithASymlink: on a symlink nothing can be mounted. What was
// hidden would be open, so the jail ends; what was protected is named.
func TestHostReplacesWithASymlink(t *testing.T) {
	t.Parallel()
	w := protectedProject(t)
	w.Write("elsewhere", "mine\n")
	m := beside(w)
	m.host(`ln -s elsewhere l; mv -T l .envrc`)
	if end := m.end(); end.Status == 125 || !strings.Contains(end.Err, `.envrc": it became a symlink`) {
		t.Errorf("not named: %s", end)
	}
	w = world.New(t)
	w.Write(".env", "old\n")
	w.Write("other", world.Planted)
	m = beside(w, "--hide", ".env")
	m.host(`ln -s other l; mv -T l .env`)
	if _, status := m.inside("true"); status != "ended" {
		t.Errorf("the jail goes on: %s", status)
	}
	if end := m.end(); end.Status != 125 || !strings.Contains(end.Err, "the jail was ended: it was hidden, and became a symlink") {
		t.Errorf("not ended: %s", end)
	}
}

// holding are ways to keep what was open for a moment: take it, and say whether
// it is what lies there now. What the host's rename took away is of no use.
var holding = map[string]struct{ take, good, host string }{
	"a file that is open":      {`exec 9>>.envrc`, `[ /proc/self/fd/9 -ef .envrc ]`, `echo new >t; mv t .envrc`},
	"a file open for reading":  {`[ -w .envrc ] && exec 9<.envrc && [ -w /proc/self/fd/9 ]`, `[ /proc/self/fd/9 -ef .envrc ]`, `echo new >t; mv t .envrc`},
	"a folder that is entered": {`cd ~/project; [ -w .vscode ] && cd .vscode && [ -w . ]`, `[ . -ef ~/project/.vscode ]`, `rm -rf .vscode; mkdir .vscode`},
	"a folder that is open":    {`[ -w .vscode ] && exec 9<.vscode && [ -w /proc/self/fd/9/. ]`, `[ /proc/self/fd/9 -ef .vscode ]`, `rm -rf .vscode; mkdir .vscode`},
	"the folder above":         {`[ -w .git/config ] && exec 9<.git && [ -w /proc/self/fd/9/config ]`, `[ /proc/self/fd/9 -ef .git ] && [ -w /proc/self/fd/9/config ]`, `cp -r .git g; mv .git old; mv g .git; rm -rf old`},
}

// TestJailHoldsOn: a process of the jail that waits for the moment in which the
// host replaces something, and keeps open what it got, ends with its jail.
func TestJailHoldsOn(t *testing.T) {
	t.Parallel()
	for name, c := range holding {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := protectedProject(t)
			cmd := w.BashCommand(`exec 2>/dev/null; echo ready
				while :; do ` + c.take + ` && ` + c.good + ` || continue; touch ~/project/held; sleep 2; ` + c.good + ` && break; rm ~/project/held; done; touch ~/project/kept; sleep 600`)
			var errs strings.Builder
			cmd.Stderr = &errs
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			says := func(mark string) bool { _, err := os.Lstat(filepath.Join(w.Project, mark)); return err == nil }
			// Until the jail wins the race, which takes many attempts. What it has got it
			// has for good only if it still has it a while later.
			deadline := time.Now().Add(world.Deadline / 3)
			over := func() bool {
				select {
				case <-ended:
					return true
				default:
					return time.Now().After(deadline) && !says("held")
				}
			}
			for ; !over() && !says("kept"); time.Sleep(10 * time.Millisecond) {
				if !says("held") {
					h := exec.Command("sh", "-c", c.host)
					h.Dir = w.Project
					_ = h.Run()
				}
			}
			if says("kept") {
				select {
				case <-ended:
				case <-time.After(world.Deadline / 3):
					t.Error("the jail goes on")
				}
			}
			select {
			case <-ended:
				if !strings.Contains(errs.String(), "and keeps it open") || world.StatusOf(cmd.ProcessState) != 125 {
					t.Errorf("it ended otherwise: %d\n%s", world.StatusOf(cmd.ProcessState), &errs)
				}
			default:
				_ = cmd.Process.Kill()
				<-ended
			}
		})
	}
}

// TestJailWritesInBetween: what the jail wrote to the host's new file before
// that was covered is to be reviewed.
func TestJailWritesInBetween(t *testing.T) {
	t.Parallel()
	w := protectedProject(t)
	cmd := w.BashCommand(`exec 2>/dev/null; echo ready; until echo evil >>.envrc; do :; done; touch wrote; sleep 1`)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	wrote := func() bool { _, err := os.Lstat(filepath.Join(w.Project, "wrote")); return err == nil }
	for deadline := time.Now().Add(world.Deadline / 3); !wrote() && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err := os.WriteFile(filepath.Join(w.Project, "t"), []byte("new\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(w.Project, "t"), filepath.Join(w.Project, ".envrc")); err != nil {
			t.Fatal(err)
		}
	}
	won := wrote()
	if !won {
		_ = cmd.Process.Kill()
	}
	_ = cmd.Wait()
	// It may have met the old file, which the rename takes away.
	won = won && strings.Contains(w.Read(".envrc"), "evil")
	if won && !strings.Contains(errs.String(), "it is not certain that it did not") {
		t.Errorf("not named: %s", &errs)
	}
}

// TestHostLinksWhatIsProtected: a protected file that the host gives another name in
// the project can be written by that, and is named if it was.
func TestHostLinksWhatIsProtected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inside string
		named  bool
	}{"written": {"echo evil >>other", true}, "read": {"cat other", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := beside(protectedProject(t))
			time.Sleep(time.Second) // it is known what was there
			m.host("ln .envrc other")
			m.inside(c.inside)
			r := m.end()
			if named := strings.Contains(r.Err, `/.envrc": review it: it has another name`); named != c.named || r.Status != 0 {
				t.Errorf("named %v: %s", named, r)
			}
		})
	}
}
