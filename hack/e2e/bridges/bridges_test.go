package bridges

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// pixel is an image of one.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="

// desktop is a caller with a desktop of stand-ins, which write down how they were
// called: an image and a text are on its clipboard.
type desktop struct {
	*world.World
	dir string
}

func newDesktop(w *world.World) *desktop {
	w.T.Helper()
	d := &desktop{w, filepath.Join(w.Dir, "desk")}
	w.Mkdir(d.dir, 0o755)
	image, err := base64.StdEncoding.DecodeString(pixel)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Write(d.dir+"/image", string(image))
	note := "#!/bin/sh\nfor a; do set -- \"$@\" \"[$a]\"; shift; done\necho \"${0##*/} $*\" >>" + d.dir + "/said\n"
	for name, does := range map[string]string{
		"xdg-open": "", "notify-send": "",
		"xclip": "case \"$*\" in *TARGETS*) printf 'TARGETS\\nimage/png\\ntext/plain\\n';; *image/png*) exec cat " + d.dir + "/image;; *) echo 'my password';; esac\n",
	} {
		w.Write(d.dir+"/"+name, note+does)
		if err := os.Chmod(d.dir+"/"+name, 0o755); err != nil {
			w.T.Fatal(err)
		}
	}
	w.Env["PATH"] = d.dir + ":" + w.Env["PATH"]
	w.Env["DISPLAY"] = ":77"
	return d
}

// said is how the programs of the desktop were called.
func (d *desktop) said() []string {
	text, _ := os.ReadFile(d.dir + "/said")
	return world.Lines(string(text))
}

// shell runs a script in a jail.
func (d *desktop) shell(script string, flags ...string) world.Result {
	d.T.Helper()
	args := append([]string{"shell", "--net", "filtered", "--allow", "allowed.org", "--closure", world.RequireVariable(d.T, "BASE_CLOSURE")}, flags...)
	return world.Finish(d.T, d.Command(append(args, "--", "bash", "-c", script)...))
}

var all = []string{"--bridge", "open=always", "--bridge", "clipboard", "--bridge", "notify"}

