package terminal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// st ends a control string.
const st = "\x1b\\"

// filtered is what passes of pieces, written one by one.
func filtered(t testing.TB, o Options, pieces ...string) string {
	t.Helper()
	var out bytes.Buffer
	f := NewFilter(&out, o)
	for _, p := range pieces {
		if n, err := io.WriteString(f, p); n != len(p) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", p, n, err)
		}
	}
	return out.String()
}

// passes are what a terminal gets as it is.
var passes = map[string]string{
	"text":                      "plain text\r\nwith\ttabs\b and a bell\a",
	"utf-8":                     "gr\u00fc\u00df \u2500\u2502 \u2733 \U0001f600 e\u0301 \u00a0 \ufffd \u200d",
	"latin-1":                   "caf\xe9 \xa0\xff end",
	"other controls":            "\x00\x01\x02\x03\x04\x06\x0b\x0c\x10\x11\x13\x18\x1a\x1c\x1f\x7f",
	"shift":                     "\x0elqk\x0f",
	"colours":                   "\x1b[m\x1b[0m\x1b[1;31m\x1b[38;2;1;2;3m\x1b[48:2::1:2:3m\x1b[4:3m\x1b[58;5;1m",
	"cursor":                    "\x1b[H\x1b[2;3H\x1b[A\x1b[12B\x1b[1C\x1b[D\x1b[5G\x1b[3d\x1b[s\x1b[u\x1b7\x1b8\x1b[3E\x1b[2F",
	"erase and insert":          "\x1b[J\x1b[2K\x1b[?J\x1b[3@\x1b[2P\x1b[L\x1b[M\x1b[4X\x1b[3b",
	"scroll":                    "\x1b[2;20r\x1b[r\x1b[S\x1b[2T\x1bD\x1bM\x1bE\x1b[2 @\x1b[2 A",
	"modes":                     "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1000;1006h\x1b[4h\x1b[?2026h\x1b[?7l\x1b[?1s\x1b[?1r\x1b=\x1b>",
	"questions":                 "\x1b[c\x1b[>c\x1b[=c\x1b[6n\x1b[5n\x1b[?6n\x1b[>0q\x1b[?2026$p\x1b[4$p\x1b[x\x1b[?1;1;0S\x1b[14t\x1b[16t\x1b[18t\x1b[11t\x1bZ",
	"kitty's keyboard":          "\x1b[>5u\x1b[<u\x1b[?u\x1b[=1;2u",
	"xterm's keys":              "\x1b[>4;2m\x1b[>4m\x1b[?4m\x1b[>4n",
	"charsets":                  "\x1b(0\x1b)B\x1b*A\x1b+0\x1b-A\x1b(%5\x1bn\x1bo\x1b|\x1b%G\x1b F",
	"resets":                    "\x1bc\x1b[!p",
	"large characters":          "\x1b#3\x1b#8",
	"cursor style":              "\x1b[2 q\x1b[0 q",
	"rectangles":                "\x1b[1;1;2;2$z\x1b[32;1;1;2;2$x",
	"title":                     "\x1b]0;\u2733 Claude Code\a\x1b]2;two" + st + "\x1b]1;\a\x1b]0;\u25d0 \u00e9\a",
	"titles pushed and popped":  "\x1b[22;0;0t\x1b[23;0;0t",
	"colour questions":          "\x1b]10;?\a\x1b]11;?" + st + "\x1b]4;1;?\a\x1b]12;?\a",
	"palette":                   "\x1b]4;1;rgb:ff/00/00\a\x1b]104\a\x1b]110" + st + "\x1b]11;#112233\a\x1b]104;1;2\a\x1b]111;\a",
	"links":                     "\x1b]8;id=1;https://example.org/a?b=c;d\atext\x1b]8;;\a\x1b]8;;HTTP://x" + st,
	"progress":                  "\x1b]9;4;3;\a\x1b]9;4;1;50\a\x1b]9;4;0;\a\x1b]9;4;0" + st,
	"notification":              "\x1b]9;Claude needs you\a\x1b]777;notify;Claude;done\a",
	"notification of kitty":     "\x1b]99;i=1:d=0:p=title;Claude" + st + "\x1b]99;i=1:p=body;done" + st + "\x1b]99;i=1:d=1:a=focus;" + st,
	"prompt marks":              "\x1b]133;A\a\x1b]133;A;redraw=0\a\x1b]133;C\a\x1b]133;D\a\x1b]133;D;1\a",
	"status of Claude Code":     "\x1b]7501;?\a\x1b]7501;state=working:app=claude-code:id=a-b:title=YQ==\a",
	"image in kitty's protocol": "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA" + st + "\x1b_Gm=1;YWJj" + st + "\x1b_Ga=d" + st,
	"end of a string alone":     st,
}

