package session

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// beginsDetached starts a detached jail with these flags.
func beginsDetached(w *world.World, script string, flags ...string) launch.Running {
	w.T.Helper()
	c := w.Base(script, flags...)
	c.Args = append([]string{c.Args[0], "shell", "--detach"}, c.Args[2:]...)
	r := world.Finish(w.T, c)
	for _, j := range running(w) {
		if j.ID == strings.TrimSpace(r.Out) {
			endsWithTest(w, j)
			return j
		}
	}
	w.T.Fatalf("not listed: %s", r)
	return launch.Running{}
}

// notified is the next notification of a desktop.
func notified(t *testing.T, shown <-chan world.Notification) world.Notification {
	t.Helper()
	select {
	case n := <-shown:
		return n
	case <-time.After(2 * time.Minute):
		t.Fatal("nobody is notified")
	}
	return world.Notification{}
}

// TestNotify: the desktop says that the agent waits and what it says about that,
// cleaned, once until something is typed; and which name a connection waits for. Where
// the jail may show no notifications nobody is notified.
func TestNotify(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	shown := w.Desktop()
	const script = `stty -echo; printf '\033]777;notify;Claude;<b>needs</b> you & \xe2\x80\xaeyours\007'; echo called; while read line; do printf '\a'; done`
	silent := beginsDetached(w, script)
	world.WaitFor(t, "the silent agent to wait", func() bool { return status(w, silent.ID).State == "waits" })

	j := beginsDetached(w, script, "--bridge", "notify")
	body := "jail " + j.ID + " in " + w.Project
	n := notified(t, shown)
	want := world.Notification{App: "jailed-claude", Summary: "jail: the agent waits for you", Body: "it says: Claude: &lt;b&gt;needs&lt;/b&gt; you &amp; yours · " + body}
	if n != want {
		t.Errorf("%+v, not %+v", n, want)
	}
	v := attached(w, j.ID)
	v.shows(t, "called")
	v.types(t, "a line\r")
	want.Body = body
	if n := notified(t, shown); n != want {
		t.Errorf("%+v, not %+v", n, want)
	}
	v.detach(t)
	// The jail has nothing of the bus.
	_, socket, _ := strings.Cut(w.Env["DBUS_SESSION_BUS_ADDRESS"], "path=")
	socket, _, _ = strings.Cut(socket, ",")
	for _, command := range []string{"test -e " + socket, "env | grep -i dbus", "grep -a session-bus /proc/*/environ /proc/net/unix /proc/self/mountinfo", "ls -l /proc/*/fd | grep session-bus"} {
		if r := in(w, j, "bash", "-c", command); r.Status == 0 {
			t.Errorf("%s: %s", command, r)
		}
	}

	j = beginsDetached(w, "exec 3<>/dev/tcp/other.example/22; read -u 3; exec sleep 1000", "--net", "filtered", "--ask", "--allow", "allowed.example:22", "--bridge", "notify")
	want = world.Notification{App: "jailed-claude", Summary: "jail: wants to reach other.example:22", Body: "to let it through: jailed-claude allow other.example:22 · jail " + j.ID + " in " + w.Project}
	if n := notified(t, shown); n != want {
		t.Errorf("%+v, not %+v", n, want)
	}
	if len(shown) > 0 {
		t.Errorf("one more: %+v", <-shown)
	}
}

// TestNotifyNobody: with a bus that is gone, or that says nothing, a jail is as it is
// otherwise, and its end says that nobody was notified, and why.
func TestNotifyNobody(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"gone": "notify-send: exit status 1", "silent": "notify-send does not answer"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			world.RequireTool(t, "notify-send")
			socket := filepath.Join(w.Dir, name)
			if name == "silent" {
				l, err := net.Listen("unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
			}
			w.Env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=" + socket
			c := w.Base(`stty -echo; printf 'called\a\n'; while read -r line; do echo "got $line."; done; exit 3`, "--bridge", "notify")
			p := world.NewPTY(t)
			c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
			p.Attach(c)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			shows := func(text string) {
				t.Helper()
				world.WaitFor(t, text, func() bool { return strings.Contains(p.Shown(), text) })
			}
			types := func(text string) {
				t.Helper()
				if _, err := p.Master.WriteString(text); err != nil {
					t.Fatal(err)
				}
			}
			// What is typed right after a bell says that somebody is there.
			shows("called\a")
			world.WaitFor(t, "nobody to be notified", func() bool { return strings.Contains(w.SessionLog(), want) })
			types("one\r")
			shows("got one.")
			types("\x04")
			_ = c.Wait()
			if c.ProcessState.ExitCode() != 3 {
				t.Errorf("%v, %q", c.ProcessState, p.Shown())
			}
			shows("jailed-claude: bridges: notify: refused or failed once, the last: on the host: " + want + "\r\n")
		})
	}
}
