package bridges

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// clipboardAttacks are on a clipboard of which the jail may have images: there are a
// text that calls itself one, and an image without an end.
func clipboardAttacks() []desktopAttack {
	paste := func(kind string, through func(e *attack.Env, text []byte) bool) func(*attack.Env) attack.Result {
		return func(e *attack.Env) attack.Result {
			line := `{"bridge":"clipboard"}`
			if kind != "" {
				line = fmt.Sprintf(`{"bridge":"clipboard","type":%q}`, kind)
			}
			why, text, done := ask(line)
			switch {
			case done && through(e, text):
				return attack.Through("%d bytes came", len(text))
			case done:
				return attack.HeldBy("the answer has nothing of it")
			}
			return attack.HeldBy("%s", why)
		}
	}
	return []desktopAttack{
		{"password", "a text that calls itself an image", paste("image/png", func(e *attack.Env, text []byte) bool { return e.IsSecret(text) })},
		{"types", "what else was copied", paste("", func(e *attack.Env, text []byte) bool {
			return e.IsSecret(text) || strings.Contains(string(text), "text/")
		})},
		{"escape", "what a terminal obeys", paste("", func(_ *attack.Env, text []byte) bool { return strings.Contains(string(text), `\u001b`) })},
		{"huge", "CWE-770", paste("image/bmp", func(_ *attack.Env, text []byte) bool { return len(text) > tooLarge })},
	}
}

// tooLarge is more than an image may have.
const tooLarge = 20<<20 + 4<<10

// displayAttacks are in a jail with a Wayland display: on what is beside it.
func displayAttacks() []desktopAttack {
	return []desktopAttack{
		{"x11", "the other display of the same desktop", func(e *attack.Env) attack.Result {
			n := e.Desk.Display
			return attack.FirstThrough(says(e, "unix", fmt.Sprintf("@/tmp/.X11-unix/X%d", n)), says(e, "unix", fmt.Sprintf("/tmp/.X11-unix/X%d", n)), says(e, "tcp", fmt.Sprintf("127.0.0.1:%d", 6000+n)))
		}},
		{"cookie", "xauth(1)", func(e *attack.Env) attack.Result {
			return attack.FirstThrough(e.Reads(e.Desk.Cookie), e.Reads(os.Getenv("XAUTHORITY")), e.Reads("/run/jail/Xauthority"))
		}},
		{"beside", "what lies beside the socket", func(e *attack.Env) attack.Result {
			var all []attack.Result
			for _, dir := range []string{filepath.Dir(e.Desk.Cookie), e.Facts.RuntimeDir} {
				all = append(all, says(e, "unix", filepath.Join(dir, beside)))
			}
			names, _ := filepath.Glob(filepath.Join(e.Facts.RuntimeDir, "wayland-*"))
			if i := slices.IndexFunc(names, func(p string) bool { return filepath.Base(p) != "wayland-0" }); i >= 0 {
				return attack.Through("there is %s", filepath.Base(names[i]))
			}
			return attack.FirstThrough(all...)
		}},
		{"replaced", "what the caller's programs connect to", func(e *attack.Env) attack.Result {
			at := filepath.Join(e.Facts.RuntimeDir, "wayland-0")
			if _, err := os.Lstat(at); err != nil {
				return attack.Failure("there is no display: %v", err)
			}
			return attack.Unless(os.Rename(at, at+"-of-audit"), "the socket is another one's")
		}},
	}
}

// says tries to hear the secret from a socket.
func says(e *attack.Env, network, address string) attack.Result {
	c, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer c.Close()
	_ = c.SetDeadline(soon())
	return e.ReadsFrom(c, address)
}
