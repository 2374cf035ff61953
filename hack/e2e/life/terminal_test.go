package life

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/terminal"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// shownBy runs a script in a jail on a terminal of its own, and returns the
// status and all that the terminal got.
func shownBy(w *world.World, script string) (status int, shown string) {
	w.T.Helper()
	p := world.NewPTY(w.T)
	c := w.Base(script)
	c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
	p.Attach(c)
	status = world.Finish(w.T, c).Status
	// What the terminal holds back comes before what is written now.
	const end = "<the end>"
	if _, err := p.Slave.WriteString(end); err != nil {
		w.T.Fatal(err)
	}
	world.WaitFor(w.T, "all output", func() bool { return strings.Contains(p.Shown(), end) })
	shown, _, _ = strings.Cut(p.Shown(), end)
	return status, shown
}

// clipboardAllowed lets jails write to the clipboard.
func clipboardAllowed(w *world.World) {
	w.T.Helper()
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[terminal]\nclipboard = \"write\"\n")
}

// hostile are escape sequences for printf by what they do to a terminal, each
// with a part of it that must not be seen.
var hostile = map[string][2]string{
	"write to the clipboard":    {`\033]52;c;cm0gLXJmIH4K\007`, "]52;c;cm0"},
	"read the clipboard":        {`\033]52;c;?\033\\`, "]52;c;?"},
	"type the title":            {`\033[21t`, "\x1b[21t"},
	"type the answerback":       {`\005`, "\x05"},
	"type a setting":            {`\033P$qevil\033\\`, "$qevil"},
	"type a capability":         {`\033P+q6576\033\\`, "+q6576"},
	"program a key":             {`\033P0;1|17/726d0d\033\\`, "17/726d0d"},
	"read the screen":           {`\033[1;1;1;1;1;1*y`, "*y"},
	"print":                     {`\033[5i`, "[5i"},
	"speak past tmux":           {`\033Ptmux;\033\033]52;c;YQ==\007\033\\`, "tmux;"},
	"resize the window":         {`\033[8;10;10t`, "8;10;10t"},
	"open a file":               {`\033]8;;file:///etc/passwd\007`, "file:///"},
	"run a program (ConEmu)":    {`\033]9;7;evil\007`, "9;7;evil"},
	"write a file (iTerm2)":     {`\033]1337;File=name=YQ==:YQ==\007`, "1337"},
	"read a file (kitty)":       {`\033_Gt=f,a=T;L2V0Yy9wYXNzd2Q=\033\\`, "t=f"},
	"leave the UTF-8 mode":      {`\033%%@`, "%@"},
	"be a VT52":                 {`\033[?2l`, "?2l"},
	"write by a C1 control":     {`\302\23552;c;cm0K\302\234`, "\u009d"},
	"write by a raw C1 control": {`\23552;c;cm0K\234`, "\x9d"},
}

// TestTerminalFilter: what a jail writes shows something on the caller's
// terminal and does nothing else.
func TestTerminalFilter(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	script := "printf 'begin \\033[1;31mgr\\303\\274n\\342\\234\\263\\033[0m\\n'\n"
	for _, s := range hostile {
		script += "printf '" + s[0] + "'\n"
	}
	// One of them in two pieces, and one left open.
	script += "printf '\\033]5'; sleep 0.2; printf '2;c;split\\007'\nprintf '\\033]0;A title\\007done\\n\\033]52;c;open'"
	status, shown := shownBy(w, script)
	if status != 0 {
		t.Fatalf("exit status %d: %q", status, shown)
	}
	for _, want := range []string{"\x1b[1;31mgr\u00fcn\u2733\x1b[0m", "\x1b]0;A title\a", "done"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown: %q", want, shown)
		}
	}
	for name, s := range hostile {
		if strings.Contains(shown, s[1]) {
			t.Errorf("the jail can %s: %q", name, shown)
		}
	}
	if strings.Contains(shown, "\x1b]5") || strings.Contains(shown, "open") || strings.Contains(shown, "split") {
		t.Errorf("the clipboard is written in pieces: %q", shown)
	}
}

func TestTerminalClipboardByPolicy(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	clipboardAllowed(w)
	const write = "\x1b]52;c;aGVsbG8=\a"
	status, shown := shownBy(w, `printf '\033]52;c;aGVsbG8=\007\033]52;c;?\007\033[21tdone'`)
	if status != 0 || !strings.Contains(shown, write+"done") || strings.Contains(shown, "?\a") {
		t.Errorf("exit status %d: %q, want %q and no question", status, shown, write)
	}
}

