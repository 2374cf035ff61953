package bridges

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

type seen struct {
	attack.Witness
	noted map[string]bool
}

func (s seen) Arrived(name string) bool { return s.noted[name] }

// lay makes a desktop, and what an attacker in its project is told of it.
func lay(t *testing.T) (d *Desktop, bin string, e *attack.Env) {
	t.Helper()
	dir := t.TempDir()
	project := filepath.Join(dir, "app")
	if err := os.MkdirAll(filepath.Join(project, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	secret := attack.SecretPrefix + "0123456789abcdef0123456789abcdef"
	e = &attack.Env{Bait: attack.Bait{Hash: attack.Digest([]byte(secret)), Mark: ".mark"}}
	d, bin, env, err := Lay(dir, project, secret, &e.Bait)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	e.Facts.Home, e.Facts.Project, e.Facts.RuntimeDir = dir, project, dir
	return d, bin, e
}

// naive is a way to the editor that judges nothing: it puts the token into what the
// jail says, and leads to the window that files of the jail or the request name.
func naive(t *testing.T, e *attack.Env, token string) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lead := func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		port, head := strconv.Itoa(e.Desk.Port), ""
		if files, _ := filepath.Glob(filepath.Join(e.Desk.Project, ".claude/ide/*.lock")); len(files) > 0 {
			port = strings.TrimSuffix(filepath.Base(files[0]), ".lock")
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if host, found := strings.CutPrefix(strings.TrimSpace(line), "Host: 127.0.0.1:"); found {
				port = host
			}
			if line == "\r\n" {
				head += tokenHeader + ": " + token + "\r\n"
			}
			if head += line; line == "\r\n" {
				break
			}
		}
		out, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return
		}
		defer out.Close()
		_, _ = io.WriteString(out, head)
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		_, _ = io.Copy(c, out)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go lead(c)
		}
	}()
	return l.Addr().String()
}

// TestNaive: with a supervisor that says yes to everything and has it done, every
// attack gets through. So none is held because it could not succeed.
func TestNaive(t *testing.T) {
	d, bin, e := lay(t)
	secret := attack.SecretPrefix + "0123456789abcdef0123456789abcdef"
	socket, editorAt = filepath.Join(d.dir, "s"), naive(t, e, secret)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				line, _ := bufio.NewReader(c).ReadString('\n')
				_, _ = fmt.Fprintf(c, "{}\n")
				if !strings.Contains(line, "clipboard") {
					return
				}
				kind := "image/png"
				if strings.Contains(line, "image/bmp") {
					kind = "image/bmp"
				}
				args := []string{"--type", kind}
				if strings.Contains(line, `"clipboard"}`) {
					args = []string{"--list-types"}
				}
				c2 := exec.Command(filepath.Join(bin, "wl-paste"), args...)
				out, _ := c2.Output()
				if args[0] == "--list-types" { // as JSON has it
					out, _ = json.Marshal(string(out))
				}
				_, _ = c.Write(out)
			}()
		}
	}()
	if out, err := exec.Command(filepath.Join(bin, "xdg-open"), "file:///etc/passwd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// What stands beside the display in a jail that has the whole folder.
	if err := os.Symlink(filepath.Join(d.dir, "wayland"), filepath.Join(d.dir, "wayland-0")); err != nil {
		t.Fatal(err)
	}
	w := seen{noted: map[string]bool{}}
	note := func(name string) { w.noted[name] = true }
	e.Ask = func(what string) error { d.Play(what, func() []string { return []string{""} }, note); return nil }
	results := map[string]attack.Result{}
	for _, a := range Attacks() {
		results[a.Name] = a.Run(e)
	}
	d.Judge(note)
	for _, a := range Attacks() {
		r := results[a.Name]
		if a.Judge != nil {
			r = a.Judge(w, r)
		}
		if r.Verdict != attack.GotThrough {
			t.Errorf("%s: %+v", a.Name, r)
		}
	}
	e.Facts.Clipboard, e.Facts.IDE = true, true
	for _, a := range offAttacks() {
		if r := a.Run(e); r.Verdict != attack.NotApplicable {
			t.Errorf("%s, where it is granted: %+v", a.Name, r)
		}
	}
}

// TestCookieIsNoted: who has the host make a cookie is noticed, whatever becomes of it.
func TestCookieIsNoted(t *testing.T) {
	d, bin, _ := lay(t)
	if out, err := exec.Command(filepath.Join(bin, "xauth"), "-q", "extract", "x", ":1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	noted := map[string]bool{}
	d.Judge(func(name string) { noted[name] = true })
	if !noted["bridge-display-trusted"] || !noted["bridge-starts-other"] {
		t.Errorf("noted: %v", noted)
	}
}

// TestHarmless: what a jail may ask for is no attack.
func TestHarmless(t *testing.T) {
	d, bin, e := lay(t)
	for _, args := range [][]string{{"notify-send", "--app-name=jailed-claude", "--", "jail: audit", ""}, {"wl-paste", "--list-types"}, {"wl-paste", "--no-newline", "--type", "image/jpeg"}} {
		if out, err := exec.Command(filepath.Join(bin, args[0]), args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	editorAt = naive(t, e, attack.SecretPrefix+"0123456789abcdef0123456789abcdef")
	ed, err := dialEditor(e, "/")
	if err != nil || ed.name != ours {
		t.Fatalf("%+v, %v", ed, err)
	}
	defer ed.Close()
	for _, params := range []any{
		call("getDiagnostics", nil)(e), call("getDiagnostics", of("uri", "file://"+e.Desk.Project+"/x"))(e), same(below("/x"))(e), call("close_tab", of("tab_name", ownTab))(e),
	} {
		if text, err := ed.ask("tools/call", params); err != nil || refused(text) != "" {
			t.Errorf("%v: %s, %v", params, text, err)
		}
	}
	d.Judge(func(name string) { t.Errorf("%s is noted", name) })
}
