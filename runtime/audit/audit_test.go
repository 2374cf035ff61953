package audit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSuite: every attack says what it is.
func TestSuite(t *testing.T) {
	all := Suite()
	if len(all) < 120 {
		t.Errorf("%d attacks are too few", len(all))
	}
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.Name] {
			t.Errorf("%s is there twice", a.Name)
		}
		seen[a.Name] = true
		if a.Name == "" || a.Class == "" || a.Promise == "" || a.Success == "" || a.Run == nil {
			t.Errorf("%+v lacks something", a)
		}
		if strings.ContainsAny(a.Name, " /._") && !strings.HasPrefix(a.Name, "name-") {
			t.Errorf("%q is no name", a.Name)
		}
	}
	if n := len(Classes()); n < 10 {
		t.Errorf("%d classes", n)
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		err             error
		unless, refused Verdict
	}{
		{nil, GotThrough, GotThrough},
		{unix.EPERM, Held, Held}, {unix.ENOSYS, Held, Held}, {&os.PathError{Err: unix.EACCES}, Held, Held},
		{&killedError{unix.SIGSYS}, Held, Held},
		// The arguments were wrong: nobody refused the call.
		{unix.EFAULT, Held, GotThrough}, {unix.EINVAL, Held, GotThrough}, {errors.New("x"), Held, GotThrough},
	} {
		if got := unless(c.err, "x").Verdict; got != c.unless {
			t.Errorf("unless %v: %s", c.err, got)
		}
		if got := refused(c.err).Verdict; got != c.refused {
			t.Errorf("refused %v: %s", c.err, got)
		}
	}
	na, h, g, f := notApplicable("x"), held("first"), through("x"), failed("x")
	for _, c := range []struct {
		in   []Result
		want Result
	}{
		{[]Result{na, h, held("second")}, h}, {[]Result{h, na, g, h}, g}, {[]Result{h, f, g}, f}, {[]Result{na}, na},
	} {
		if got := firstThrough(c.in...); got != c.want {
			t.Errorf("%v: %v", c.in, got)
		}
	}
	if got := firstThrough().Verdict; got != NotApplicable {
		t.Errorf("of nothing: %s", got)
	}
}

