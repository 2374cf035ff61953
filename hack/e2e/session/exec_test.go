package session

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestExec: streams and exit statuses are those of "shell".
func TestExec(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	j := begin(w, w.Base("exec sleep 1000"))
	for _, tt := range []struct {
		args   []string
		status int
		out    string
		err    string
	}{
		{[]string{"bash", "-c", "echo out; echo err >&2; exit 7"}, 7, "out\n", "err\n"},
		{[]string{"bash", "-c", "kill -KILL $$"}, 137, "", ""},
		{[]string{"no-such-program"}, 127, "", "not found in the jail"},
		{[]string{"/etc"}, 126, "", "Permission denied"},
		{[]string{"bash", "-c", "cd ~; cat .ssh/id_rsa"}, 1, "", "No such file"},
		{[]string{"printf", "%s|", "a b", "", "\n"}, 0, "a b||\n|", ""},
	} {
		r := in(w, j, tt.args...)
		if r.Status != tt.status || r.Out != tt.out || !strings.Contains(r.Err, tt.err) {
			t.Errorf("%q: %s", tt.args, r)
		}
	}
	c := w.Command("exec", "--", "cat")
	c.Stdin = strings.NewReader(strings.Repeat("input\n", 100000))
	if r := world.Finish(t, c); r.Status != 0 || len(r.Out) != 600000 {
		t.Errorf("%d bytes, status %d: %s", len(r.Out), r.Status, r.Err)
	}
	if r := world.Finish(t, w.Command("exec", "ffffffffffff", "--", "true")); r.Status != 125 || !strings.Contains(r.Err, "jailed-claude list") {
		t.Errorf("no such jail: %s", r)
	}
}

// held is a script that says what the kernel knows of a process, "self" or a PID.
const held = `grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/$1/status
cat /proc/$1/limits /proc/$1/cgroup /proc/$1/uid_map /proc/$1/gid_map /proc/$1/mountinfo
for n in mnt pid net ipc uts cgroup; do readlink /proc/$1/ns/$n; done`

// TestExecHolds: what holds for a further program is what holds for the agent, read
// of the kernel; and what the agent may not it may not either.
func TestExecHolds(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"keep": nil, "root": {"--user", "root"}, "filtered": {"--net", "filtered", "--allow", "example.org"}, "nested": {"--policy"}} {
		t.Run(name, func(t *testing.T) {
			w := world.New(t)
			if name == "nested" {
				world.RequireNesting(t)
				flags = append(flags, w.NestingPolicy(""))
			}
			c := w.BashCommand("hold() { "+held+"\n}; hold self >.held; env | grep -v ^_= | sort >.env; mv .held held; exec sleep 1000", flags...)
			c.Args = append(c.Args[:len(c.Args)-1], strings.ReplaceAll(c.Args[len(c.Args)-1], "$1", "self"))
			j := begin(w, c)
			world.WaitFor(t, "what holds", func() bool { _, err := os.Stat(w.Project + "/held"); return err == nil })
			r := in(w, j, "bash", "-c", strings.ReplaceAll(held, "$1", "self"))
			if want := w.Read("held"); r.Out != want || r.Status != 0 {
				t.Errorf("the agent:\n%s\na further program: %s", want, r)
			}
			if env := in(w, j, "bash", "-c", "env | grep -v ^_= | sort"); env.Out != w.Read(".env") {
				t.Errorf("the agent:\n%s\na further program: %s", w.Read(".env"), env)
			}
			for _, attack := range []string{
				"touch /etc/x", "mount -t tmpfs x /tmp", "kill -KILL 1; kill -STOP 1; sleep 0.1; grep -q 'State:.[S]' /proc/1/status && exit 1", "cat /proc/1/environ",
				"ls -l /proc/1/fd/", "echo x >/proc/sys/kernel/core_pattern", "ls /proc/1/root/",
			} {
				if r := in(w, j, "bash", "-c", attack); r.Status == 0 {
					t.Errorf("%s: %s", attack, r)
				}
			}
			if name != "nested" {
				if r := in(w, j, "unshare", "--user", "true"); r.Status == 0 {
					t.Errorf("a user namespace: %s", r)
				}
			}
		})
	}
}

