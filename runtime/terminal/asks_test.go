package terminal

import (
	"bytes"
	"strings"
	"testing"
)

// TestMute: what is shown once more makes a terminal type nothing, and shows the
// same, however it is split.
func TestMute(t *testing.T) {
	shown := "text \x1b[1;31mred\x1b[m\x1b[2J\x1b[H\x1b[10;5Hhere\x1b[?1049h\x1b[?2004h\x1b]0;title?\x1b\\"
	asks := []string{
		"\x1b[c", "\x1b[>c", "\x1b[=c", "\x1b[5n", "\x1b[6n", "\x1b[?6n", "\x1b[x", "\x1b[>q", "\x1b[>0q", "\x1b[?u", "\x1b[4$p", "\x1b[?2026$p",
		"\x1b[?1;1S", "\x1b[?4m", "\x1b['|", "\x1b[14t", "\x1b[18t", "\x1bZ", "\x1b]10;?\a", "\x1b]11;?\x1b\\", "\x1b]4;1;?\a",
		"\x1b]9;hello\a", "\x1b]777;notify;a;b\a", "\x1b]99;;hello\x1b\\", "\x1b]7501;?\a", "\x1b_Gi=1,a=q;AAAA\x1b\\", "\x05",
	}
	in := shown + strings.Join(asks, "x") + shown
	want := strings.ReplaceAll(shown, "\x1b]0;title?\x1b\\", "") // its text might be a question
	want += strings.Repeat("x", len(asks)-1) + want
	for _, size := range []int{1, 2, 3, 7, len(in)} {
		var got bytes.Buffer
		f := NewFilter(&got, Options{Mute: true})
		for i := 0; i < len(in); i += size {
			if _, err := f.Write([]byte(in[i:min(i+size, len(in))])); err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != want {
			t.Errorf("in pieces of %d:\n%q, not\n%q", size, got.String(), want)
		}
	}
	for _, a := range asks {
		var got bytes.Buffer
		_, _ = NewFilter(&got, Options{}).Write([]byte(a))
		if got.Len() == 0 && a != "\x05" {
			t.Errorf("%q never passes: the test says nothing of it", a)
		}
	}
}

// TestModes: another terminal gets the modes that are on, and no others.
func TestModes(t *testing.T) {
	var none, got bytes.Buffer
	f := NewFilter(&none, Options{})
	if len(f.Modes()) > 0 {
		t.Errorf("%q", f.Modes())
	}
	_, _ = f.Write([]byte("\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[?1000h\x1b[?1000l\x1b="))
	other := NewFilter(&got, Options{})
	_, _ = other.Write(f.Modes())
	if other.modes != f.modes || !strings.Contains(got.String(), "\x1b[?2004h") {
		t.Errorf("%q", got.String())
	}
}