// TestBridges: what is named works, by the programs that agents call, and is in
// config.json, explain, the log and the last lines.
func TestBridges(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	d.Mkdir(d.Dir+"/receipts", 0o700)
	receipt := d.Dir + "/receipts/r"
	r := d.shell(`xclip -selection clipboard -o -t TARGETS
		xclip -selection clipboard -o -t image/png | base64 -w0; echo
		wl-paste --list-types
		wl-paste --type image/png | base64 -w0; echo
		notify-send -u low "build done" "all <b>green</b>" && "$BROWSER" 'https://allowed.org/a?token=x' && echo opened
		xdg-open 'https://other.org/'; [[ $(</etc/jailed-claude/brief.md) == *"xdg-open URL"* ]] && echo "xdg-open URL"`, append([]string{"--receipt", receipt}, all...)...)
	if want := "image/png\n" + pixel + "\nimage/png\n" + pixel + "\nopened\nxdg-open URL\n"; r.Status != 0 || r.Out != want {
		t.Errorf("%s\nwant %s", r, want)
	}
	want := []string{
		"xclip [-selection] [clipboard] [-o] [-t] [TARGETS]", "xclip [-selection] [clipboard] [-o] [-t] [image/png]",
		"xclip [-selection] [clipboard] [-o] [-t] [TARGETS]", "xclip [-selection] [clipboard] [-o] [-t] [image/png]",
		"notify-send [--app-name=jailed-claude] [--] [jail: build done] [all &lt;b&gt;green&lt;/b&gt;]", "xdg-open [https://allowed.org/a?token=x]",
	}
	world.WaitFor(t, "the programs", func() bool { return len(d.said()) >= len(want) })
	if got := d.said(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the desktop was asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range []string{"bridges: clipboard: used 4 times", "bridges: notify: used once", "bridges: open: used once"} {
		if !strings.Contains(r.Err, line) {
			t.Errorf("the last lines have no %q: %s", line, r.Err)
		}
	}
	shown := strings.Join(strings.Fields(world.Finish(t, d.Command("receipt", "show", receipt)).Out), " ")
	for _, part := range []string{"bridge clipboard (4)", "bridge notify (1)", "bridge open (1)", "refused bridge open (1) nobody can be asked"} {
		if !strings.Contains(shown, part) {
			t.Errorf("the receipt has no %q: %s", part, shown)
		}
	}
	log := d.SessionLog()
	for _, part := range []string{`"kind":"bridge","name":"allowed.org","verdict":"allow","rule":"bridges.open","method":"open","path":"/a"`, `"name":"image/png","verdict":"allow","rule":"bridges.clipboard","method":"clipboard"`, `"method":"notify"`} {
		if !strings.Contains(log, part) {
			t.Errorf("the log has no %s:\n%s", part, log)
		}
	}
	if strings.Contains(log, "token") || strings.Contains(log, "build done") {
		t.Errorf("the log has more than names:\n%s", log)
	}
	flags := append([]string{"--net", "filtered", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE")}, all...)
	spec, explain := world.Finish(t, d.Command(append([]string{"spec"}, flags...)...)), world.Finish(t, d.Command(append([]string{"explain"}, flags...)...))
	if !strings.Contains(spec.Out, `\"bridges\":{\"open\":\"always\",\"clipboard\":\"images\",\"notify\":true}`) {
		t.Errorf("config.json does not say it: %s", spec.Out)
	}
	for _, grant := range []string{"bridge open always", "bridge clipboard images", "bridge notify show"} {
		if !strings.Contains(strings.Join(strings.Fields(explain.Out), " "), grant) {
			t.Errorf("explain has no %q:\n%s", grant, explain)
		}
	}
}

// TestOff: without a word there is nothing to ask, and with one nothing else.
func TestOff(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	if r := d.shell(`[ ! -e /run/jail ] && [ ! -e /etc/jailed-claude/bridges ] && [ -z "$BROWSER" ] && ! command -v xclip xdg-open notify-send`); r.Status != 0 {
		t.Error(r)
	}
	for on, programs := range map[string]string{"open": "xdg-open", "clipboard": "wl-paste xclip", "notify": "notify-send"} {
		r := d.shell(`echo $(ls /etc/jailed-claude/bridges)`, "--bridge", on)
		if r.Out != programs+"\n" {
			t.Errorf("%s: %s", on, r)
		}
	}
	if got := d.said(); len(got) > 0 {
		t.Errorf("the desktop was asked %q", got)
	}
	for _, c := range [][2]string{{"--net=host", "needs a network of the jail's own"}, {"--bridge=x", "write open"}} {
		r := world.Finish(t, d.Command("shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--bridge", "open", c[0], "--", "true"))
		if r.Status != 125 || !strings.Contains(r.Err, c[1]) {
			t.Errorf("%s: %s", c[0], r)
		}
	}
}

// TestNothingIsLeft: what speaks to the desktop ends with the jail, however that
// ends.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	desks := func() (n int) {
		found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, f := range found {
			text, _ := os.ReadFile(f)
			if name, rest, _ := strings.Cut(string(text), "\x00"); name == "jailed-claude-desk" && strings.Contains(rest, d.Project) {
				n++
			}
		}
		return n
	}
	c := d.Command("shell", "--net", "none", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--bridge", "notify", "--", "bash", "-c", "notify-send x; sleep 1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	world.WaitFor(t, "the notification", func() bool { return len(d.said()) == 1 })
	if n := desks(); n != 1 {
		t.Errorf("%d processes speak to the desktop", n)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	world.WaitFor(t, "its end", func() bool { return desks() == 0 })
}

// TestOpenAsks: on the terminal, and only a yes opens. The screen of the jail is
// as it was.
func TestOpenAsks(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	s := d.Screen()
	run := func(before, page string) {
		t.Helper()
		s.Line("clear; " + world.CommandLine(d.Command("shell", "--net", "none", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--bridge", "open", "--", "bash", "-c",
			`printf '`+before+`the screen of the jail\n'; xdg-open `+page+`; echo "status-$?"; read -r line; echo "read-$line"`).Args))
	}
	for _, c := range []struct{ answer, status, line string }{{"yes", "status-0", ""}, {"y", "status-4", "the user did not say yes"}} {
		run("", "'https://accounts.example.org/login?a=b'")
		s.Wait("anything else does not")
		shown := s.Shown()
		for _, want := range []string{"accounts.example.org\n", "https://accounts.example.org/login?a=b"} {
			if !strings.Contains(shown, want) {
				t.Errorf("the question does not say %q:\n%s", want, shown)
			}
		}
		if strings.Contains(shown, "of the jail\n") {
			t.Errorf("the jail is shown as well:\n%s", shown)
		}
		// What is typed in the first half second is no answer.
		s.Until("the answer", func() bool {
			if strings.Contains(s.Shown(), "anything else does not") {
				s.Line(c.answer)
			}
			return strings.Contains(s.Shown(), "status-")
		})
		if shown := s.Shown(); !strings.Contains(shown, "the screen of the jail") || !strings.Contains(shown, c.status) || !strings.Contains(shown, c.line) {
			t.Errorf("%s: then the screen shows\n%s", c.answer, shown)
		}
		s.Line("typed")
		s.Wait("typed")
		s.Line("")
		s.Prompt("host>")
	}
	// Nobody waits for the program.
	world.WaitFor(t, "the page", func() bool { return len(d.said()) > 0 })
	if got := d.said(); len(got) != 1 || got[0] != "xdg-open [https://accounts.example.org/login?a=b]" {
		t.Errorf("the desktop was asked %q", got)
	}
	// The end of the jail is one of the question.
	s.Line("clear; " + world.CommandLine(d.Command("shell", "--net", "none", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--bridge", "open", "--", "bash", "-c",
		"xdg-open https://accounts.example.org/ & sleep 1; kill -9 $$").Args))
	s.Prompt("host>")
}

// TestPaste: the real Claude Code pastes the image of the host's clipboard, and
// sends it to the model.
func TestPaste(t *testing.T) {
	t.Parallel()
	w, _, _, log := world.Brokered(t, []map[string]any{{"text": "I see a pixel"}})
	d := newDesktop(w)
	w.Write(w.Private(".claude.json"), `{"hasCompletedOnboarding": true, "theme": "dark", "projects": {"`+w.Project+`": {"hasTrustDialogAccepted": true}}}`)
	s := w.Screen()
	s.Line(world.CommandLine(w.Command("run", "--net", "none", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"), "--bridge", "clipboard").Args))
	s.Wait("auto mode")
	s.Keys("C-v")
	s.Wait("[Image #1]")
	s.Line("what is it?")
	s.Wait("I see a pixel")
	sent := false
	for _, r := range w.APIRequests(log) {
		var body struct{ Messages json.RawMessage }
		_ = json.Unmarshal(r.Body, &body)
		sent = sent || strings.Contains(string(body.Messages), `"type":"image"`)
	}
	if !sent {
		t.Error("no image was sent")
	}
	for _, line := range d.said() {
		if line != "xclip [-selection] [clipboard] [-o] [-t] [TARGETS]" && line != "xclip [-selection] [clipboard] [-o] [-t] [image/png]" {
			t.Errorf("the desktop was asked %q", line)
		}
	}
	s.Line("/exit")
	s.Prompt("host>")
}

// TestRealClipboard: the host's own xclip, on a real X server. Text that is copied
// stays out of reach.
func TestRealClipboard(t *testing.T) {
	t.Parallel()
	world.RequireTool(t, "xclip")
	d := newDesktop(world.New(t))
	d.Env["PATH"] = strings.TrimPrefix(d.Env["PATH"], d.dir+":")
	server(t, d, false)
	copies := func(file string, args ...string) {
		t.Helper()
		c := exec.Command("xclip", append([]string{"-selection", "clipboard", "-i"}, append(args, file)...)...)
		c.Env = d.Environ()
		if err := c.Run(); err != nil {
			t.Fatal(err)
		}
	}
	const look = `xclip -selection clipboard -o -t TARGETS; echo "types $?"; xclip -selection clipboard -o -t image/png | base64 -w0`
	if r := d.shell(look, "--bridge", "clipboard"); r.Out != "types 0\n" {
		t.Errorf("nothing is copied: %s", r)
	}
	copies(d.dir+"/image", "-t", "image/png")
	if r := d.shell(look, "--bridge", "clipboard"); r.Out != "image/png\ntypes 0\n"+pixel {
		t.Errorf("an image is copied: %s", r)
	}
	copies(d.Write(d.dir+"/text", "my password"))
	if r := d.shell(look, "--bridge", "clipboard"); r.Out != "types 0\n" || strings.Contains(r.Err, "password") {
		t.Errorf("a text is copied: %s", r)
	}
	copies(d.dir+"/text", "-t", "image/png")
	if r := d.shell(look, "--bridge", "clipboard"); r.Out != "image/png\ntypes 0\n" || !strings.Contains(r.Err, "no image") {
		t.Errorf("a text that is called an image is copied: %s", r)
	}
}

// TestLogin: /login of the real Claude Code opens its page after a yes, and hears
// what the page answers at a port of the localhost.
func TestLogin(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	d.Write(d.Private(".claude.json"), `{"hasCompletedOnboarding": true, "theme": "dark", "projects": {"`+d.Project+`": {"hasTrustDialogAccepted": true}}}`)
	s := d.Screen()
	s.Line("clear; " + world.CommandLine(d.Command("run", "--net", "internet", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"), "--bridge", "open",
		"--", "--permission-mode", "default").Args))
	s.Wait("shortcuts")
	s.Line("/login")
	s.Wait("with subscription")
	s.Keys("Enter")
	s.Wait("anything else does not")
	_, port, _ := strings.Cut(s.Shown(), "answers at port ")
	port, _, _ = strings.Cut(port, " ")
	s.Until("the page", func() bool {
		if strings.Contains(s.Shown(), "anything else does not") {
			s.Line("yes")
		}
		return len(d.said()) > 0
	})
	if got := d.said(); !strings.HasPrefix(got[0], "xdg-open [https://claude.") || !strings.Contains(got[0], "localhost%3A"+port+"%2F") {
		t.Errorf("the desktop was asked %q", got)
	}
	// A wrong state: the agent itself says no.
	r, err := http.Get("http://127.0.0.1:" + port + "/callback?code=x&state=y")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusBadRequest {
		t.Errorf("the answer to the page's answer is %s", r.Status)
	}
}
