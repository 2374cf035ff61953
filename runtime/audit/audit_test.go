package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/suite"
)

func emptyScene() *Scene {
	return &Scene{bait: &attack.Bait{Mark: ".mark", Facts: attack.Facts{Project: "/project", Home: "/home/ada"}}, existing: map[string]bool{}, messages: map[string]bool{}}
}

// TestJudgeMissing: no attack is taken for stopped because the attacker ended.
func TestJudgeMissing(t *testing.T) {
	all := suite.All()
	got := emptyScene().judge(map[string]attack.Result{all[0].Name: attack.HeldBy("x")}, all[1].Name)
	n := Count(got)
	if n[attack.Failed] != len(all)-1 || got[0].Verdict != attack.Held || got[1].Detail == got[2].Detail {
		t.Errorf("%v; %+v", n, got[:3])
	}
}

func attackNamed(t *testing.T, name string) attack.Attack {
	t.Helper()
	for _, a := range suite.All() {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("there is no attack %s", name)
	return attack.Attack{}
}

func TestJudges(t *testing.T) {
	dir := t.TempDir()
	s := emptyScene()
	w := s.witness()
	p := filepath.Join(dir, "marker")
	if got := w.Planted(p, attack.HeldBy("x")); got != attack.HeldBy("x") {
		t.Errorf("no marker: %v", got)
	}
	if err := os.WriteFile(p, []byte(attack.MarkerText), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.Planted(p, attack.HeldBy("x")); got.Verdict != attack.GotThrough {
		t.Errorf("a marker: %v", got)
	}
	s.existing[p] = true
	if got := w.Planted(p, attack.HeldBy("x")); got.Verdict != attack.Held {
		t.Errorf("a marker from before: %v", got)
	}

	made := attack.Through("made")
	if got := w.Reported(".vscode/tasks.json", made); got.Verdict != attack.GotThrough {
		t.Errorf("no report: %v", got)
	}
	s.screen.WriteString("jailed-claude: the agent made files\n  \"/project/.vscode\": editor tasks\n  \"/project/.envrc-not\": x\n")
	if got := w.Reported(".vscode/tasks.json", made); got.Verdict != attack.Held {
		t.Errorf("reported: %v", got)
	}
	if got := w.Reported(".envrc", made); got.Verdict != attack.GotThrough {
		t.Errorf("another one is reported: %v", got)
	}
	if got := w.Reported(".vscode/tasks.json", attack.Through("open")); got.Verdict != attack.GotThrough {
		t.Errorf("what was changed is excused by a report: %v", got)
	}

	if got := w.WasTyped(attack.Through("x")); got.Verdict != attack.Held {
		t.Errorf("typed elsewhere: %v", got)
	}
	s.typed = "$ " + attack.Typed
	if got := w.WasTyped(attack.HeldBy("x")); got.Verdict != attack.GotThrough {
		t.Errorf("typed: %v", got)
	}
	s.size = terminalSize
	if got := w.WasResized(attack.Through("x")); got.Verdict != attack.Held {
		t.Errorf("not resized: %v", got)
	}
	s.size.Row--
	if got := w.WasResized(attack.HeldBy("x")); got.Verdict != attack.GotThrough {
		t.Errorf("resized: %v", got)
	}
	if got := w.Shown("\x1b]52", attack.Through("x")); got.Verdict != attack.Held {
		t.Errorf("not shown: %v", got)
	}
	s.screen.WriteString("a\x1b]52b")
	if got := w.Shown("\x1b]52", attack.Through("x")); got.Verdict != attack.GotThrough {
		t.Errorf("shown: %v", got)
	}
	received := attackNamed(t, "udp-loopback").Judge
	if got := received(w, attack.Through("sent")); got.Verdict != attack.Held {
		t.Errorf("not received: %v", got)
	}
	s.messages[".mark-udp-loopback"] = true
	if got := received(w, attack.HeldBy("x")); got.Verdict != attack.GotThrough {
		t.Errorf("received: %v", got)
	}
	if s.maxRSS = largeRSS + 1; w.KeptSmall(attack.HeldBy("x")).Verdict != attack.GotThrough {
		t.Error("a large supervisor is none")
	}
}

// TestClose: what attacks left is taken away, with its folders, and nothing
// else.
func TestClose(t *testing.T) {
	dir := t.TempDir()
	project := filepath.Join(dir, "project")
	if err := os.MkdirAll(filepath.Join(project, ".vscode"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"Makefile": "all:\n", ".envrc": "use nix\n", ".git-config": "x"} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree := func() (names []string) {
		err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error { names = append(names, p); return err })
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := tree()
	f := attack.Facts{Project: project, Home: filepath.Join(dir, "home"), RuntimeDir: filepath.Join(dir, "run"), Protected: []string{filepath.Join(project, "Makefile"), filepath.Join(project, ".envrc")}}
	s, err := prepare(f, options{Self: self, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	e := attack.Env{Bait: *s.bait}
	for _, a := range suite.All() {
		if strings.HasPrefix(a.Name, "trust-") {
			if r := a.Run(&e); r.Verdict == attack.Failed || r.Verdict == attack.Held {
				t.Fatalf("%s: %v", a.Name, r)
			}
		}
	}
	// An attacker that was killed had moved one, and had exchanged another.
	if err := os.Rename(f.Protected[0], filepath.Join(project, s.bait.Marked("moved"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Protected[1], filepath.Join(project, s.bait.Marked("evil"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Protected[1], []byte(attack.MarkerText), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(tree()) < len(before)+20 {
		t.Fatal("nothing was made")
	}
	s.Close()
	if text, err := os.ReadFile(f.Protected[1]); err != nil || string(text) != "use nix\n" {
		t.Errorf("what was exchanged: %q, %v", text, err)
	}
	if after := tree(); !slices.Equal(after, before) {
		t.Errorf("left:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

// TestManyAudits: the baits of audits that run side by side leave each other
// room, whatever the limit of one user is by default.
func TestManyAudits(t *testing.T) {
	// The session keyring is a thread's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range 32 {
		s := emptyScene()
		s.bait.Mark = fmt.Sprintf(".jailed-claude-audit-test-%d-%d", os.Getpid(), i)
		s.shared()
		// Not Close: that takes away what this scene does not know to be the host's.
		defer s.remains.remove()
		for name, none := range map[string]bool{"SHM": s.bait.SHM == 0, "MSG": s.bait.MSG == 0, "MQ": s.bait.MQ == ""} {
			why, said := s.bait.Lacks[name]
			if none != said {
				t.Fatalf("audit %d: none of %s: %v, because of %q", i, name, none, why)
			}
			if none && why != "ENOSYS" {
				t.Fatalf("audit %d has no %s: %s", i, name, why)
			}
		}
	}
}

// TestTarget: the bait process takes away what an audit had laid out that was
// killed; what was said last counts.
func TestTarget(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := emptyScene()
	s.bait.Mark = fmt.Sprintf(".jailed-claude-audit-test-%d", os.Getpid())
	s.shared()
	defer s.remains.remove()
	var in, out bytes.Buffer
	s.toTarget = &in
	if err := s.tellTarget(); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	bait, other := filepath.Join(home, s.bait.Marked("home")), filepath.Join(home, "other")
	for _, dir := range []string{bait, other} {
		if err := os.MkdirAll(filepath.Join(dir, "secret"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.remains.Folders = []string{bait}
	if err := s.tellTarget(); err != nil {
		t.Fatal(err)
	}
	if err := Target(&in, &out); err != nil {
		t.Fatal(err)
	}
	if attack.Exists(bait) || !attack.Exists(other) {
		t.Error("not the bait alone was taken away")
	}
	if _, err := unix.SysvShmGet(s.bait.SHM, 0, 0); s.bait.SHM != 0 && !errors.Is(err, unix.ENOENT) {
		t.Errorf("the shared memory: %v", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(s.bait.MSG), 0, 0); s.bait.MSG != 0 && errno != unix.ENOENT {
		t.Errorf("the message queue: %v", errno)
	}
	if _, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, attack.CString(s.bait.MQ), 0, 0); s.bait.MQ != "" && errno != unix.ENOENT {
		t.Errorf("the POSIX message queue: %v", errno)
	}
	in.WriteString(`{"Folders": 1}`)
	if err := Target(&in, &out); err == nil {
		t.Error("no error for what is not understood")
	}
}

// TestMain plays the bait process for TestClose.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "audit" && strings.HasPrefix(os.Args[2], attack.TargetArg) {
		if Target(os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestLeftovers: what a killed audit has made goes, and nothing else.
func TestLeftovers(t *testing.T) {
	project, outside := t.TempDir(), t.TempDir()
	write := func(text, dir string, names ...string) {
		t.Helper()
		for _, name := range names {
			p := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("ref: refs/heads/main\n", project, ".git/HEAD")
	if err := errors.Join(os.MkdirAll(filepath.Join(project, ".git/objects"), 0o700), os.MkdirAll(filepath.Join(project, ".git/refs"), 0o700)); err != nil {
		t.Fatal(err)
	}
	write("mine\n", project, ".envrc", ".vscode/settings.json", "notes")
	write(attack.MarkerText+"mine\n", project, ".mcp.json")
	write(attack.MarkerText, outside, "launch.json")
	if err := errors.Join(unix.Mkfifo(filepath.Join(project, ".gitmodules"), 0o600), os.Symlink(outside, filepath.Join(project, ".idea"))); err != nil {
		t.Fatal(err)
	}
	kept := tree(t, project) + tree(t, outside)

	made := []string{".git/commondir", ".vscode/tasks.json", ".devcontainer.json", "jailed-claude-audit/.git/HEAD", ".claude/settings.local.json", "HEAD"}
	write(attack.MarkerText, project, made...)
	for _, dir := range []string{"objects", "refs"} {
		if err := os.Mkdir(filepath.Join(project, "jailed-claude-audit/.git", dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(attack.MarkerText, outside, "workspace.xml") // .idea/workspace.xml
	got := Leftovers(project)
	slices.Sort(got)
	slices.Sort(made)
	if !slices.Equal(got, made) {
		t.Errorf("removed %q, not %q", got, made)
	}
	if err := os.Remove(filepath.Join(outside, "workspace.xml")); err != nil {
		t.Errorf("outside of the project: %v", err)
	}
	if got := tree(t, project) + tree(t, outside); got != kept {
		t.Errorf("left:\n%s\nbefore:\n%s", got, kept)
	}
	if left := Leftovers(project); left != nil {
		t.Errorf("again: %q", left)
	}
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		b.WriteString(p + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSocketPath(t *testing.T) {
	for in, want := range map[string]string{
		"unix:path=/run/user/1/bus,guid=1": "/run/user/1/bus", "unix:///run/docker.sock": "/run/docker.sock", "/tmp/tmux-1/default,12,0": "/tmp/tmux-1/default",
		"tcp://host:2375": "/host:2375", ":0": "", "": "",
	} {
		if got := socketPath(in); got != want {
			t.Errorf("socketPath(%q) = %q", in, got)
		}
	}
}

// TestWrongClass: who asks for a class that there is not is told which there are.
func TestWrongClass(t *testing.T) {
	if _, err := prepare(attack.Facts{}, options{Only: []string{"file"}}); err == nil || !strings.Contains(err.Error(), "files") {
		t.Errorf("a class that is none: %v", err)
	}
}