func TestPasses(t *testing.T) {
	for name, s := range passes {
		if got := filtered(t, Options{}, s); got != s {
			t.Errorf("%s: got %q, want %q", name, got, s)
		}
	}
}

// drops are what a terminal does not get at all.
var drops = map[string]string{
	"answerback":                    "\x05",
	"clipboard written":             "\x1b]52;c;cm0gLXJmIH4=\a",
	"clipboard written, ST":         "\x1b]52;c;cm0gLXJmIH4=" + st,
	"clipboard cleared":             "\x1b]52;c;\a",
	"clipboard read":                "\x1b]52;c;?\a",
	"clipboard, other number forms": "\x1b]052;c;YQ==\a\x1b]+52;c;YQ==\a\x1b]52 ;c;YQ==\a",
	"clipboard of kitty":            "\x1b]5522;type=read\a",
	"font asked":                    "\x1b]50;?\a\x1b]50;#+1\a",
	"title typed":                   "\x1b[21t\x1b[20t\x1b[021t\x1b[21;0t\x1b[20;1;2t\x1b[22;20t\x1b[14;21t",
	"title typed, wrapped number":   "\x1b[65557t\x1b[4294967317t\x1b[18446744073709551637t",
	"title modes":                   "\x1b[>0t\x1b[>0;1;2;3t\x1b[>0T",
	"window changed":                "\x1b[8;10;10t\x1b[1t\x1b[2t\x1b[3;0;0t\x1b[4;1;1t\x1b[5t\x1b[9;1t\x1b[10;1t\x1b[30t\x1b[t",
	"page changed":                  "\x1b[132$|\x1b[100*|",
	"columns changed":               "\x1b[?3h\x1b[?3;4l\x1b[?40h\x1b[?25;3h",
	"VT52, Tektronix":               "\x1b[?2l\x1b[?25;2l\x1b[?38h\x1b[?2:1l",
	"modes, wrapped number":         "\x1b[?65538l\x1b[?4294967298l\x1b[?99999999999999999999h",
	"keyboard locked, logging":      "\x1b[2h\x1b[4;2h\x1b[?46h",
	"screen read by checksum":       "\x1b[1;1;1;1;1;1*y\x1b[*y",
	"macro":                         "\x1bP0;0;1!z1b5d35323b" + st + "\x1b[0*z",
	"DECRQSS":                       "\x1bP$qm" + st + "\x1bP$q\"p" + st,
	"XTGETTCAP":                     "\x1bP+q544e" + st,
	"keys programmed":               "\x1bP0;1|17/726d0d" + st,
	"presentation state":            "\x1b[1$w\x1b[1$u\x1bP1$t1;1" + st,
	"sixels, fonts, ReGIS":          "\x1bPq#0;2;0;0;0~-" + st + "\x1bP1;1{ @~" + st + "\x1bP0p S(E)" + st,
	"printing":                      "\x1b[i\x1b[5i\x1b[4i\x1b[?5i\x1b[?i\x1b[0i",
	"tmux":                          "\x1bPtmux;\x1b]52;c;YQ==\a" + "\x1bP tmux" + st,
	"remote control of kitty":       "\x1bP@kitty-cmd{\"cmd\":\"launch\"}" + st,
	"title of screen":               "\x1bktitle" + st,
	"working folder":                "\x1b]7;file:///tmp\a",
	"iTerm2":                        "\x1b]1337;File=name=YQ==;inline=0:YQ==\a\x1b]1337;CopyToClipboard=\a\x1b]1337;ReportCellSize\a\x1b]1337;SetProfile=x\a",
	"ConEmu":                        "\x1b]9;7;cmd\a\x1b]9;6;macro\a\x1b]9;9;/tmp\a\x1b]9;2;box\a\x1b]9;4;x\a\x1b]9;12\a",
	"VS Code":                       "\x1b]633;E;rm -rf;1\a\x1b]633;P;Cwd=/tmp\a",
	"prompt that types":             "\x1b]133;A;click_events=1\a\x1b]133;C;cmdline=x\a",
	"urxvt's extensions":            "\x1b]777;selection;x\a\x1b]777\a",
	"notification that reports":     "\x1b]99;i=x:a=report;hi" + st + "\x1b]99;i=x:p=?;" + st + "\x1b]99;i=x:c=1;hi" + st + "\x1b]99;i=x\u00e9;hi" + st,
	"files of kitty":                "\x1b]5113;ac=send\a",
	"images from files":             "\x1b_Gt=f,a=T;L2V0Yy9wYXNzd2Q=" + st + "\x1b_Ga=T,t=t;YQ==" + st + "\x1b_Gt=s;YQ==" + st + "\x1b_Gt=d,t=f;YQ==" + st + "\x1b_Gtt=f;YQ==" + st + "\x1b_Gt;YQ==" + st,
	"keys of images that are none":  "\x1b_G0=t=;YQ==" + st + "\x1b_Ga==;YQ==" + st + "\x1b_Ga=;YQ==" + st + "\x1b_Ga=Tt;YQ==" + st + "\x1b_Gs=1 1;YQ==" + st,
	"other strings":                 "\x1b_hello" + st + "\x1b^hello" + st + "\x1bXhello" + st,
	"image that is none":            "\x1b_Xa=T;YQ==" + st + "\x1bPGa=T;YQ==" + st + "\x1b_Ga=q;AAAA\a" + st + "\x1b_Ga=T;Y Q" + st,
	"colours that are none":         "\x1b]11;a b\a\x1b]4;1;$(x)\a\x1b]10;\u00e9\a",
	"status that is none":           "\x1b]7501;rm -rf\a\x1b]7501;\a",
	"links that start programs":     "\x1b]8;;file:///etc/passwd\a\x1b]8;;vscode://x\a\x1b]8;id=1;javascript:x\a\x1b]8;;ssh://x\a\x1b]8;https://x\a\x1b]8;;http://x y\a",
	"title with controls":           "\x1b]0;a\nb\a\x1b]0;a\u009bb\a\x1b]0;\xff\a\x1b]2;\x05\a\x1b]0;a\x7fb\a",
	"long title that is none":       "\x1b]-1;" + strings.Repeat("b", maxTitle+1) + "\a",
	"number missing":                "\x1b];x\a\x1b]x\a\x1b]\a\x1b]-1;x\a",
	"other commands":                "\x1b]3;WM_NAME=x\a\x1b]l;x\a\x1b]L\a\x1b]46;/tmp/log\a\x1b]22;x\a\x1b]30;x\a\x1b]30001\a\x1b]60\a",
	"eight-bit controls":            "\x80\x9b\x9d\x90\x9c\x9f",
	"the same in UTF-8":             "\u0080\u009b\u009d\u0090\u009c\u009f\u0085",
	"eight-bit answers":             "\x1b G\x1b[64;0\"p",
	"leaving UTF-8":                 "\x1b%@\x1b%/1\x1b%8",
	"consoles of Linux":             "\x1b[12;2]\x1b[[",
	"escapes without a name":        "\x1bi\x1bW\x1bV\x1bQ\x1b!x\x1b    x\x1b%%G",
	"malformed":                     "\x1b[1 1m\x1b[?1?h\x1b[1?m\x1b[ 5t\x1b[<>u",
	"cancelled":                     "\x1b[1\x18\x1b]0;x\x1a\x1b\x18\x1bP\x18\x1b]52;c;\x1b\x18",
	"begun anew":                    "\x1b\x1b\x1b[\x1b]0;x\x1bP$q\x1b_G\x1bc"[:17],
	"incomplete":                    "\x1b]52;c;YQ==",
}

