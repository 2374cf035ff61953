package e2e

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
)

// netShell is a jail in the lab that runs a script.
func (w *world) netShell(script string, flags ...string) *exec.Cmd {
	w.t.Helper()
	args := append([]string{"shell", "--closure", requireVariable(w.t, "BASE_CLOSURE")}, flags...)
	return w.command(append(args, "--", "bash", "-c", script)...)
}

// shows waits until a text is on the terminal.
func (p *pty) shows(want string) bool {
	for end := time.Now().Add(deadline / 9); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(p.shown(), want) {
			return true
		}
	}
	return false
}

// runLab is a lab with two names.
func runLab(t *testing.T) (*world, *lab) {
	t.Helper()
	w, l := newLab(t)
	l.name("allowed.example", publicA)
	l.name("other.example", publicB)
	return w, l
}

// TestNothingRunsBeforeTheNetwork: what a program does first is subject to the
// rules, and is served by them.
func TestNothingRunsBeforeTheNetwork(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	inParallel(20, func(int) {
		c := w.part("reach", filtered...)
		c.Args = append(c.Args, publicB+":22", "allowed.example:22")
		if r := finish(t, c); r.status != 0 || r.out != "allowed.example:22\n" {
			t.Error(r)
		}
	})
	if hits := l.caught().Hits; len(hits) != 20 || slices.Contains(hits, "tcp "+publicB+":22") {
		t.Errorf("arrived: %q", hits)
	}
}

// TestRefusedInSummary: what was refused is said when the jail has ended, with
// what would allow it: one line in a pipe, more on a terminal.
func TestRefusedInSummary(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	const script = `for a in other.example/443 allowed.example/443 allowed.example/22; do (exec 3<>/dev/tcp/$a) 2>/dev/null; done; true`
	r := finish(t, w.netShell(script, filtered...))
	want := "jailed-claude: network: 2 destinations were refused: other.example, allowed.example:443; to allow: --allow other.example --allow allowed.example\n"
	if r.status != 0 || r.err != want {
		t.Errorf("in a pipe: %s\nwant %q", r, want)
	}
	if r := finish(t, w.netShell("(exec 3<>/dev/tcp/allowed.example/22)", filtered...)); r.status != 0 || r.err != "" {
		t.Errorf("nothing was refused: %s", r)
	}
	p := newPTY(t)
	c := w.netShell(script, filtered...)
	c.Stdin, c.Stdout, c.Stderr = p.slave, p.slave, p.slave
	p.attach(c)
	if err := c.Run(); err != nil {
		t.Errorf("%v: %q", err, p.shown())
	}
	for _, want := range []string{
		"jailed-claude: jail: net=filtered(1) seccomp=on",
		"jailed-claude: network: 2 destinations were refused:\r\n",
		"\n  other.example (2 times): no rule allows it\r\n",
		"\n  allowed.example:443: allowed, but not on port 443\r\n",
		"hint: to allow them: --allow other.example --allow allowed.example\r\n",
		`[network] allow = ["other.example", "allowed.example"]`,
	} {
		if !p.shows(want) {
			t.Errorf("on a terminal: %q is missing in %q", want, p.shown())
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
		p := newPTY(t)
		c := w.netShell("true", flags...)
		c.Stderr = p.slave
		if err := c.Run(); err != nil {
			t.Errorf("%v: %v: %q", flags, err, p.shown())
		}
		if !p.shows("jailed-claude: jail: " + want) {
			t.Errorf("%v: %q is missing in %q", flags, want, p.shown())
		}
	}
	r := finish(t, w.netShell("echo started", "--net", "host", "--require", "net"))
	if r.status != 125 || r.out != "" {
		t.Errorf("--require net with the host's: %s", r)
	}
}

// TestBrokeredKeyStaysOutside: the summary says so, and neither the variables
// nor the arguments of the supervisor have the key.
func TestBrokeredKeyStaysOutside(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	const key = "sk-ant-e2e-KEY-THAT-STAYS-OUTSIDE-0123456789"
	w.env["ANTHROPIC_API_KEY"] = key
	p := newPTY(t)
	c := w.netShell(`echo "$ANTHROPIC_API_KEY"; read -r line; echo "$line"`, "--net", "none")
	// Where core files are on.
	c.Args = append([]string{"bash", "-c", `ulimit -Sc "$(ulimit -Hc)"; exec "$@"`, "bash"}, c.Args...)
	c.Path = requireTool(t, "bash")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	k := startTalkTo(t, c, p.slave)
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
		t.Errorf("%q: %q", got, p.shown())
	}
	if !p.shows("jail: net=none key=brokered ") || strings.Contains(p.shown(), key) {
		t.Errorf("the summary: %q", p.shown())
	}
}

