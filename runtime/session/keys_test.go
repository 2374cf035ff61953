package session

import "testing"

func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		keys   string
		typed  []string
		input  string
		detach bool
	}{
		{UsualKeys, []string{"abc"}, "abc", false},
		{UsualKeys, []string{"a\x10\x11b"}, "a", true},
		{UsualKeys, []string{"a\x10", "\x11"}, "a", true},
		{UsualKeys, []string{"a\x10", "b\x11"}, "a\x10b\x11", false},
		{UsualKeys, []string{"\x10\x10\x11"}, "\x10", true},
		{UsualKeys, []string{"\x1b[112;5u", "\x1b[113;5u"}, "", true},
		{UsualKeys, []string{"\x1b[112;5:1u\x1b[27;5;113~"}, "", true},
		{UsualKeys, []string{"\x1b", "[A\x1b[112;5ux"}, "\x1b[A\x1b[112;5ux", false},
		{"ctrl-\\", []string{"\x1c"}, "", true},
		{"ctrl-b,d", []string{"d\x02d"}, "d", true},
		{"none", []string{"\x10\x11"}, "\x10\x11", false},
	} {
		k, err := parseKeys(tt.keys)
		if err != nil {
			t.Fatal(err)
		}
		input, detach := "", false
		for _, p := range tt.typed {
			in, d := k.take([]byte(p))
			input, detach = input+string(in), detach || d
		}
		if input != tt.input || detach != tt.detach {
			t.Errorf("%s, %q: %q, %v", tt.keys, tt.typed, input, detach)
		}
	}
	for _, bad := range []string{"", "ctrl-", "ctrl-1", "ab", "ctrl-p,", "alt-x"} {
		if _, err := parseKeys(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

// TestFrames: what is written is read, however long.
func TestFrames(t *testing.T) {
	long := make([]byte, 3*maxFrame+5)
	r := &reader{text: AppendFrames(AppendFrames(nil, Resize, AppendSize(nil, 100, 30)), Output, long)}
	k, p, err := ReadFrame(r)
	if w, h, ok := ParseSize(p); err != nil || k != Resize || !ok || w != 100 || h != 30 {
		t.Errorf("%c %q %v", k, p, err)
	}
	n := 0
	for range 4 {
		k, p, err := ReadFrame(r)
		if n += len(p); err != nil || k != Output {
			t.Fatalf("%c %v", k, err)
		}
	}
	if n != len(long) || len(r.text) != 0 {
		t.Errorf("%d bytes", n)
	}
	if _, _, err := ReadFrame(&reader{text: []byte{'o', 0xff, 0, 0, 0}}); err == nil {
		t.Error("a frame without end passes")
	}
}

type reader struct{ text []byte }

func (r *reader) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 1000)], r.text)
	r.text = r.text[n:]
	return n, nil
}
