package desk

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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

// TestMain is also the desk that tests start.
func TestMain(m *testing.M) {
	if Is(os.Args[0]) {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// session writes down which session a program is in, and which process it is.
const session = `read -r _ _ _ _ _ s _ </proc/$$/stat; echo "$s $$" >`

// TestOwnSession: a desk is in no session of the caller's, whose terminal it would
// have, and a browser is not in the desk's: it outlives it.
func TestOwnSession(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"notify-send", "xdg-open"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+session+dir+"/of-"+name+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	f, err := Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewClient(fd)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []bridge.Request{{Bridge: "notify", Title: "x"}, {Bridge: "open", URL: "https://example.org/"}} {
		if a, err := c.Do(t.Context(), r); err != nil || a.Error != "" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	ids := func(name string) (session, pid int) {
		text, err := os.ReadFile(filepath.Join(dir, "of-"+name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(text), &session, &pid); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return session, pid
	}
	own, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	desk, _ := ids("notify-send")
	browser, pid := ids("xdg-open")
	if desk == own || browser != pid {
		t.Errorf("the desk is in session %d (ours is %d), the browser %d in %d", desk, own, pid, browser)
	}
}

// TestDisplay: a display is trusted only if it is asked for as such.
func TestDisplay(t *testing.T) {
	h, said := desktop(t, map[string]string{"DISPLAY": ":7"}, map[string]string{"xauth": ""})
	xserver(t, &h, "\x01")
	if _, err := h.do(bridge.Request{Bridge: "display", Type: "x11"}); err == nil || said() != "" {
		t.Errorf("not trusted: %v", err)
	}
	if _, err := h.do(bridge.Request{Bridge: "display", Type: "x11-trusted"}); err != nil || !strings.Contains(said(), "[extract]") {
		t.Errorf("trusted: %v", err)
	}
}

// TestLargeImage: no more of the clipboard is kept than an image may have.
func TestLargeImage(t *testing.T) {
	h, _ := desktop(t, map[string]string{"DISPLAY": ":9"}, map[string]string{"xclip": fmt.Sprintf("head -c %d /dev/zero", bridge.MaxImage+1)})
	if a, err := h.do(bridge.Request{Bridge: "clipboard", Type: "image/png"}); err == nil {
		t.Errorf("%d bytes", len(a.Data))
	}
	b := bounded{new(bytes.Buffer), 10}
	for range 3 {
		_, _ = b.Write(make([]byte, 8))
	}
	if b.to.Len() != 11 {
		t.Errorf("%d bytes are kept of 10", b.to.Len())
	}
}
