package show

import (
	"os/exec"
	"testing"
)

var texts = []string{"", "plain", "with space", "it's", "a\nb", "\x1b[31m", "\u202egnp.exe", "\xff\xfe", "ünïcödé", "-n", "$(id)", "`id`", `\`, "*"}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "ünïcödé": "ünïcödé", "a\nb": `"a\nb"`, "\x1b[31m": `"\x1b[31m"`, "\u202ex": `"\u202ex"`, "\xff": `"\xff"`,
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q: %s, not %s", text, got, want)
		}
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "it's": "it's", "ünïcödé": "ünïcödé", "a\nb": `a\nb`, "\x1b[31m": `\x1b[31m`, "\u202ex": `\u202ex`, "\xff": "\ufffd",
	} {
		if got := Escape(text); got != want {
			t.Errorf("%q: %s, not %s", text, got, want)
		}
	}
}

// TestShellQuote: a shell reads what was quoted, and a terminal shows it on one
// line.
func TestShellQuote(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not on PATH")
	}
	for _, text := range texts {
		quoted := ShellQuote(text)
		if Visible(quoted) != quoted {
			t.Errorf("%q: %q cannot be shown", text, quoted)
		}
		out, err := exec.Command(bash, "-c", "printf %s "+quoted).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q: %s is %q, %v", text, quoted, out, err)
		}
	}
}
