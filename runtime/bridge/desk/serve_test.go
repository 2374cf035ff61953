package desk

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
)

// TestSecondParse: a supervisor that passes on what a jail said, word by word, has
// nothing done that it may not ask for, and is heard no more.
func TestSecondParse(t *testing.T) {
	h, said := desktop(t, map[string]string{"DISPLAY": ":9", "HOME": t.TempDir()}, map[string]string{"xdg-open": "", "notify-send": "", "xclip": "", "xauth": ""})
	ask := func(line string) (answered bool) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		ended := make(chan struct{})
		go func() { defer close(ended); h.serve(theirs); theirs.Close() }()
		go func() { _, _ = ours.Write([]byte(line + "\n")) }()
		_, err := bridge.ReadAnswer(ours)
		_ = ours.Close()
		<-ended
		return err == nil
	}
	if !ask(`{"bridge":"notify","title":"x"}`) || said() == "" {
		t.Fatal("it does nothing at all")
	}
	for _, line := range []string{
		`{"bridge":"open","url":"file:///etc/passwd"}`, `{"bridge":"open","url":"--help"}`, `{"bridge":"open","url":"https://127.0.0.1/"}`, `{"bridge":"open"}`,
		`{"bridge":"open","url":"https://example.org/","title":"x"}`, `{"bridge":"open","url":"https://example.org/","shell":"x"}`,
		`{"bridge":"clipboard","type":"text/plain"}`, `{"bridge":"clipboard","type":"TARGETS"}`, `{"bridge":"notify","title":"\u001b[2J"}`, `{"bridge":"notify"}`,
		`{"bridge":"display","type":"all"}`, `{"bridge":"display"}`, `{"bridge":"ide"}`, `{"bridge":"exec","url":"https://example.org/"}`, `{}`, `null`, `x`, "\x00",
		`{"bridge":"notify","title":"x"}{"bridge":"open","url":"https://example.org/"}`, `{"bridge":"notify","title":"` + strings.Repeat("x", 2*bridge.MaxRequest) + `"}`,
	} {
		if answered, did := ask(line), said(); answered || did != "" {
			t.Errorf("%.80s: answered: %v, called with %s", line, answered, did)
		}
	}
}

// TestNewHost: programs of a folder that a jail writes are found neither by us nor
// by those that we start, and nothing is done in the caller's folder.
func TestNewHost(t *testing.T) {
	dir := t.TempDir()
	never := filepath.Join(dir, "node_modules/.bin")
	if err := os.MkdirAll(never, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(never, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("PATH", strings.Join([]string{never, ".", link, "/usr/bin", "/bin"}, ":"))
	h := newHost([]string{never})
	if at, err := os.Getwd(); h.path != "/usr/bin:/bin" || os.Getenv("PATH") != h.path || at != "/" || err != nil {
		t.Errorf("PATH is %q, and for others %q; the folder is %s, %v", h.path, os.Getenv("PATH"), at, err)
	}
	if h.x11 != "/tmp/.X11-unix/X" {
		t.Errorf("X servers are at %s", h.x11)
	}
}

// TestOpenFails: a browser that says no is no success.
func TestOpenFails(t *testing.T) {
	h, _ := desktop(t, nil, map[string]string{"xdg-open": "exit 3"})
	if err := h.open("https://example.org/"); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Error(err)
	}
}
