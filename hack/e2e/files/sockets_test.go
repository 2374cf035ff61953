package files

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// doors is the part "doors": it names each argument that is a socket which answers
// or a FIFO, and with "move" before them what could be moved.
func doors(args []string) int {
	move := args[0] == "move"
	for _, p := range args[1:] {
		if c, err := net.Dial("unix", p); err == nil {
			_ = c.Close()
			fmt.Println(p)
		} else if fi, err := os.Stat(p); err == nil && fi.Mode()&fs.ModeNamedPipe != 0 {
			fmt.Println(p)
		}
		// Away with what covers it, and with what holds that.
		for d := p; move && !slices.Contains([]string{"project", "further", "read"}, filepath.Base(d)); d = filepath.Dir(d) {
			if unix.Unlink(d) == nil || unix.Rename(d, d+".moved") == nil {
				fmt.Println("moved", d)
			}
		}
	}
	return 0
}

// TestSocketsOfTheHost: a socket or FIFO in a folder that the jail has is a door
// to a program of the host, whatever the network is. None is open but the one that
// the policy names.
func TestSocketsOfTheHost(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	further, read := filepath.Join(w.Home, "further"), filepath.Join(w.Home, "read")
	all := []string{
		w.Project + "/s", w.Project + "/tmp/sockets/app.sock", w.Project + "/1/2/3/4/s", w.Project + "/.git/fsmonitor--daemon.ipc",
		further + "/s", further + "/a/s", read + "/s", read + "/a/b/s",
	}
	// Below the limit of a socket's address, 108 bytes.
	for _, p := range all {
		w.Mkdir(filepath.Dir(p), 0o755)
		l, err := net.Listen("unix", p)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	for _, p := range []string{w.Project + "/fifo", w.Project + "/a/fifo", further + "/fifo", read + "/fifo"} {
		w.Mkdir(filepath.Dir(p), 0o755)
		if err := unix.Mkfifo(p, 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	try := func(how string, flags ...string) []string {
		c := w.Part("doors", append([]string{"--write", further, "--read", read}, flags...)...)
		c.Args = append(append(c.Args, how), all...)
		r := world.Finish(t, c)
		if r.Status != 0 {
			t.Fatal(r)
		}
		return world.Lines(r.Out)
	}
	if got := try("move"); len(got) > 0 {
		t.Errorf("open: %q", got)
	}
	if got := try("stay", "--read", all[1]); !slices.Contains(got, all[1]) || len(got) > 1 {
		t.Errorf("with a grant of %s open: %q", all[1], got)
	}
	w.Write(w.Dir+"/ro.toml", "version = 1\n[files]\nproject = \"ro\"\n")
	if got := try("move", "--policy", w.Dir+"/ro.toml"); len(got) > 0 {
		t.Errorf("read-only, open: %q", got)
	}
	// What covers them is gone with the jail, and work is as ever.
	for _, p := range all {
		if fi, err := os.Lstat(p); err != nil || fi.Mode().Type()&(fs.ModeSocket|fs.ModeNamedPipe) == 0 {
			t.Errorf("%s: %v, %v", p, fi, err)
		}
	}
	if r := w.Bash("git status --short >/dev/null && git commit -q --allow-empty -m x", "--strict"); r.Status != 0 || r.Err != "" {
		t.Errorf("git: %s", r)
	}
}

// TestSocketGrants: a grant of a socket says what it gives away.
func TestSocketGrants(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	run := w.Env["XDG_RUNTIME_DIR"]
	for _, c := range []struct{ name, want string }{
		{"docker.sock", "the jail holds nothing"}, {"ssh-agent.socket", "signs with your keys"}, {"own", "signs with your keys"}, {"x.sock", "whatever listens there"}, {"bus", "run anything as you"},
	} {
		p := filepath.Join(run, c.name)
		l, err := net.Listen("unix", p)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		w.Env["SSH_AUTH_SOCK"] = run + "/own"
		if r := w.Bash("true", "--read", p); r.Status != 0 || !strings.Contains(r.Err, c.want) {
			t.Errorf("%s: want %q: %s", c.name, c.want, r)
		}
	}
}