func TestDrops(t *testing.T) {
	for name, s := range drops {
		if got := filtered(t, Options{}, s); got != "" {
			t.Errorf("%s: got %q of %q, want nothing", name, got, s)
		}
	}
}

// becomes are sequences of which a part passes.
var becomes = map[string][2]string{
	"eight-bit forms are text":        {"\x9d52;c;YQ==\a|\u009b21t", "52;c;YQ==\a|21t"},
	"overlong forms":                  {"\xc0\x9b[21t \xe0\x82\x9b21t \xf0\x80\x80\x9b.", "\xc0[21t \xe021t \xf0."},
	"a character cut by an escape":    {"\xe2\x1b]52;c;YQ==\a\x94x", "\xe2x"},
	"controls take effect before":     {"\x1b[2\n1\x05;\a3H", "\n\a\x1b[21;3H"},
	"a title that is typed, hidden":   {"a\x1b[2\n1tb", "a\nb"},
	"a letter ends a sequence":        {"\x1b[1\u00e9m", "\u00e9m"},
	"an escape ends a string":         {"\x1b]52;c;YQ==\x1b[1mX", "\x1b[1mX"},
	"tmux around another":             {"a\x1bPtmux;\x1b\x1b]52;c;YQ==\a" + st + "b", "a" + st + "b"},
	"text around":                     {"a\x1b]52;c;?\ab\x05c\x1b[21td", "abcd"},
	"deleted within":                  {"\x1b[2\x7f1t\x1b[3\x7f1m", "\x1b[31m"},
	"a long title":                    {"\x1b]0;" + strings.Repeat("x", 1000) + "\a", "\x1b]0;" + strings.Repeat("x", maxTitle) + "\a"},
	"a long title of long characters": {"\x1b]2;" + strings.Repeat("\u2733", 100) + st, "\x1b]2;" + strings.Repeat("\u2733", maxTitle/3) + st},
	"a sequence too long":             {"\x1b[" + strings.Repeat("1;", maxControl) + "mx", "x"},
	"a string too long":               {"\x1b]0;" + strings.Repeat("x", maxString) + "\ax", "x"},
	"an image too long":               {"\x1b_G;" + strings.Repeat("A", maxString) + st + "x", "x"},
	"a link too long":                 {"\x1b]8;;http://" + strings.Repeat("x", maxCommand) + "\ax", "x"},
}