// TestTerminalIsGivenBack: however a program ends, what it has left on in the
// terminal is off.
func TestTerminalIsGivenBack(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	on := `\033[22;0;0t\033[>5u\033[?1049h\033[?1003;1006h\033[?2004h\033[?25l\033[1m\033]0;x\007`
	off := []string{"\x1b[?1049l", "\x1b[<1u", "\x1b[?1003l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[?25h", "\x1b[m", "\x1b[23t"}
	for script, status := range map[string]int{"printf '" + on + "on'; kill -9 $$": 137, "printf '" + on + "on'; exit 3": 3} {
		got, shown := shownBy(w, script)
		_, after, _ := strings.Cut(shown, "on")
		for _, s := range off {
			if !strings.Contains(after, s) {
				t.Errorf("%s: %q is missing at the end: %q", script, s, shown)
			}
		}
		if got != status {
			t.Errorf("%s: exit status %d", script, got)
		}
	}
	if _, shown := shownBy(w, "printf 'on\\033[?25l\\033[?25hoff'"); !strings.HasSuffix(shown, "on\x1b[?25l\x1b[?25hoff") {
		t.Errorf("something is switched off that was not on: %q", shown)
	}
}

// TestTmuxClipboard: a real terminal's clipboard stays as it is, and is written
// where the policy says so.
func TestTmuxClipboard(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	s := w.Screen()
	s.Tmux("set-option", "-s", "set-clipboard", "on")
	s.Tmux("set-buffer", "-b", "mine", "of the caller")
	write := func(text string) {
		t.Helper()
		jail := []string{
			world.RequireVariable(t, "BIN"), "shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none", "--",
			"bash", "-c", `printf '\033]52;c;%s\007' "$(printf %s ` + text + ` | base64)"`,
		}
		s.Line("clear; " + world.CommandLine(jail) + "; echo ended-$?")
		s.Wait("ended-0")
	}
	write("evil")
	if got := s.Tmux("list-buffers"); strings.Contains(got, "evil") || !strings.Contains(got, "of the caller") {
		t.Errorf("the clipboard is %q", got)
	}
	clipboardAllowed(w)
	write("wanted")
	s.Until("the clipboard to be written", func() bool { return strings.Contains(s.Tmux("list-buffers"), "wanted") })
}

// TestFilteredSessionsLookTheSame: recordings of the real Claude Code give the
// same screen in a terminal with the filter as without it, at many moments.
func TestFilteredSessionsLookTheSame(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	files, err := filepath.Glob("../../../runtime/terminal/testdata/claude-*.raw")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	s := w.Screen()
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// look plays the beginning of the recording in a window of its own.
		look := func(data []byte) string {
			t.Helper()
			name := w.Write(w.Dir+"/recording", string(data))
			s.Tmux("new-window", "stty raw -echo; cat "+name+"; printf '\\033]2;played\\007'; sleep 1000")
			s.Until("the recording to be played", func() bool {
				return strings.TrimSpace(s.Tmux("display-message", "-p", "#{pane_title}")) == "played"
			})
			screen := s.Tmux("capture-pane", "-p", "-e") + s.Tmux("display-message", "-p", "#{cursor_x} #{cursor_y} #{alternate_on} #{cursor_flag} #{mouse_any_flag}")
			s.Tmux("kill-window")
			return screen
		}
		seen := map[string]bool{}
		for part := 1; part <= 6; part++ {
			data := raw[:len(raw)*part/6]
			// Not in the middle of a sequence, where a terminal waits.
			data = data[:bytes.LastIndexByte(data, '\x1b')]
			var out bytes.Buffer
			if _, err := terminal.NewFilter(&out, terminal.Options{}).Write(data); err != nil {
				t.Fatal(err)
			}
			with, without := look(out.Bytes()), look(data)
			if with != without {
				t.Errorf("%s, %d bytes: with the filter the screen is\n%s\nwithout\n%s", file, len(data), with, without)
			}
			seen[without] = true
		}
		if len(seen) < 3 {
			t.Errorf("%s: the recording shows %d screens: the test shows nothing", file, len(seen))
		}
	}
}
