package agents

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// screens are texts of the first screens of agents without a login or a network, when
// nothing more comes.
var screens = map[string]string{
	"amp":      "Would you like to log in to Amp?",
	"cline":    "Bring your own provider",
	"codex":    "Sign in with ChatGPT",
	"continue": "Enter your Anthropic API key",
	"copilot":  "Do you trust the files in this folder?",
	"gemini":   "Do you trust the files in this folder?",
	"opencode": "Ask anything",
	"pi":       "/ commands",
	"qwen":     "Connect a Provider",
}

// TestScreens: the first screen of each agent is the same in a jail as outside, but for
// lines of this program above it.
func TestScreens(t *testing.T) {
	t.Parallel()
	for _, name := range tried {
		want, known := screens[name]
		if !known {
			t.Errorf("nobody has looked at the screen of %s", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			bin := installed(t, name)
			w := world.New(t)
			w.Env["PATH"] = bin + ":/usr/local/bin:/usr/bin:/bin"
			s := w.Screen()
			s.Resize("200", "50")
			// pi asks tmux for this and warns; no jail can ask the host's.
			s.Tmux("set-option", "-g", "extended-keys", "on")
			mark := "AGENT_SCREEN=" + rand.Text()
			t.Cleanup(func() { endAll(mark, w.Home) })
			look := func(line string, like []string) (shown []string) {
				s.Line("clear; " + line)
				deadline := time.Now().Add(2 * time.Minute)
				for {
					text := s.Shown()
					next := steady(text)
					// Some draw a picture that moves, tips that are others each time.
					if strings.Contains(text, want) && (like == nil && slices.Equal(next, shown) || like != nil && slices.Equal(next, like)) {
						return next
					}
					if shown = next; time.Now().After(deadline) {
						t.Fatalf("%s: %q is not shown, or is another screen than\n%s\n%s", line, want, strings.Join(like, "\n"), text)
					}
					time.Sleep(2 * time.Second)
				}
			}
			outside := look(mark+" "+agent.Named(name).Programs[0], nil)
			endAll(mark, w.Home)
			s.Tmux("respawn-pane", "-k", "exec env HISTFILE= PS1='host> ' bash --norc --noprofile -i")
			s.Wait("host>")
			inside := look(show.ShellQuote(os.Getenv("JAIL_TEST_BIN"))+" run "+name+" --net none", outside)
			t.Logf("%d lines: %q", len(inside), inside)
		})
	}
}

// endAll kills what has the mark in its environment, or lies in a home: codex leaves a
// daemon there that forgets where it came from.
func endAll(mark, home string) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range all {
		text, err := os.ReadFile(name)
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(name), "exe"))
		if pid, e := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil && e == nil && (strings.Contains(string(text), mark) || strings.HasPrefix(exe, home+"/")) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// moving is what is another one each time: pictures, tips, what a terminal shows of the
// command; and Copilot's word that it has no instructions, which it has in a jail.
var moving = regexp.MustCompile(`(?i)tip|copilot-instructions.md found|^host>|^jailed-claude: |^[^\pL]*$|[@:;.,_|]{3}`)

// example is what opencode suggests to ask, one of several each time.
var example = regexp.MustCompile(`(Ask anything… )".*"`)

// drawn are frames, and what is drawn with blocks: Copilot has a face that blinks.
var drawn = regexp.MustCompile(`[\x{2500}-\x{259f}]`)

// steady are the lines of a screen that stay, in their order and without what is drawn.
func steady(screen string) (lines []string) {
	for l := range strings.SplitSeq(screen, "\n") {
		if l = strings.TrimSpace(drawn.ReplaceAllString(l, "")); !moving.MatchString(l) {
			lines = append(lines, example.ReplaceAllString(l, "$1"))
		}
	}
	return lines
}
