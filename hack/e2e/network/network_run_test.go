package network

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// shows waits until a text is on the terminal.
func shows(p *world.PTY, want string) bool {
	for end := time.Now().Add(world.Deadline / 9); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(p.Shown(), want) {
			return true
		}
	}
	return false
}

// runLab is a lab with two names.
func runLab(t *testing.T) (*world.World, *world.Lab) {
	t.Helper()
	w, l := world.NewLab(t)
	l.Name("allowed.example", lab.PublicA)
	l.Name("other.example", lab.PublicB)
	return w, l
}

// TestNothingRunsBeforeTheNetwork: what a program does first is subject to the
// rules, and is served by them.
func TestNothingRunsBeforeTheNetwork(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	world.InParallel(20, func(int) {
		c := w.Part("reach", filtered...)
		c.Args = append(c.Args, lab.PublicB+":22", "allowed.example:22")
		if r := world.Finish(t, c); r.Status != 0 || r.Out != "allowed.example:22\n" {
			t.Error(r)
		}
	})
	if hits := l.Caught().Hits; len(hits) != 20 || slices.Contains(hits, "tcp "+lab.PublicB+":22") {
		t.Errorf("arrived: %q", hits)
	}
}

// TestRefusedInSummary: what was refused is said when the jail has ended, with
// what would allow it: one line in a pipe, more on a terminal.
func TestRefusedInSummary(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	const script = `for a in other.example/443 allowed.example/443 allowed.example/22; do (exec 3<>/dev/tcp/$a) 2>/dev/null; done; true`
	r := world.Finish(t, w.NetShell(script, filtered...))
	want := "jailed-claude: network: 2 destinations were refused: other.example, allowed.example:443; to allow: --allow other.example --allow allowed.example\n"
	if r.Status != 0 || r.Err != want {
		t.Errorf("in a pipe: %s\nwant %q", r, want)
	}
	if r := world.Finish(t, w.NetShell("(exec 3<>/dev/tcp/allowed.example/22)", filtered...)); r.Status != 0 || r.Err != "" {
		t.Errorf("nothing was refused: %s", r)
	}
	p := world.NewPTY(t)
	c := w.NetShell(script, filtered...)
	c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
	p.Attach(c)
	if err := c.Run(); err != nil {
		t.Errorf("%v: %q", err, p.Shown())
	}
	for _, want := range []string{
		"jailed-claude: jail: net=filtered(1) seccomp=on",
		"jailed-claude: network: 2 destinations were refused:\r\n",
		"\n  other.example (2 times): no rule allows it\r\n",
		"\n  allowed.example:443: allowed, but not on port 443\r\n",
		"hint: to allow them: --allow other.example --allow allowed.example\r\n",
		`[network] allow = ["other.example", "allowed.example"]`,
	} {
		if !shows(p, want) {
			t.Errorf("on a terminal: %q is missing in %q", want, p.Shown())
		}
	}
}

// TestSummaryOfTheNetwork: the line of what holds says which network there is,
// and --require net takes each that is the jail's own.
func TestSummaryOfTheNetwork(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	for want, flags := range map[string][]string{
		"net=none ":        {"--net", "none", "--require", "net"},
		"net=internet ":    {"--require", "net"},
		"net=filtered(2) ": {"--net", "filtered", "--allow", "allowed.example", "--allow", "host:5432", "--require", "net"},
		"net=host ":        {"--net", "host"},
	} {
		p := world.NewPTY(t)
		c := w.NetShell("true", flags...)
		c.Stderr = p.Slave
		if err := c.Run(); err != nil {
			t.Errorf("%v: %v: %q", flags, err, p.Shown())
		}
		if !shows(p, "jailed-claude: jail: "+want) {
			t.Errorf("%v: %q is missing in %q", flags, want, p.Shown())
		}
	}
	r := world.Finish(t, w.NetShell("echo started", "--net", "host", "--require", "net"))
	if r.Status != 125 || r.Out != "" {
		t.Errorf("--require net with the host's: %s", r)
	}
}

// TestBrokeredKeyStaysOutside: the summary says so, and neither the variables
// nor the arguments of the supervisor have the key.
func TestBrokeredKeyStaysOutside(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	const key = "sk-ant-e2e-KEY-THAT-STAYS-OUTSIDE-0123456789"
	w.Env["ANTHROPIC_API_KEY"] = key
	p := world.NewPTY(t)
	c := w.NetShell(`echo "$ANTHROPIC_API_KEY"; read -r line; echo "$line"`, "--net", "none")
	// Where core files are on.
	c.Args = append([]string{"bash", "-c", `ulimit -Sc "$(ulimit -Hc)"; exec "$@"`, "bash"}, c.Args...)
	c.Path = world.RequireTool(t, "bash")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	k := startTalkTo(t, c, p.Slave)
	k.says("placeholder-for-the-anthropic-key-which-stays-outside-of-this-jail")
	supervisor := fmt.Sprintf("/proc/%d/", c.Process.Pid)
	for _, name := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(supervisor + name)
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.Contains(string(text), key) {
			t.Errorf("the key is in the supervisor's %s", name)
		}
	}
	limits, err := os.ReadFile(supervisor + "limits")
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 1 ") && !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 ") {
		t.Errorf("the supervisor's memory gets into core files: %s %v", limits, err)
	}
	_, _ = fmt.Fprintln(in, "bye")
	if got := k.rest(); got != "bye\n" {
		t.Errorf("%q: %q", got, p.Shown())
	}
	if !shows(p, "jail: net=none key=brokered ") || strings.Contains(p.Shown(), key) {
		t.Errorf("the summary: %q", p.Shown())
	}
}

