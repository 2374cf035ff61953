package terminal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// never is what no terminal gets, said another way than the filter does: as
// forms to look for in its output.
var never = regexp.MustCompile("\x05|\u0080|\u009b|\u009d|\u0090|\u009f|" + // answerback, C1
	`\x1b[PX^k]|` + // control strings
	`\x1b\[([0-9:]*;)*0*2[01]([;:][0-9;:]*)?t|\x1b\[0*8;[0-9;:]*t|` + // titles, sizes
	`\x1b\[[^@-~]*i|\x1b\[[^@-~]*\*[yz]|` + // printing, checksums, macros
	`\x1b\[\?([0-9]*;)*2(;[0-9]*)*l|` + // VT52
	`\x1b\][0-9]*[^0-9;\x07\x1b]|\x1b\](1337|5[0-1]|7|52[0-9]+|0[0-9]+);|` + // commands
	`\x1b\]52;[^;\x07\x1b]*;[^\x07\x1b]*\?|` + // the clipboard is asked for
	`\x1b\]8;[^;\x07\x1b]*;[^hH\x07\x1b]|` + // links
	`\x1b_[^G]|\x1b_G[^;\x1b]*t=[^d]`) // files as images

// clipboardWritten is what only Options allow.
var clipboardWritten = regexp.MustCompile(`\x1b\]52`)

// FuzzFilter: whatever comes, where it is split makes no difference, the
// filter passes its own output, and that has nothing of what it drops.
func FuzzFilter(f *testing.F) {
	seed := func(s string) {
		if len(s) < 4096 {
			f.Add([]byte(s), uint16(len(s)/2), false)
			f.Add([]byte(s), uint16(1), true)
		}
	}
	for _, s := range passes {
		seed(s)
	}
	for _, s := range drops {
		seed(s)
	}
	for _, c := range becomes {
		seed(c[0])
	}
	files, _ := filepath.Glob("testdata/claude-*.raw")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			seed(string(raw[:min(len(raw), 4000)]))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16, clipboard bool) {
		o := Options{Clipboard: clipboard}
		s := string(data)
		got := filtered(t, o, s+"z")
		i := int(at) % (len(s) + 1)
		if split := filtered(t, o, s[:i], s[i:]+"z"); split != got {
			t.Errorf("split at %d: %q, whole: %q", i, split, got)
		}
		if again := filtered(t, o, got+"z"); again != got+"z" {
			t.Errorf("its own output %q becomes %q", got, again)
		}
		if m := never.FindString(got); m != "" {
			t.Errorf("%q passed, in %q", m, got)
		}
		if !clipboard && clipboardWritten.MatchString(got) {
			t.Errorf("the clipboard is written by %q", got)
		}
		if !strings.ContainsAny(s, "\x1b\x05\x0e\x0f") && utf8.ValidString(s) && printable([]byte(strings.Map(visible, s))) && got != s+"z" {
			t.Errorf("text %q became %q", s, got)
		}
	})
}

// visible leaves ASCII's control characters out, which pass.
func visible(r rune) rune {
	if r < ' ' || r == del {
		return -1
	}
	return r
}