func TestBecomes(t *testing.T) {
	for name, c := range becomes {
		if got := filtered(t, Options{}, c[0]); got != c[1] {
			t.Errorf("%s: got %q of %q, want %q", name, got, c[0], c[1])
		}
	}
}

func TestClipboard(t *testing.T) {
	long := strings.Repeat("QUJD", maxClipboard/4-8)
	for name, c := range map[string][2]string{
		"written":       {"\x1b]52;c;cm0gLXJmIH4=\a", "\x1b]52;c;cm0gLXJmIH4=\a"},
		"primary, ST":   {"\x1b]52;p;YQ" + st, "\x1b]52;p;YQ" + st},
		"no selection":  {"\x1b]52;;YQ==\a", "\x1b]52;;YQ==\a"},
		"long":          {"\x1b]52;c;" + long + "\a", "\x1b]52;c;" + long + "\a"},
		"too long":      {"\x1b]52;c;" + long + long + "\ax", "x"},
		"read":          {"\x1b]52;c;?\a\x1b]52;;?\a\x1b]52;c;?" + st + "\x1b]52;?\a", ""},
		"no base64":     {"\x1b]52;c;!\a\x1b]52;c;Y Q\a\x1b]52;c;YQ==?\a\x1b]52;c;YQ;?\a", ""},
		"other numbers": {"\x1b]052;c;YQ==\a\x1b]5522;c;YQ==\a", ""},
		"in tmux":       {"\x1bPtmux;\x1b\x1b]52;c;YQ==\a\x1b\x1b]52;c;?\a" + st, "\x1b]52;c;YQ==\a" + st},
	} {
		if got := filtered(t, Options{Clipboard: true}, c[0]); got != c[1] {
			t.Errorf("%s: got %.60q (%d bytes), want %.60q (%d bytes)", name, got, len(got), c[1], len(c[1]))
		}
	}
}