// TestExecTerminal: a shell in the jail has a terminal of the jail, and job control
// in it.
func TestExecTerminal(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	begin(w, w.Base("exec sleep 1000"))
	s := w.Screen()
	before := s.Settings()
	s.Line("clear; " + world.CommandLine([]string{world.RequireVariable(t, "BIN"), "exec", "--", "bash", "--norc", "--noprofile", "-i"}) + "; echo ended-$?")
	s.Until("a prompt of the jail", func() bool { return strings.Contains(s.Shown(), "bash-") })
	s.Line("PS1='jail> '; clear")
	s.Prompt("jail>")
	s.Line("tty; stty size; echo end-$((40+2))")
	s.Wait("end-42")
	if shown := s.Shown(); !strings.Contains(shown, "/dev/pts/0") || !strings.Contains(shown, "30 100") {
		t.Error(shown)
	}
	s.Line("clear; sleep 1000; echo killed-$?")
	time.Sleep(200 * time.Millisecond)
	s.Keys("C-c")
	s.Prompt("jail>")
	s.Line("sleep 1000")
	time.Sleep(200 * time.Millisecond)
	s.Keys("C-z")
	s.Wait("Stopped")
	s.Line("kill %1; suspend -f")
	// The whole command stops, as a job of the host's shell.
	s.Prompt("host>")
	s.Line("clear; fg; echo ended-$?")
	s.Line("")
	s.Prompt("jail>")
	s.Line("exit 9")
	s.Wait("ended-9")
	if after := s.Settings(); after != before {
		t.Errorf("the terminal was\n%s\nand is\n%s", before, after)
	}
}

// TestKilledWhileStopped: a jail and a further program that have stopped end when the
// shell kills their job, though that goes on in the background, and change no mode of the
// terminal that is the shell's by then.
func TestKilledWhileStopped(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	begin(w, w.Base("exec sleep 1000"))
	s := w.Screen()
	before := s.Settings()
	const script = "echo begun-$((40+2)); exec sleep 1000"
	bin := world.RequireVariable(t, "BIN")
	for name, args := range map[string][]string{"exec": {bin, "exec", "--", "bash", "-c", script}, "jail": append([]string{bin}, w.Base(script).Args[1:]...)} {
		s.Line("clear; " + world.CommandLine(args))
		s.Wait("begun-42")
		time.Sleep(200 * time.Millisecond)
		s.Keys("C-z")
		s.Wait("Stopped")
		s.Line("clear; kill %%; while jobs | grep -q Stopped; do sleep 0.1; done; wait; echo ended-$((40+2))")
		s.Wait("ended-42")
		if after := s.Settings(); after != before {
			t.Errorf("%s: the terminal was\n%s\nand is\n%s", name, before, after)
		}
	}
}

// TestExecEnds: a program is told when nobody waits for it any more, and ends with
// its jail.
func TestExecEnds(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	world.Finish(t, w.Base("true")) // makes what is kept
	before := w.TakeTrace()
	jail := w.Base("exec sleep 1000")
	j := begin(w, jail)
	c := w.Command("exec", j.ID, "--", "bash", "-c", "trap 'echo hung up >told; exit' HUP; echo >begun; while :; do sleep 0.1; done")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	there := func(name string) func() bool {
		return func() bool { _, err := os.Stat(w.Project + "/" + name); return err == nil }
	}
	world.WaitFor(t, "the program", there("begun"))
	_ = c.Process.Kill()
	_ = c.Wait()
	world.WaitFor(t, "a hang-up", there("told"))

	c = w.Command("exec", j.ID, "--", "bash", "-c", "echo >again; while :; do sleep 0.1; done")
	done := make(chan world.Result, 1)
	go func() { done <- world.Finish(t, c) }()
	world.WaitFor(t, "the program", there("again"))
	_ = jail.Process.Kill()
	_ = jail.Wait()
	if r := <-done; r.Status != 125 || !strings.Contains(r.Err, "the jail has ended") {
		t.Errorf("%s", r)
	}
	w.SameTrace(before)
}