// TestPublishedPort: it leads into the jail from outside, and is gone with it.
// One that is taken refuses the jail.
func TestPublishedPort(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	if w.Open(3000) {
		t.Fatal("something else is at the port")
	}
	const server = `
		echo up; trap 'exit 3' TERM; while :; do sleep 0.05; done`
	k := startTalk(t, w.NetShell(server, "--net", "none", "--port", "3000"))
	k.says("up")
	if !w.Open(3000) {
		t.Error("the port is not published")
	}
	r := world.Finish(t, w.NetShell("echo started", "--net", "none", "--port", "3000"))
	if r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "3000") {
		t.Errorf("a port that is taken: %s", r)
	}
	_ = k.Process.Signal(syscall.SIGTERM)
	if rest := k.rest(); world.StatusOf(k.ProcessState) != 3 {
		t.Errorf("%q: %v %s", rest, k.ProcessState, k.err.String())
	}
	if w.Open(3000) {
		t.Error("the port is open although the jail has ended")
	}
}

// TestPublishedPortLeadsIn: what a jailed server says arrives outside.
func TestPublishedPortLeadsIn(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	c := w.Part("serve", "--net", "none", "--port", "3000")
	c.Args = append(c.Args, "127.0.0.1:3000", "from the jail")
	k := startTalk(t, c)
	k.says("listening")
	client := exec.Command("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3000; cat <&3")
	client.Env = w.Environ()
	w.Lab.Enter(client)
	if r := world.Finish(t, client); r.Out != "from the jail\n" {
		t.Errorf("outside: %s", r)
	}
	_ = k.Process.Signal(syscall.SIGTERM)
	k.rest()
}

// TestKilledSupervisorCutsConnections: with the supervisor every connection
// ends, no port stays open and no process is left.
func TestKilledSupervisorCutsConnections(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	l.Ask(lab.Order{Listen: lab.PublicA + ":7001", To: "127.0.0.1:22"})
	if r := world.Finish(t, w.NetShell("true", "--net", "internet")); r.Status != 0 { // what is made once and stays
		t.Fatal(r)
	}
	before := w.TakeTrace()
	k := startTalk(t, w.NetShell(`exec 3<>/dev/tcp/allowed.example/7001; read -r l <&3; echo "held"; read -r l <&3`,
		"--net", "filtered", "--allow", "allowed.example:7001", "--port", "3000"))
	k.says("held")
	if !w.Open(3000) {
		t.Fatal("the port is not published")
	}
	established := func() bool {
		c := exec.Command("cat", "/proc/net/tcp", "/proc/net/tcp6")
		w.Lab.Enter(c)
		for _, line := range world.Lines(world.Finish(t, c).Out) {
			// Local and remote address, state 01: established (proc(5)). Port 7001.
			if f := strings.Fields(line); len(f) > 3 && f[3] == "01" && strings.HasSuffix(f[2], ":1B59") {
				return true
			}
		}
		return false
	}
	if !established() {
		t.Fatal("there is no connection to cut")
	}
	if err := k.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	k.rest()
	for end := time.Now().Add(20 * time.Second); established(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connection still stands")
		}
	}
	if w.Open(3000) {
		t.Error("the published port is still open")
	}
	w.SameTrace(before)
}

// TestKilledWithItsNetwork: a supervisor that is killed while it sets a network
// up, or later, leaves nothing.
func TestKilledWithItsNetwork(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	if r := world.Finish(t, w.NetShell("true", filtered...)); r.Status != 0 {
		t.Fatal(r)
	}
	before := w.TakeTrace()
	n := world.KillRounds() / 2
	world.InParallel(n, func(i int) {
		w.Reap(time.Duration(i)*200*time.Millisecond/time.Duration(n), syscall.SIGKILL, w.NetShell("exec 3<>/dev/tcp/allowed.example/22; "+world.Daemon, filtered...))
	})
	w.SameTrace(before)
}

// TestJailsAreApart: two jails at once reach neither each other's loopback nor
// each other by the addresses that both have.
func TestJailsAreApart(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	c := w.Part("serve", "--net", "internet")
	c.Args = append(c.Args, "0.0.0.0:7777", "lab of the other jail")
	k := startTalk(t, c)
	k.says("listening")
	targets := []string{"127.0.0.1:7777", "localhost:7777", "198.18.0.1:7777", "198.18.0.2:7777", "198.18.1.0:7777", "jail:7777", "host:7777", "10.0.0.1:7777", lab.PublicA + ":7777"}
	d := w.Part("reach", "--net", "internet", "--allow", "host:7777")
	d.Args = append(d.Args, targets...)
	if r := world.Finish(t, d); r.Status != 0 || r.Out != "" {
		t.Errorf("one jail reaches the other: %s", r)
	}
	// Itself it reaches: the attempts are no blanks.
	d = w.Part("itself", "--net", "internet")
	if r := world.Finish(t, d); r.Status != 0 || r.Out != "127.0.0.1:7777\n" {
		t.Errorf("a jail does not reach itself: %s", r)
	}
	_ = k.Process.Signal(syscall.SIGTERM)
	k.rest()
}

// serve is the part "serve": it listens on an address and says the same to
// everybody.
func serve(args []string) int {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		_, _ = fmt.Fprintln(c, args[1])
		_ = c.Close()
	}
}

// reachOwn is the part "itself": a server and its client.
func reachOwn([]string) int {
	l, err := net.Listen("tcp", "127.0.0.1:7777")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = fmt.Fprintln(c, "lab of its own")
			_ = c.Close()
		}
	}()
	return reach([]string{"127.0.0.1:7777"})
}
