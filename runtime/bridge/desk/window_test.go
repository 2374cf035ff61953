package desk

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// editors is a folder of a host in which editors say how they are reached.
type editors struct {
	t    *testing.T
	host host
	env  map[string]string
	dir  string
	// project is open in them, if they say nothing else.
	project string
}

func newEditors(t *testing.T) *editors {
	t.Helper()
	home := t.TempDir()
	e := &editors{t: t, env: map[string]string{"HOME": home}, dir: filepath.Join(home, ".claude/ide"), project: filepath.Join(home, "src/project")}
	e.host, _ = desktop(t, e.env, nil)
	for _, d := range []string{e.dir, e.project} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// lock writes one of a window, which differs from a sound one as with says.
func (e *editors) lock(name string, with map[string]any) string {
	e.t.Helper()
	all := map[string]any{"workspaceFolders": []string{e.project}, "pid": os.Getpid(), "ideName": name, "transport": "ws", "authToken": "token-of-" + name}
	maps.Copy(all, with)
	text, err := json.Marshal(all)
	if err != nil {
		e.t.Fatal(err)
	}
	file := filepath.Join(e.dir, name+".lock")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		e.t.Fatal(err)
	}
	return file
}

// window is the port of the one that is found; 0 for none.
func (e *editors) window() uint16 {
	w, err := e.host.window(e.project)
	if err != nil {
		return 0
	}
	if w.Token != "token-of-"+strconv.Itoa(int(w.Port)) || w.Name != strconv.Itoa(int(w.Port)) {
		e.t.Errorf("port %d with %+v", w.Port, w)
	}
	return w.Port
}

// TestWindow: the one that has the project open, as its editor said it.
func TestWindow(t *testing.T) {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(e *editors, file string){
		"none": func(_ *editors, file string) { must(os.Remove(file)) },
		"another project": func(e *editors, _ string) {
			e.lock("7001", map[string]any{"workspaceFolders": []string{e.project + "2"}})
		},
		"a folder below": func(e *editors, _ string) {
			e.lock("7001", map[string]any{"workspaceFolders": []string{e.project + "/sub"}})
		},
		"no folder": func(e *editors, _ string) { e.lock("7001", map[string]any{"workspaceFolders": nil}) },
		"a relative folder": func(e *editors, _ string) {
			t.Chdir("/")
			e.lock("7001", map[string]any{"workspaceFolders": []string{"."}})
		},
		"another transport":          func(e *editors, _ string) { e.lock("7001", map[string]any{"transport": "sse"}) },
		"an editor that ended":       func(e *editors, _ string) { e.lock("7001", map[string]any{"pid": 1<<22 - 1}) },
		"no token":                   func(e *editors, _ string) { e.lock("7001", map[string]any{"authToken": ""}) },
		"a token of two lines":       func(e *editors, _ string) { e.lock("7001", map[string]any{"authToken": "a\r\nX-Evil: b"}) },
		"a token with a letter like": func(e *editors, _ string) { e.lock("7001", map[string]any{"authToken": "töken"}) },
		"no JSON":                    func(_ *editors, file string) { must(os.WriteFile(file, []byte("{"), 0o600)) },
		"a name that is no port":     func(e *editors, file string) { must(os.Rename(file, filepath.Join(e.dir, "x.lock"))) },
		"port 0":                     func(e *editors, file string) { must(os.Rename(file, filepath.Join(e.dir, "0.lock"))) },
		"a port beyond all":          func(e *editors, file string) { must(os.Rename(file, filepath.Join(e.dir, "72537.lock"))) },
		"written by the group":       func(_ *editors, file string) { must(os.Chmod(file, 0o620)) },
		"written by all":             func(_ *editors, file string) { must(os.Chmod(file, 0o602)) },
		"a link":                     func(e *editors, file string) { must(os.Rename(file, e.dir+"/real")); must(os.Symlink("real", file)) },
		"a pipe":                     func(_ *editors, file string) { must(os.Remove(file)); must(syscall.Mkfifo(file, 0o600)) },
		"too long":                   func(e *editors, _ string) { e.lock("7001", map[string]any{"x": strings.Repeat("x", maxLock)}) },
		"too many": func(e *editors, _ string) {
			for i := range maxLocks {
				e.lock(fmt.Sprint(8000+i), map[string]any{"transport": "sse"})
			}
		},
		"a folder that a jail writes": func(e *editors, _ string) { e.host.never = []string{filepath.Dir(e.dir)} },
		"a link to one that a jail writes": func(e *editors, _ string) {
			to := t.TempDir()
			must(os.Rename(e.dir, to+"/ide"))
			must(os.Symlink(to+"/ide", e.dir))
			e.host.never = []string{to}
		},
	} {
		e := newEditors(t)
		file := e.lock("7001", nil)
		if p := e.window(); p != 7001 {
			t.Fatalf("%s: at first it is port %d", name, p)
		}
		if spoil(e, file); e.window() != 0 {
			t.Errorf("%s: it is found", name)
		}
	}
}

// TestWindowOfOthers: neither a file of another user nor one of a process of
// another user is heard.
func TestWindowOfOthers(t *testing.T) {
	e := newEditors(t)
	if os.Geteuid() != 0 {
		e.lock("7001", map[string]any{"pid": 1})
		if p := e.window(); p != 0 {
			t.Errorf("of a process of root: port %d", p)
		}
		return
	}
	file := e.lock("7001", nil)
	if err := os.Chown(file, 65534, 65534); err != nil {
		t.Skip("only as root of the host")
	}
	if p := e.window(); p != 0 {
		t.Errorf("of a file of another user: port %d", p)
	}
}

// TestWhichWindow: that of the caller's own terminal, or the closest folder, or the
// newest; CLAUDE_CONFIG_DIR says where.
func TestWhichWindow(t *testing.T) {
	e := newEditors(t)
	above := map[string]any{"workspaceFolders": []string{filepath.Dir(e.project)}}
	e.lock("7003", above)
	if p := e.window(); p != 7003 {
		t.Errorf("of a folder above: port %d", p)
	}
	old := e.lock("7001", nil)
	if p := e.window(); p != 7001 {
		t.Errorf("the closest: port %d", p)
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.lock("7002", nil)
	if p := e.window(); p != 7002 {
		t.Errorf("the newest: port %d", p)
	}
	e.env["CLAUDE_CODE_SSE_PORT"] = "7003"
	if p := e.window(); p != 7003 {
		t.Errorf("of this terminal: port %d", p)
	}
	e.env["CLAUDE_CONFIG_DIR"] = t.TempDir()
	if p := e.window(); p != 0 {
		t.Errorf("of another folder: port %d", p)
	}
}

// TestReal: no link is on the way to a path, of which the end may be missing.
func TestReal(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir+"/a/b", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": "a", "file": "/etc/passwd", "gone": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for p, want := range map[string]bool{
		"a/b": true, "a/b/new": true, "new": true, "a/new/new": false, "link": false, "link/b": false, "link/new": false, "file": false, "gone": false, "a/../a/b": false, "a//b": false,
	} {
		if err := real(dir + "/" + p); (err == nil) != want {
			t.Errorf("%s: %v", p, err)
		}
	}
}