// TestSplit: where the bytes are split makes no difference.
func TestSplit(t *testing.T) {
	var all []string
	for _, s := range passes {
		all = append(all, s)
	}
	for _, s := range drops {
		all = append(all, s)
	}
	for _, c := range becomes {
		if len(c[0]) < 5000 {
			all = append(all, c[0])
		}
	}
	for _, s := range all {
		for _, o := range []Options{{}, {Clipboard: true}} {
			want := filtered(t, o, s+"z")
			for i := range len(s) {
				if got := filtered(t, o, s[:i], s[i:]+"z"); got != want {
					t.Errorf("split at %d of %q: %q, want %q", i, s, got, want)
				}
			}
			var single []string
			for i := range len(s) {
				single = append(single, s[i:i+1])
			}
			if got := filtered(t, o, append(single, "z")...); got != want {
				t.Errorf("byte by byte of %q: %q, want %q", s, got, want)
			}
		}
	}
}

// TestSessions: what the real Claude Code wrote passes as it is, but for what
// is listed here.
func TestSessions(t *testing.T) {
	files, err := filepath.Glob("testdata/claude-*.raw")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if got := filtered(t, Options{Clipboard: true}, text); got != text {
			t.Errorf("%s differs where the clipboard can be written, at byte %d", file, common(got, text))
		}
		begin := strings.Index(text, "\x1b]52;")
		if begin < 0 {
			t.Fatalf("%s: nothing was copied", file)
		}
		end := begin + strings.IndexAny(text[begin+1:], "\a\x1b") + 2
		want := text[:begin] + strings.TrimPrefix(text[end:], "\\")
		if got := filtered(t, Options{}, text); got != want {
			t.Errorf("%s differs in more than the clipboard, at byte %d", file, common(got, want))
		}
	}
}

// common is how many bytes at the beginning are the same.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// TestBounded: endless units do not grow what is held.
func TestBounded(t *testing.T) {
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for name, begin := range map[string]string{
		"title": "\x1b]0;", "clipboard": "\x1b]52;c;", "device": "\x1bPq", "application": "\x1b_G", "control": "\x1b[",
		"escape": "\x1b", "text": "", "screen": "\x1bk",
	} {
		f := NewFilter(io.Discard, Options{Clipboard: true})
		if _, err := io.WriteString(f, begin); err != nil {
			t.Fatal(err)
		}
		data := block
		switch name {
		case "control":
			data = bytes.Repeat([]byte("1;"), len(block)/2)
		case "escape":
			data = bytes.Repeat([]byte(" "), len(block))
		}
		for range 8 {
			if _, err := f.Write(data); err != nil {
				t.Fatal(err)
			}
		}
		if cap(f.held) > 2*maxClipboard || cap(f.out) > 2*len(block) {
			t.Errorf("%s: %d bytes are held, %d for output", name, cap(f.held), cap(f.out))
		}
	}
}

type failing struct{}

var errFull = errors.New("full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestErrors(t *testing.T) {
	f := NewFilter(failing{}, Options{})
	if _, err := io.WriteString(f, "\x1b]52;c;?\a"); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
	if n, err := io.WriteString(f, "x"); n != 0 || !errors.Is(err, errFull) {
		t.Errorf("Write = %d, %v", n, err)
	}
}
