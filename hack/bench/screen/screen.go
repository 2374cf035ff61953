package screen

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Mark is a variable by which what was started is found again.
const Mark = "BENCH_SCREEN"

// answers are those of a terminal with 24 bits of colour.
var answers = map[string]string{
	"\x1b[6n": "\x1b[1;1R", "\x1b[c": "\x1b[?62;c", "\x1b[0c": "\x1b[?62;c", "\x1b[?u": "\x1b[?0u",
	"\x1b[>q": "\x1bP>|xterm\x1b\\", "\x1b[>0q": "\x1bP>|xterm\x1b\\", "\x1b[14t": "\x1b[4;600;800t", "\x1b[16t": "\x1b[6;16;8t",
	"\x1b]10;?": "\x1b]10;rgb:ffff/ffff/ffff\x1b\\", "\x1b]11;?": "\x1b]11;rgb:0000/0000/0000\x1b\\",
}

// hidden is what shows no text, and blanks, which programs also write by moving on;
// mode asks for one of a terminal.
var (
	hidden = regexp.MustCompile(`\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[P_^][^\x1b]*\x1b\\|\x1b\[[0-9;?<>=$]*[ -/]*[@-~]|\x1b.|\s`)
	mode   = regexp.MustCompile(`\x1b\[\?(\d+)\$p`)
)

// First starts c, whose terminal is the other side of master, and returns how many
// milliseconds it took until one of the texts was there. Then all that has the same
// Mark in its environment is killed, and programs that lie in the folder home: codex
// installs a daemon there that forgets where it came from.
func First(c *exec.Cmd, master *os.File, start func() error, home string, limit time.Duration, texts ...string) (float64, error) {
	mark := Mark + "=" + strconv.FormatInt(time.Now().UnixNano(), 36)
	c.Env = append(c.Env, mark)
	began := time.Now()
	if err := start(); err != nil {
		return 0, err
	}
	// The end of all who have the other side is what ends a read.
	late := time.AfterFunc(limit, func() { _ = c.Process.Kill(); end(mark, home) })
	defer late.Stop()
	took, err := until(master, began, texts)
	_ = c.Process.Kill()
	end(mark, home)
	_ = c.Wait()
	return took, err
}

func until(master *os.File, began time.Time, texts []string) (float64, error) {
	var all, asked []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := master.Read(buf)
		if err != nil {
			shown := hidden.ReplaceAll(all, nil)
			return 0, fmt.Errorf("%q was not shown: %w; %.300q", texts, err, shown[max(0, len(shown)-300):])
		}
		all = append(all, buf[:n]...)
		asked = append(asked, buf[:n]...)
		shown := hidden.ReplaceAll(all, nil)
		for _, text := range texts {
			if bytes.Contains(shown, []byte(strings.ReplaceAll(text, " ", ""))) {
				return float64(time.Since(began).Microseconds()) / 1000, nil
			}
		}
		for question, answer := range answers {
			for range bytes.Count(asked, []byte(question)) {
				_, _ = master.WriteString(answer)
			}
		}
		for _, m := range mode.FindAllSubmatch(asked, -1) {
			_, _ = master.WriteString("\x1b[?" + string(m[1]) + ";2$y")
		}
		asked = asked[:0]
	}
}

// end kills what has the mark in its environment, or lies in a folder.
func end(mark, home string) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range all {
		text, err := os.ReadFile(name)
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(name), "exe"))
		if err == nil && (bytes.Contains(text, []byte(mark)) || strings.HasPrefix(exe, home+"/")) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}
