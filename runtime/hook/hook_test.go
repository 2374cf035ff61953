package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// joinTest makes this binary the hook network-join of a state.
const joinTest = "HOOK_TEST_JOIN"

func TestMain(m *testing.M) {
	if state := os.Getenv(joinTest); state != "" {
		if err := NetworkJoin(strings.NewReader(state)); err != nil {
			fmt.Print(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func stateOf(t *testing.T, s specs.State) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const config = `{"mode":"filtered","via":"redirect","tls":"strict"}`

// ended is the number of a process that is gone.
func ended(t *testing.T) int {
	t.Helper()
	c := exec.Command("/bin/true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}

func TestNetworkStartRefuses(t *testing.T) {
	dir := t.TempDir()
	with := func(text string) map[string]string { return map[string]string{contract.NetworkAnnotation: text} }
	brokers := `{"mode":"none","via":"redirect","tls":"strict","brokers":[{"name":"x","upstream":"https://x.example","header":"X-Key","from":"env:X"}]}`
	for _, c := range []struct {
		name  string
		stdin string
		want  string
	}{
		{"nothing", "", "not the state of a container"},
		{"no JSON", "x", "not the state of a container"},
		{"no ID", stateOf(t, specs.State{Pid: 1}), "names no ID"},
		{"no annotation", stateOf(t, specs.State{ID: "c", Pid: os.Getpid(), Bundle: dir}), "has no annotation"},
		{"a wrong annotation", stateOf(t, specs.State{ID: "c", Pid: os.Getpid(), Bundle: dir, Annotations: with(`{"mode":"all"}`)}), "mode"},
		{"no key", stateOf(t, specs.State{ID: "c", Pid: os.Getpid(), Bundle: dir, Annotations: with(brokers)}), "no key for x"},
		{"no process", stateOf(t, specs.State{ID: "c", Bundle: dir, Annotations: with(config)}), "createRuntime"},
		{"a process that is gone", stateOf(t, specs.State{ID: "c", Pid: ended(t), Bundle: dir, Annotations: with(config)}), "pidfd_open"},
		{"a bundle that is none", stateOf(t, specs.State{ID: "c", Pid: os.Getpid(), Bundle: dir + "/x", Annotations: with(config)}), "no such file"},
		{"a relative bundle", stateOf(t, specs.State{ID: "c", Pid: os.Getpid(), Bundle: "x", Annotations: with(config)}), "not one that a runtime gives"},
		{"an ID that leads elsewhere", stateOf(t, specs.State{ID: "/../../c", Pid: os.Getpid(), Bundle: dir, Annotations: with(config)}), "not one that a runtime gives"},
	} {
		err := NetworkStart(strings.NewReader(c.stdin), Options{
			Keys: func(b []network.Broker, _ *specs.State) (map[string]string, error) {
				return nil, fmt.Errorf("no key for %s", b[0].Name)
			},
			Roots: func(*specs.State) ([]byte, error) { return nil, nil },
			Log:   func(*specs.State) (*os.File, error) { return os.OpenFile(os.DevNull, os.O_WRONLY, 0) },
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left in the bundle: %v %v", entries, err)
	}
}

// TestSocket: the socket is made where the path is longer than a socket's can
// be, and where one was left.
func TestSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &specs.State{ID: "c", Bundle: dir}
	for range 2 {
		f, err := listen(s)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := removeSocket(dir, "c"); err != nil {
		t.Error(err)
	}
	if err := removeSocket(dir, "c"); err != nil {
		t.Error("removed twice:", err)
	}
	if err := NetworkJoin(strings.NewReader(stateOf(t, specs.State{ID: "c", Bundle: dir}))); err == nil || !strings.Contains(err.Error(), "nothing keeps its network") {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestNamespacesOnlyFromTheContainer: only a child of the container's first
// process may hand namespaces over, and not those of the host.
func TestNamespacesOnlyFromTheContainer(t *testing.T) {
	dir := t.TempDir()
	state := specs.State{ID: "c", Bundle: dir}
	f, err := listen(&state)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	self, _, err := lookAt(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	answerOnce := func(first process) {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, err = namespaces(conn.(*net.UnixConn), first)
		say(conn, nil, err)
	}
	join := func() string {
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), joinTest+"="+stateOf(t, state))
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answerOnce(self)                                  // a child, with the host's namespaces
		answerOnce(process{self.PID, self.Started + "0"}) // a child of a process of this number that is gone
		answerOnce(self)                                  // no child
	}()
	if got := join(); !strings.Contains(got, "no user namespace of its own") {
		t.Errorf("the host's namespaces: %q", got)
	}
	if got := join(); !strings.Contains(got, "is not of this container") {
		t.Errorf("a child of another one: %q", got)
	}
	if err := NetworkJoin(strings.NewReader(stateOf(t, state))); err == nil || !strings.Contains(err.Error(), "is not of this container") {
		t.Errorf("no child: %v", err)
	}
	<-done
}

func TestProcess(t *testing.T) {
	c := exec.Command("/bin/sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill() }()
	p, _, err := lookAt(c.Process.Pid)
	if err != nil || !p.alive() {
		t.Fatalf("%v %v", p, err)
	}
	if parent, err := parentOf(p.PID); err != nil || parent != os.Getpid() {
		t.Errorf("its parent is %d (%v)", parent, err)
	}
	if q, ok := parseProcess(p.String()); !ok || q != p {
		t.Errorf("%v becomes %v", p, q)
	}
	for _, s := range []string{"", "1", ":1", "x:1", "1:"} {
		if q, ok := parseProcess(s); ok {
			t.Errorf("%q is %v", s, q)
		}
	}
	if (process{p.PID, p.Started + "0"}).alive() {
		t.Error("a process that started at another time is the same one")
	}
	_ = c.Process.Kill()
	// Not reaped yet: a zombie runs no more.
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		t.Fatal(err)
	}
	pidfd := os.NewFile(uintptr(fd), "sleep")
	defer pidfd.Close()
	if ended, err := await(pidfd, -1); err != nil || !ended {
		t.Fatal(ended, err)
	}
	if p.alive() {
		t.Error("a zombie is alive")
	}
	_ = c.Wait()
	if p.alive() {
		t.Error("what is gone is alive")
	}
}

// TestNetworkStop ends the keepers of this container, if it has ended, and
// nothing else.
func TestNetworkStop(t *testing.T) {
	dir := t.TempDir()
	self, _, err := lookAt(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	gone := process{ended(t), "1"}
	for _, c := range []struct {
		name string
		env  []string
		ends bool
	}{
		{"its keeper", identity{"c", dir, gone}.environ(), true},
		{"that of a container that runs", identity{"c", dir, self}.environ(), false},
		{"that of another container", identity{"d", dir, gone}.environ(), false},
		{"that of another bundle", identity{"c", dir + "2", gone}.environ(), false},
		{"no keeper", nil, false},
		{"half a keeper", identity{"c", dir, gone}.environ()[:2], false},
	} {
		p := exec.Command("/bin/sleep", "600")
		p.Env = append(c.env, "OTHER=x")
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdOpen(p.Process.Pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		pidfd := os.NewFile(uintptr(fd), "sleep")
		for range 2 {
			if err := NetworkStop(strings.NewReader(stateOf(t, specs.State{ID: "c", Bundle: dir}))); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if ended, err := await(pidfd, 0); err != nil || ended != c.ends {
			t.Errorf("%s: ended: %v (%v)", c.name, ended, err)
		}
		_ = p.Process.Kill()
		_ = p.Wait()
		pidfd.Close()
	}
	if err := NetworkStop(strings.NewReader("{}")); err == nil {
		t.Error("a state without an ID")
	}
}

func TestKeeperErrors(t *testing.T) {
	cause := errors.New("cause")
	err := error(&keeperError{"text", cause})
	if err.Error() != "text" || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

// TestSetHome: a hook keeps its logs in a home of the caller's, whatever the
// runtime has in its environment.
func TestSetHome(t *testing.T) {
	u, err := user.Current()
	if err != nil {
		t.Skip(err)
	}
	own, foreign := t.TempDir(), "/proc/1" // of root's, in every namespace of ours
	if os.Getuid() == 0 {
		foreign = t.TempDir()
		if err := os.Chown(foreign, 4242, 4242); err != nil {
			t.Skip(err)
		}
	}
	for home, want := range map[string]string{own: own, foreign: u.HomeDir, "/nonexistent": u.HomeDir, "": u.HomeDir} {
		t.Setenv("HOME", home)
		if err := SetHome(); err != nil || os.Getenv("HOME") != want {
			t.Errorf("HOME=%q became %q, not %q: %v", home, os.Getenv("HOME"), want, err)
		}
	}
}
