package terminal

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestRestore(t *testing.T) {
	for name, c := range map[string][2]string{
		"nothing":             {"text\r\n\x1b[1;1H\x1b[2J", ""},
		"switched off again":  {"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[1mx\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l\x1b[2;3r\x1b[r\x1b[5 q\x1b[ q", ""},
		"dropped":             {"\x1b[?2l\x1b[?1000;3h\x1b]52;c;YQ==\a\x1b]8;;file:///x\a", ""},
		"mouse":               {"\x1b[?1000h\x1b[?1002;1006h", "\x1b[?1000l\x1b[?1002l\x1b[?1006l"},
		"pastes, focus":       {"\x1b[?2004;1004;2031;2048h", "\x1b[?1004l\x1b[?2004l\x1b[?2031l\x1b[?2048l"},
		"cursor":              {"\x1b[?25l\x1b[3 q", "\x1b[?25h\x1b[0 q"},
		"alternate screen":    {"\x1b[?1049h\x1b[?25l", "\x1b[?1049l\x1b[?25h"},
		"the older one":       {"\x1b[?47h", "\x1b[?1049l"},
		"synchronized":        {"\x1b[?1049h\x1b[?2026h", "\x1b[?2026l\x1b[?1049l"},
		"kitty's keyboard":    {"\x1b[>1u\x1b[?1049h\x1b[>5u\x1b[>5u\x1b[<u", "\x1b[<1u\x1b[?1049l\x1b[<1u"},
		"popped too often":    {"\x1b[<u\x1b[<9u\x1b[>1u", "\x1b[<1u"},
		"set without a push":  {"\x1b[=1u", "\x1b[=0u"},
		"xterm's keys":        {"\x1b[>4;2m\x1b[?1h\x1b=", "\x1b[>4m\x1b[?1l\x1b>"},
		"xterm's keys off":    {"\x1b[>4;2m\x1b[>4m\x1b[>4;2m\x1b[>4;0m", ""},
		"other kinds of keys": {"\x1b[>1;2m\x1b[>4;1m\x1b[>4n\x1b[?67h", "\x1b[>m\x1b[?67l"},
		"all kinds of keys":   {"\x1b[>1;2m\x1b[>4;1m\x1b[>m", ""},
		"cursor of Linux":     {"\x1b[?25l\x1b[?1c", "\x1b[?25h\x1b[?0c"},
		"wrapping, margins":   {"\x1b[?7l\x1b[3;10r", "\x1b[?7h\x1b7\x1b[r\x1b8"},
		"ANSI modes":          {"\x1b[4h\x1b[20h\x1b[12l", "\x1b[4l\x1b[12h\x1b[20l"},
		"colours of text":     {"\x1b[1;31mx", "\x1b[m"},
		"line drawing":        {"\x1b(0\x0e", "\x1b(B\x0f"},
		"link":                {"\x1b]8;;https://x\ay", "\x1b]8;;\x1b\\"},
		"palette":             {"\x1b]11;#112233\a\x1b]4;1;#010203\a\x1b]10;?\a\x1b]12;red\a\x1b]112\a", "\x1b]104\x1b\\\x1b]111\x1b\\"},
		"progress and status": {"\x1b]9;4;3;\a\x1b]7501;state=working:app=x\a", "\x1b]9;4;0\x1b\\\x1b]7501;state=clear\x1b\\"},
		"titles":              {"\x1b[22;0;0t\x1b[22t\x1b[23t\x1b]0;x\a", "\x1b[23t"},
		"full reset":          {"\x1b[?1049h\x1b[?1000h\x1b[>1u\x1b[1mx\x1bc", ""},
		"soft reset":          {"\x1b[?25l\x1b[4h\x1b[1m\x1b[?2004h\x1b[!p", "\x1b[?2004l"},
		"incomplete":          {"\x1b[?2004h\x1b]0;x", "\x1b[?2004l"},
	} {
		var out bytes.Buffer
		f := NewFilter(&out, Options{})
		for _, size := range []int{len(c[0]), 1} { // the second time there is nothing left of the first
			for piece := range slices.Chunk([]byte(c[0]), size) {
				if _, err := f.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			out.Reset()
			if err := f.Restore(); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != c[1] {
				t.Errorf("%s: after %q: %q, want %q", name, c[0], got, c[1])
			}
			out.Reset()
			if _, err := io.WriteString(f, "text"); err != nil || out.String() != "text" {
				t.Errorf("%s: after the end %q is shown of a text, %v", name, out.String(), err)
			}
			out.Reset()
			if err := f.Restore(); err != nil || out.Len() > 0 {
				t.Errorf("%s: restored again: %q, %v", name, out.String(), err)
			}
		}
		if got := filtered(t, Options{}, c[1]); got != c[1] {
			t.Errorf("%s: the filter would not pass %q", name, c[1])
		}
	}
}

// TestRestoreBounded: what a program does not end with makes a bounded answer.
func TestRestoreBounded(t *testing.T) {
	var out bytes.Buffer
	f := NewFilter(&out, Options{})
	if _, err := io.WriteString(f, strings.Repeat("\x1b[22t\x1b[>1u\x1b[=1u\x1b[?1000h", 100_000)); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := f.Restore(); err != nil || out.Len() > 64*8+64 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