// TestPublishedPort: it leads into the jail from outside, and is gone with it.
// One that is taken refuses the jail.
func TestPublishedPort(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	if w.open(3000) {
		t.Fatal("something else is at the port")
	}
	const server = `
		echo up; trap 'exit 3' TERM; while :; do sleep 0.05; done`
	k := startTalk(t, w.netShell(server, "--net", "none", "--port", "3000"))
	k.says("up")
	if !w.open(3000) {
		t.Error("the port is not published")
	}
	r := finish(t, w.netShell("echo started", "--net", "none", "--port", "3000"))
	if r.status != 125 || r.out != "" || !strings.Contains(r.err, "3000") {
		t.Errorf("a port that is taken: %s", r)
	}
	_ = k.Process.Signal(syscall.SIGTERM)
	if rest := k.rest(); statusOf(k.ProcessState) != 3 {
		t.Errorf("%q: %v %s", rest, k.ProcessState, k.err.String())
	}
	if w.open(3000) {
		t.Error("the port is open although the jail has ended")
	}
}

// TestPublishedPortLeadsIn: what a jailed server says arrives outside.
func TestPublishedPortLeadsIn(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	c := w.part("serve", "--net", "none", "--port", "3000")
	c.Args = append(c.Args, "127.0.0.1:3000", "from the jail")
	k := startTalk(t, c)
	k.says("listening")
	client := exec.Command("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3000; cat <&3")
	client.Env = w.environ()
	w.lab.enter(client)
	if r := finish(t, client); r.out != "from the jail\n" {
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
	l.ask(order{Listen: publicA + ":7001", To: "127.0.0.1:22"})
	if r := finish(t, w.netShell("true", "--net", "internet")); r.status != 0 { // what is made once and stays
		t.Fatal(r)
	}
	before := w.takeTrace()
	k := startTalk(t, w.netShell(`exec 3<>/dev/tcp/allowed.example/7001; read -r l <&3; echo "held"; read -r l <&3`,
		"--net", "filtered", "--allow", "allowed.example:7001", "--port", "3000"))
	k.says("held")
	if !w.open(3000) {
		t.Fatal("the port is not published")
	}
	established := func() bool {
		c := exec.Command("cat", "/proc/net/tcp", "/proc/net/tcp6")
		w.lab.enter(c)
		for _, line := range lines(finish(t, c).out) {
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
	if w.open(3000) {
		t.Error("the published port is still open")
	}
	w.sameTrace(before)
}

// TestKilledWithItsNetwork: a supervisor that is killed while it sets a network
// up, or later, leaves nothing.
func TestKilledWithItsNetwork(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	if r := finish(t, w.netShell("true", filtered...)); r.status != 0 {
		t.Fatal(r)
	}
	before := w.takeTrace()
	n := killRounds() / 2
	inParallel(n, func(i int) {
		w.reap(time.Duration(i)*200*time.Millisecond/time.Duration(n), syscall.SIGKILL, w.netShell("exec 3<>/dev/tcp/allowed.example/22; "+daemon, filtered...))
	})
	w.sameTrace(before)
}

// TestJailsAreApart: two jails at once reach neither each other's loopback nor
// each other by the addresses that both have.
func TestJailsAreApart(t *testing.T) {
	t.Parallel()
	w, _ := runLab(t)
	c := w.part("serve", "--net", "internet")
	c.Args = append(c.Args, "0.0.0.0:7777", "lab of the other jail")
	k := startTalk(t, c)
	k.says("listening")
	targets := []string{"127.0.0.1:7777", "localhost:7777", "198.18.0.1:7777", "198.18.0.2:7777", "198.18.1.0:7777", "jail:7777", "host:7777", "10.0.0.1:7777", publicA + ":7777"}
	d := w.part("reach", "--net", "internet", "--allow", "host:7777")
	d.Args = append(d.Args, targets...)
	if r := finish(t, d); r.status != 0 || r.out != "" {
		t.Errorf("one jail reaches the other: %s", r)
	}
	// Itself it reaches: the attempts are no blanks.
	d = w.part("itself", "--net", "internet")
	if r := finish(t, d); r.status != 0 || r.out != "127.0.0.1:7777\n" {
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
