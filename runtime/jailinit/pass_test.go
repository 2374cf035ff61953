package jailinit

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// sequence and shown are what an agent writes, and what of it a filter lets through.
const sequence, shown = `printf 'a\033]52;c;eA==\007\033[21tb\n'`, "ab\n"

// TestFilterOutput: with the flag, what goes into pipes and files is filtered, in
// order, and the status and the last byte arrive.
func TestFilterOutput(t *testing.T) {
	flag := contract.FilterFlag
	status, out, msg := run(t, flag, "--", "sh", "-c", sequence+"; "+sequence+" >&2; exit 7")
	if status != 7 || out != shown || msg != shown {
		t.Errorf("status %d: %q, %q", status, out, msg)
	}
	if _, out, _ := run(t, "--", "sh", "-c", sequence); out == shown {
		t.Error("without the flag it is filtered as well: the test shows nothing")
	}
	if _, out, _ := run(t, contract.FilterClipboardFlag, "--", "sh", "-c", sequence); out != "a\x1b]52;c;eA==\ab\n" {
		t.Errorf("with a clipboard: %q", out)
	}
	// What the filter leaves on is switched off, even if the agent was killed.
	if status, out, _ := run(t, flag, "--", "sh", "-c", `printf '\033[?25l'; kill -9 $$`); status != 137 || out != "\x1b[?25l\x1b[?25h" {
		t.Errorf("status %d: %q", status, out)
	}
	// Somebody else who still has the pipe does not keep PID 1.
	if status, out, _ := run(t, flag, "--", "sh", "-c", "sleep 1000 & echo done"); status != 0 || out != "done\n" {
		t.Errorf("status %d: %q", status, out)
	}
	name := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := command(t, flag, "--", "sh", "-c", "i=0; while [ $i -lt 200 ]; do echo $i; echo $i >&2; i=$((i+1)); done; "+sequence)
	c.Stdout, c.Stderr = f, f
	if err := c.Run(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(name)
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) != 402 || lines[7] != "3" || lines[8] != "4" || lines[400] != "ab" {
		t.Errorf("%v: %q", err, text)
	}
}

// TestAppendedFile: what a file held to which the caller appends is out of reach, by
// its descriptor and by the process that passes on.
func TestAppendedFile(t *testing.T) {
	// With nesting the agent is in no Landlock domain, which would hold as well.
	for _, flags := range [][]string{{"--"}, {contract.NestingFlag, "--"}} {
		if os.Getuid() == 0 && len(flags) > 1 {
			continue // root has every capability here, which no jail has
		}
		name := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(name, []byte("before\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := command(t, append(flags, "bash", "-c", `[ -f /proc/self/fd/1 ] && echo "a file"
for p in $(pgrep -P $PPID | grep -vx $$); do for fd in 1 2 3 4; do { cat <&9; } 2>/dev/null 9</proc/$p/fd/$fd; done; done
echo after; echo error >&2; [ "$(pgrep -cP $PPID)" = 2 ] || echo "nobody passes on"`)...)
		var msg bytes.Buffer
		c.Stdout, c.Stderr = f, &msg
		if err := c.Run(); err != nil {
			t.Error(err)
		}
		f.Close()
		if text, err := os.ReadFile(name); err != nil || string(text) != "before\nafter\n" || strings.Count(msg.String(), "error\n") != 1 {
			t.Errorf("%v: %q, %q", err, text, msg.String())
		}
	}
}

// TestForeignTerminal: a terminal that is of another devpts does not enter; what is
// written to it is filtered.
func TestForeignTerminal(t *testing.T) {
	if out, err := exec.Command("unshare", "-Urm", "true").CombinedOutput(); err != nil {
		t.Skipf("unshare: %v, %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		setup, flag, want string
		status            int
	}{
		"another":          {"mount -t devpts -o newinstance,ptmxmode=0666 x /dev/pts", "--gid=0", "none none none typed ab\r\n", 0},
		"the jail's":       {":", "--gid=0", "terminal terminal terminal typed a\x1b]52;c;eA==\a\x1b[21tb\r\n", 0},
		"filter, its own":  {":", contract.FilterFlag, "made: give pipes", 125},
		"filter, anothers": {"mount -t devpts -o newinstance,ptmxmode=0666 x /dev/pts", contract.FilterFlag, "none none none typed ab\r\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := openTerminal(t)
			args := []string{"-Urm", "bash", "-c", c.setup + ` && exec -a ` + contract.InitPath + ` "$0" "$@"`, self}
			if c.flag != "--gid=0" {
				args = append(args, c.flag)
			}
			p := exec.Command("unshare", append(args, "--", "bash", "-c",
				`for i in 0 1 2; do [ -t $i ] && printf 'terminal ' || printf 'none '; done; read -r l; printf '%s ' "$l"; `+sequence)...)
			p.Stdin, p.Stdout, p.Stderr = slave, slave, slave
			if _, err := master.WriteString("typed\r"); err != nil {
				t.Fatal(err)
			}
			_ = p.Run()
			slave.Close()
			got, _ := io.ReadAll(master) // until EIO: nobody has the other end
			if c.status != p.ProcessState.ExitCode() || !strings.Contains(string(got), c.want) {
				t.Errorf("status %d: %q", p.ProcessState.ExitCode(), got)
			}
		})
	}
}

// openTerminal makes one that does not show what is typed.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open("/dev/pts/"+strconv.Itoa(n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	slave = os.NewFile(uintptr(fd), "slave")
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	modes.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, modes); err != nil {
		t.Fatal(err)
	}
	return master, slave
}
