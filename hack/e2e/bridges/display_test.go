package bridges

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// server is a real X server on a free display, which it chooses and says, with a
// cookie, or without any.
func server(t *testing.T, d *desktop, cookie bool) {
	t.Helper()
	world.RequireTool(t, "Xvfb")
	world.RequireTool(t, "xauth")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-displayfd", "3", "-screen", "0", "64x64x24", "-nolisten", "tcp", "-noreset"}
	file := filepath.Join(d.Dir, "xauthority")
	secret := fmt.Sprintf("%x", []byte(rand.Text())[:16])
	add := func(display string) {
		c := exec.Command("xauth", "-q", "-f", file, "add", display, ".", secret)
		c.Env = d.Environ()
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if cookie {
		add(":0") // a server takes every entry
		args = append(args, "-auth", file)
	}
	x := exec.Command("Xvfb", args...)
	x.ExtraFiles, x.Env, x.Dir = []*os.File{write}, d.Environ(), d.Dir
	if err := x.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Process.Kill(); _ = x.Wait() })
	write.Close()
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		world.Cannot(t, "Xvfb does not start here: %v", err)
	}
	d.Env["DISPLAY"] = ":" + strings.TrimSpace(number)
	if cookie {
		add(d.Env["DISPLAY"])
		d.Env["XAUTHORITY"] = file
	}
}

// TestX11: a program of the jail opens the display, and with "x11" it is one that
// the server does not trust: it has no extension that types or records keys, as
// one like the user's own has. The clipboard both read: docs/bridges.md says so.
func TestX11(t *testing.T) {
	t.Parallel()
	world.RequireTool(t, "xclip")
	world.RequireTool(t, "xdpyinfo")
	d := newDesktop(world.New(t))
	d.Env["PATH"] = strings.TrimPrefix(d.Env["PATH"], d.dir+":")
	server(t, d, true)
	c := exec.Command("xclip", "-selection", "clipboard", "-i", d.Write(d.dir+"/text", "my password"))
	c.Env = d.Environ()
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	run := func(mode string) world.Result {
		return world.Finish(t, d.Command("shell", "--net", "none", "--package", "host", "--bridge", "display="+mode, "--", "sh", "-c",
			`echo "$DISPLAY"; ls /tmp/.X11-unix; xdpyinfo -queryExtensions | grep -wE 'XTEST|RECORD|BIG-REQUESTS' | tr -d ' ' | cut -d '(' -f 1 | sort; xprop -root -f OF_A_JAIL 8s -set OF_A_JAIL x && echo changed; xclip -selection clipboard -o`))
	}
	r := run("x11-trusted")
	if r.Out != ":0\nX0\nBIG-REQUESTS\nRECORD\nXTEST\nchanged\nmy password" {
		t.Errorf("trusted: %s", r)
	}
	if r = run("x11"); r.Out != ":0\nX0\nBIG-REQUESTS\nmy password" {
		t.Errorf("not trusted: %s", r)
	}
	if !strings.Contains(r.Err, "bridges: display: used once") || !strings.Contains(d.SessionLog(), `"name":"x11","verdict":"allow","rule":"bridges.display"`) {
		t.Errorf("it is not logged: %s", r)
	}
}

// TestX11WithoutACookie: where everybody is let in, nobody can be not trusted.
func TestX11WithoutACookie(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	server(t, d, false)
	if r := d.shell("true", "--bridge", "display=x11"); r.Status != 125 || !strings.Contains(r.Err, "without a cookie") {
		t.Error(r)
	}
}

// TestWayland: the socket of the compositor and no other file of its folder is in
// the jail, by its usual name; without the word there is none.
func TestWayland(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	dir := d.Dir + "/r"
	d.Mkdir(dir, 0o700)
	l, err := net.Listen("unix", dir+"/wayland-7")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d.Write(dir+"/bus", "")
	d.Env["XDG_RUNTIME_DIR"], d.Env["WAYLAND_DISPLAY"] = dir, "wayland-7"
	if r := d.shell(`echo "$WAYLAND_DISPLAY$DISPLAY"; echo $(ls "$XDG_RUNTIME_DIR" /tmp/.X11-unix 2>/dev/null | tr -d '\n')`); strings.Contains(r.Out, "wayland") || strings.Contains(r.Out, "X0") {
		t.Errorf("without the word: %s", r)
	}
	if r := d.shell(`echo "$WAYLAND_DISPLAY"; [ -S "$XDG_RUNTIME_DIR/wayland-0" ] && echo socket; ls "$XDG_RUNTIME_DIR"`, "--bridge", "display=wayland"); r.Out != "wayland-0\nsocket\nwayland-0\n" {
		t.Errorf("%s", r)
	}
	d.Env["WAYLAND_DISPLAY"] = ""
	if r := d.shell("true", "--bridge", "display=wayland"); r.Status != 125 || !strings.Contains(r.Err, "no such display") {
		t.Error(r)
	}
}
