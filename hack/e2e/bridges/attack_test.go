package bridges

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

const socket = "/run/jail/bridge"

// say sends bytes, and returns what comes back.
func say(text string) string {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte(text)); err != nil {
		return err.Error()
	}
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}

// attacks are what a jail says that has "open=always" and "notify", and a network
// that reaches allowed.org alone.
func attacks() (lines []string) {
	page := func(url string) { lines = append(lines, open(url)) }
	for _, url := range []string{
		"file:///etc/passwd", "javascript:alert(1)", "http://allowed.org/", "data:text/html,x", "vscode://x", "-", "--help", "--version", "-Pevil https://allowed.org/",
		"https://allowed.org@evil.org/", "https://allowed.org:443@evil.org/", "https://evil.org\\@allowed.org/", "https://allowed.org%2eevil.org/", "https://127.0.0.1/", "https://0x7f.1/", "https://[::1]/",
		"https://localhost/", "https://router/", "https://allowed.org/\x1b]0;x\x07", "https://allowed.org/ --x", "https://allowed.org/\n--x", "https://allowed.org/$(id)`id`", "https://evil.org/?q=secret", "https://sub.allowed.org/",
		"https://allowed.org:8443/", "https://allowed.org/?redirect_uri=http://localhost:8000/", "https://allowed.org/" + strings.Repeat("x", 5000),
	} {
		page(url)
	}
	return append(lines,
		`{"bridge":"clipboard"}`, `{"bridge":"clipboard","type":"image/png"}`, `{"bridge":"clipboard","type":"text/plain"}`, `{"bridge":"clipboard","type":"TARGETS"}`,
		// What the supervisor alone asks of the desktop.
		`{"bridge":"display","type":"x11-trusted"}`, `{"bridge":"display","type":"x11"}`, `{"bridge":"ide","project":"/"}`, `{"bridge":"ide","path":"/etc"}`,
		`{"bridge":"exec","url":"https://allowed.org/"}`, `{"bridge":"open","url":"https://allowed.org/","title":"x"}`, `{"bridge":"open","URL":"file:///etc/passwd"}`,
		`{"bridge":"notify","title":"\u001b[2J"}`, `{"bridge":"notify","title":"a\nb"}`, `{"bridge":"notify","title":"`+strings.Repeat("x", 1000)+`"}`, `{"bridge":"notify","title":""}`,
		"not json", "{", "[]", "null", "\x00\x01\x02", strings.Repeat("x", 1<<20),
	)
}

func open(url string) string {
	text, err := json.Marshal(map[string]string{"bridge": "open", "url": url})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// attack says all of it, and then floods. What it prints was done.
func attack([]string) int {
	for _, line := range attacks() {
		if a := say(line + "\n"); !strings.Contains(a, `"error"`) && !strings.Contains(a, "broken pipe") && a != "" {
			fmt.Printf("%.80q: %s\n", line, a)
		}
	}
	// Nobody reads on after a request.
	if a := say(`{"bridge":"notify","title":"first"}` + "\n" + `{"bridge":"notify","title":"second"}` + "\n"); a != "{}\n" {
		fmt.Printf("two: %s\n", a)
	}
	var silent []net.Conn
	for range 100 {
		if c, err := net.Dial("unix", socket); err == nil {
			silent = append(silent, c)
		}
	}
	for _, c := range silent {
		c.Close()
	}
	for range 500 {
		say(`{"bridge":"notify","title":"flood"}` + "\n")
	}
	return 0
}

// TestAttacks: nothing of what an attacker says gets more than the words do, a
// flood gets no more than a person would, and the desktop sees nothing of the
// rest.
func TestAttacks(t *testing.T) {
	t.Parallel()
	d := newDesktop(world.New(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := d.Command("shell", "--net", "filtered", "--allow", "allowed.org", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--read", self,
		"--env", world.PartEnv+"=attack", "--bridge", "open=always", "--bridge", "notify", "--", self)
	r := world.Finish(t, c)
	if r.Status != 0 || r.Out != "" {
		t.Errorf("done: %s", r)
	}
	said := d.said()
	floods := 0
	for i, line := range said {
		switch {
		case i == 0 && line == "notify-send [--app-name=jailed-claude] [--] [jail: first] []":
		case line == "notify-send [--app-name=jailed-claude] [--] [jail: flood] []":
			floods++
		default:
			t.Errorf("the desktop was asked %q", line)
		}
	}
	if len(said) > 24 || floods == 0 {
		t.Errorf("the desktop was asked %d times, %d of them by a flood", len(said), floods)
	}
	if !strings.Contains(r.Err, "bridges: malformed requests: refused") || strings.ContainsAny(r.Err, "\x1b\x07") {
		t.Errorf("the last lines: %q", r.Err)
	}
	if n := len(d.SessionLog()); n > 256<<10 {
		t.Errorf("the log has %d bytes", n)
	}
}
