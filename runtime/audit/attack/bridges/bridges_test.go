package bridges

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

type seen struct {
	attack.Witness
	noted map[string]bool
}

func (s seen) Arrived(name string) bool { return s.noted[name] }

// TestNaive: with a supervisor that says yes to everything and has it done, every
// attack gets through. So none is held because it could not succeed.
func TestNaive(t *testing.T) {
	dir := t.TempDir()
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, bin, err := Lay(dir)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = c.Write([]byte("{}\n"))
			c.Close()
		}
	}()
	if out, err := exec.Command(filepath.Join(bin, "xdg-open"), "file:///etc/passwd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := seen{noted: map[string]bool{}}
	d.Judge(func(name string) { w.noted[name] = true })
	for _, a := range Attacks() {
		r := a.Run(&attack.Env{})
		if a.Judge != nil {
			r = a.Judge(w, r)
		}
		if r.Verdict != attack.GotThrough {
			t.Errorf("%s: %+v", a.Name, r)
		}
	}
}

// TestHarmless: what a jail may ask for is no attack.
func TestHarmless(t *testing.T) {
	d, bin, err := Lay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(bin, "notify-send"), "--app-name=jailed-claude", "--", "jail: audit", "").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.Judge(func(name string) { t.Errorf("%s is noted", name) })
	if text, err := os.ReadFile(d.log()); err != nil || strings.TrimSpace(string(text)) != harmless {
		t.Errorf("%q, %v", text, err)
	}
}