func TestSecret(t *testing.T) {
	secret := secretPrefix + strings.Repeat("0a", 16)
	b := Bait{Hash: digest([]byte(secret))}
	for text, want := range map[string]bool{
		secret: true, "x=" + secret + "\x00y": true, secretPrefix + secret: true, secretPrefix + strings.Repeat("0b", 16) + secret: true,
		"": false, secretPrefix: false, secret[:secretLen-1]: false, secretPrefix + strings.Repeat("0b", 16): false, b.Hash: false,
	} {
		if got := b.isSecret([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestForked: the errors of a process that is not this one.
func TestForked(t *testing.T) {
	if err := forked(sys(unix.SYS_GETPID)); err != nil {
		t.Error(err)
	}
	if err := forked(sys(unix.SYS_GETPID), sys(unix.SYS_CLOSE, minus(1)), sys(unix.SYS_GETPID)); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
	var killed *killedError
	// The second is what int 0x80 gets from a kernel without 32-bit system calls.
	for _, signal := range []syscall.Signal{unix.SIGSYS, unix.SIGSEGV} {
		if err := forked(sys(unix.SYS_GETPID), sys(unix.SYS_KILL, result(0), uintptr(signal))); !errors.As(err, &killed) || killed.signal != signal {
			t.Errorf("%s: %v", unix.SignalName(signal), err)
		}
	}
	name := filepath.Join(t.TempDir(), "made")
	if err := forked(sys(unix.SYS_MKDIRAT, atCwd, cstr(name), 0o700)); err != nil || !exists(name) {
		t.Errorf("%v, made: %v", err, exists(name))
	}
	if foreignABI {
		c := sys(nr32Getpid)
		c.abi = abi32
		if err := forked(c); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.As(err, &killed) {
			t.Errorf("int 0x80: %v", err)
		}
	}
}

func TestSpellings(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "127.1": "127.0.0.1", "0x7f000001": "127.0.0.1", "2130706433": "127.0.0.1", "0177.0.0.1": "127.0.0.1", "127.0.1": "127.0.0.1",
		"localhost": "", "1.2.3.4.5": "", "": "", "1.x": "",
	} {
		if got := inetAton(in); got != want {
			t.Errorf("inetAton(%q) = %q", in, got)
		}
	}
	for in, want := range map[string]string{
		"unix:path=/run/user/1/bus,guid=1": "/run/user/1/bus", "unix:///run/docker.sock": "/run/docker.sock", "/tmp/tmux-1/default,12,0": "/tmp/tmux-1/default",
		"tcp://host:2375": "/host:2375", ":0": "", "": "",
	} {
		if got := socketPath(in); got != want {
			t.Errorf("socketPath(%q) = %q", in, got)
		}
	}
	for p, want := range map[string]bool{"/a": true, "/a/b": true, "/ab": false, "/": false} {
		if within(p, "/a") != want {
			t.Errorf("within(%q)", p)
		}
	}
}

// TestReadReport: what a wrapper prints is passed over, and a report that ends
// early says where.
func TestReadReport(t *testing.T) {
	whole := "hello\n" + `{"attack":"a"}` + "\n" + `{"attack":"a","is":{"result":"held","detail":"EPERM"}}` + "\n{}\n" + `{"attack":"b"}` + "\n"
	for text, want := range map[string]string{whole: "b", whole + `{"attack":"end"}`: "", "": "", "{": ""} {
		got, last, err := readReport(strings.NewReader(text))
		if err != nil || last != want {
			t.Errorf("%q: last %q, %v", text, last, err)
		}
		if strings.HasPrefix(text, "hello") && !maps.Equal(got, map[string]Result{"a": {Held, "EPERM"}}) {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func emptyScene() *Scene {
	return &Scene{bait: &Bait{Mark: ".mark", Facts: Facts{Project: "/project", Home: "/home/ada"}}, existing: map[string]bool{}, messages: map[string]bool{}}
}

// TestJudgeMissing: no attack is taken for stopped because the attacker ended.
func TestJudgeMissing(t *testing.T) {
	all := Suite()
	got := emptyScene().judge(map[string]Result{all[0].Name: held("x")}, all[1].Name)
	n := Count(got)
	if n[Failed] != len(all)-1 || got[0].Verdict != Held || got[1].Detail == got[2].Detail {
		t.Errorf("%v; %+v", n, got[:3])
	}
}

func TestJudges(t *testing.T) {
	dir := t.TempDir()
	s := emptyScene()
	p := filepath.Join(dir, "marker")
	if got := s.planted(p, held("x")); got != held("x") {
		t.Errorf("no marker: %v", got)
	}
	if err := os.WriteFile(p, []byte(markerText), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.planted(p, held("x")); got.Verdict != GotThrough {
		t.Errorf("a marker: %v", got)
	}
	s.existing[p] = true
	if got := s.planted(p, held("x")); got.Verdict != Held {
		t.Errorf("a marker from before: %v", got)
	}

	made := through("made")
	if got := s.reported(".vscode/tasks.json", made); got.Verdict != GotThrough {
		t.Errorf("no report: %v", got)
	}
	s.screen.WriteString("jailed-claude: the agent made files\n  \"/project/.vscode\": editor tasks\n  \"/project/.envrc-not\": x\n")
	if got := s.reported(".vscode/tasks.json", made); got.Verdict != Held {
		t.Errorf("reported: %v", got)
	}
	if got := s.reported(".envrc", made); got.Verdict != GotThrough {
		t.Errorf("another one is reported: %v", got)
	}
	if got := s.reported(".vscode/tasks.json", through("open")); got.Verdict != GotThrough {
		t.Errorf("what was changed is excused by a report: %v", got)
	}

	if got := s.wasTyped(through("x")); got.Verdict != Held {
		t.Errorf("typed elsewhere: %v", got)
	}
	s.typed = "$ " + typed
	if got := s.wasTyped(held("x")); got.Verdict != GotThrough {
		t.Errorf("typed: %v", got)
	}
	s.size = terminalSize
	if got := s.wasResized(through("x")); got.Verdict != Held {
		t.Errorf("not resized: %v", got)
	}
	s.size.Row--
	if got := s.wasResized(held("x")); got.Verdict != GotThrough {
		t.Errorf("resized: %v", got)
	}
	if got := s.shown("\x1b]52", through("x")); got.Verdict != Held {
		t.Errorf("not shown: %v", got)
	}
	s.screen.WriteString("a\x1b]52b")
	if got := s.shown("\x1b]52", through("x")); got.Verdict != GotThrough {
		t.Errorf("shown: %v", got)
	}
	if got := received("udp")(s, through("sent")); got.Verdict != Held {
		t.Errorf("not received: %v", got)
	}
	s.messages[".mark-udp"] = true
	if got := received("udp")(s, held("x")); got.Verdict != GotThrough {
		t.Errorf("received: %v", got)
	}
	if s.maxRSS = largeRSS + 1; s.keptSmall(held("x")).Verdict != GotThrough {
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
	f := Facts{Project: project, Home: filepath.Join(dir, "home"), RuntimeDir: filepath.Join(dir, "run"), Protected: []string{filepath.Join(project, "Makefile"), filepath.Join(project, ".envrc")}}
	s, err := Prepare(f, Options{Self: self, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	e := Env{Bait: *s.bait}
	for _, a := range trusted {
		if p := filepath.Join(project, a.path); !exists(p) && !strings.HasPrefix(a.path, ".git/") {
			if err := e.makeTrusted(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	// An attacker that was killed had moved one, and had exchanged another.
	if err := os.Rename(f.Protected[0], filepath.Join(project, s.bait.marked("moved"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Protected[1], filepath.Join(project, s.bait.marked("evil"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Protected[1], []byte(markerText), 0o600); err != nil {
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
	bait, other := filepath.Join(home, s.bait.marked("home")), filepath.Join(home, "other")
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
	if exists(bait) || !exists(other) {
		t.Error("not the bait alone was taken away")
	}
	if _, err := unix.SysvShmGet(s.bait.SHM, 0, 0); s.bait.SHM != 0 && !errors.Is(err, unix.ENOENT) {
		t.Errorf("the shared memory: %v", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_MSGGET, uintptr(s.bait.MSG), 0, 0); s.bait.MSG != 0 && errno != unix.ENOENT {
		t.Errorf("the message queue: %v", errno)
	}
	if _, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, cstr(s.bait.MQ), 0, 0); s.bait.MQ != "" && errno != unix.ENOENT {
		t.Errorf("the POSIX message queue: %v", errno)
	}
	in.WriteString(`{"Folders": 1}`)
	if err := Target(&in, &out); err == nil {
		t.Error("no error for what is not understood")
	}
}

// TestMain plays the bait process for TestClose.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "audit" && strings.HasPrefix(os.Args[2], targetArg) {
		if Target(os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestClassesOnly: who asks for some classes gets those, and no other by a
// wrong name.
func TestClassesOnly(t *testing.T) {
	b := Bait{Classes: []string{"hidden", "netlink"}}
	n := map[string]int{}
	for _, a := range b.attacks() {
		n[a.Class]++
	}
	if len(n) != 2 || n["hidden"] < 5 || n["netlink"] < 5 {
		t.Errorf("%v", n)
	}
	b.Classes = nil
	if got, want := len(b.attacks()), len(Suite()); got != want {
		t.Errorf("%d attacks without classes, of %d", got, want)
	}
	if _, err := Prepare(Facts{}, Options{Classes: []string{"file"}}); err == nil || !strings.Contains(err.Error(), "files") {
		t.Errorf("a class that is none: %v", err)
	}
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
	write(markerText+"mine\n", project, ".mcp.json")
	write(markerText, outside, "launch.json")
	if err := errors.Join(unix.Mkfifo(filepath.Join(project, ".gitmodules"), 0o600), os.Symlink(outside, filepath.Join(project, ".idea"))); err != nil {
		t.Fatal(err)
	}
	kept := tree(t, project) + tree(t, outside)

	var e Env
	made := []string{".git/commondir", ".vscode/tasks.json", ".devcontainer.json", "jailed-claude-audit/.git/HEAD", ".claude/settings.local.json", "HEAD"}
	for _, name := range made {
		if err := e.makeTrusted(filepath.Join(project, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(markerText, outside, "workspace.xml") // .idea/workspace.xml
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
