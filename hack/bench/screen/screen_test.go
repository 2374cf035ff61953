package screen

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
)

// TestFirst: a text is found however it is written, after an answer that the program
// waits for; what was left running is ended.
func TestFirst(t *testing.T) {
	for text, fails := range map[string]bool{"hello world": false, "nobody": true} {
		master, slave, err := proc.OpenPTY()
		if err != nil {
			t.Skip(err)
		}
		c := exec.Command("sh", "-c", `sleep 1000 & printf '\033[6n'; head -c 6 >/dev/null; printf '\033[1mhel\033[0mlo\033[5Cworld'; [ `+map[bool]string{true: "1", false: "0"}[fails]+` = 1 ] || wait`)
		c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		limit := time.Minute
		if fails {
			limit = time.Second
		}
		took, err := First(c, master, func() error { defer slave.Close(); return c.Start() }, t.TempDir(), limit, "no", text)
		if (err != nil) != fails || err == nil && took <= 0 {
			t.Errorf("%q: %v, %v", text, took, err)
		}
		_ = master.Close()
	}
}
