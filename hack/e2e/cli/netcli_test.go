package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestLogCommand: what a jail was refused is in the session's log, which only
// its caller can read.
func TestLogCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	none := world.Finish(t, w.Command("log"))
	if none.Status != 125 || !strings.Contains(none.Err, "there is no log of a session in this folder") {
		t.Errorf("before the first session: %s", none)
	}
	// It reads until it is refused. What a jail asks for right before its end has a
	// test of its own: TestCloseDecidesTheLast (runtime/egress).
	const ask = `(exec 3<>/dev/tcp/denied.example/443) 2>/dev/null; (exec 3<>/dev/tcp/198.51.100.7/22; cat <&3) 2>/dev/null; ls -d ~/.local/state 2>/dev/null; true`
	r := world.Finish(t, w.Base(ask, "--net", "filtered", "--allow", "allowed.example"))
	if r.Status != 0 || r.Out != "" || !strings.Contains(r.Err, "denied.example") || !strings.Contains(r.Err, "--allow denied.example") {
		t.Fatal(r)
	}
	dir := filepath.Join(w.Home, ".local/state/jailed-claude/log")
	files, err := filepath.Glob(dir + "/*.jsonl")
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, files[0]: 0o600} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
	id := strings.TrimSuffix(filepath.Base(files[0]), ".jsonl")
	for _, args := range [][]string{{}, {id}, {id[:4]}, {"--follow"}} {
		r := world.Finish(t, w.Command(append([]string{"log"}, args...)...))
		if r.Status != 0 || !strings.HasPrefix(r.Out, "session "+id+" of "+w.Project) || !strings.Contains(r.Out, "deny  dns    denied.example no rule allows it") ||
			!strings.Contains(r.Out, "deny  tcp    198.51.100.7:22 ") {
			t.Errorf("log %q: %s", args, r)
		}
	}
	denied := world.Finish(t, w.Command("log", "--denied", "--json"))
	seen := map[string]bool{}
	for _, l := range world.Lines(denied.Out) {
		var e struct{ Kind, Name, Address, Verdict string }
		if err := json.Unmarshal([]byte(l), &e); err != nil || e.Verdict != "deny" {
			t.Errorf("%q: %v", l, err)
		}
		seen[e.Name+e.Address] = true
	}
	if !seen["denied.example"] || !seen["198.51.100.7"] {
		t.Errorf("not in the log: %s", denied)
	}

	// Names are the jail's choice, and so may be what is in a log.
	w.Write(filepath.Join(dir, "0123456789ab.jsonl"), fmt.Sprintf(`{"time":"2000-01-01T00:00:00Z","kind":"session","id":"0123456789ab","project":%q}
{"time":"2000-01-01T00:00:00Z","kind":"tcp","name":"\u001b]0;x\u0007\u202egnp.a","port":1,"verdict":"deny"}
{"half`, w.Dir))
	hostile := world.Finish(t, w.Command("log", "0123"))
	if hostile.Status != 0 || strings.ContainsAny(hostile.Out, "\x1b\x07\u202e") || len(world.Lines(hostile.Out)) != 2 {
		t.Errorf("%s", hostile)
	}
	if r := world.Finish(t, w.Command("log", "")); r.Status != 125 {
		t.Errorf("an empty ID: %s", r)
	}
	elsewhere := w.Command("log")
	elsewhere.Dir = w.Home
	if r := world.Finish(t, elsewhere); r.Status != 125 || !strings.Contains(r.Err, "jailed-claude log "+id) {
		t.Errorf("in another folder: %s", r)
	}
}

// TestLogsAreDropped: of more than a hundred and a half, a hundred are kept, the
// newest.
func TestLogsAreDropped(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	dir := filepath.Join(w.Home, ".local/state/jailed-claude/log")
	begin := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 155 {
		at := begin.Add(time.Duration(i) * time.Hour).Format(time.RFC3339)
		w.Write(filepath.Join(dir, fmt.Sprintf("%012x.jsonl", 0xabc000+i)), fmt.Sprintf(`{"time":%q,"kind":"session","id":"x","project":"/x"}`+"\n", at))
	}
	w.Write(filepath.Join(dir, "notes"), "mine")
	if r := world.Finish(t, w.Base("true", "--net", "internet")); r.Status != 0 {
		t.Fatal(r)
	}
	files, err := filepath.Glob(dir + "/*.jsonl")
	if err != nil || len(files) != 100 {
		t.Errorf("%d logs, %v", len(files), err)
	}
	for i, want := range map[int]bool{0: false, 55: false, 56: true, 154: true} {
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%012x.jsonl", 0xabc000+i))); (err == nil) != want {
			t.Errorf("log %d is kept: %v", i, err == nil)
		}
	}
	if got := w.Read(filepath.Join(dir, "notes")); got != "mine" {
		t.Error("a file that is no log is gone")
	}
}

// TestLogElsewhere: a log is not written through a link.
func TestLogElsewhere(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Home+"/.local/state/jailed-claude/log", "a file")
	r := world.Finish(t, w.Base("echo ran", "--net", "internet"))
	if r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "create the session log") || !strings.Contains(r.Err, "XDG_STATE_HOME") {
		t.Error(r)
	}
	if r := world.Finish(t, w.Base("echo ran", "--net", "host")); r.Out != "ran\n" {
		t.Errorf("a jail without a log: %s", r)
	}
}

// TestKeyIsKeptOutside: a key in the caller's environment is not in the jail.
func TestKeyIsKeptOutside(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	const key, script = "sk-ant-secret-secret", `echo "$ANTHROPIC_API_KEY $ANTHROPIC_BASE_URL"`
	w.Env["ANTHROPIC_API_KEY"] = key
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--net", "none"}, "placeholder-for-the-anthropic-key-which-stays-outside-of-this-jail http://anthropic.broker.internal\n"},
		{[]string{"--net", "internet"}, "placeholder-for-the-anthropic-key-which-stays-outside-of-this-jail http://anthropic.broker.internal\n"},
		{[]string{"--net", "host"}, " \n"},
		{[]string{"--policy", w.Write(w.Dir+"/none.toml", "version = 1\n[agent]\nkey = \"none\"\n")}, " \n"},
		{[]string{"--env", "ANTHROPIC_API_KEY"}, key + " \n"},
		{[]string{"--env", "ANTHROPIC_API_KEY=other"}, "other \n"},
	} {
		if r := world.Finish(t, w.Base(script, c.flags...)); r.Status != 0 || r.Out != c.want || strings.Contains(r.Err, key) {
			t.Errorf("%q: %s", c.flags, r)
		}
	}
	for _, args := range [][]string{{"explain"}, {"spec"}, {"explain", "--json"}} {
		args = append(args, "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"))
		if r := world.Finish(t, w.Command(args...)); r.Status != 0 || strings.Contains(r.Out+r.Err, key) || !strings.Contains(r.Out, "anthropic.broker.internal") {
			t.Errorf("%q: %s", args[0], r)
		}
	}
	w.Env["ANTHROPIC_API_KEY"] = "short"
	if r := world.Finish(t, w.Base("true")); r.Status != 125 || !strings.Contains(r.Err, `agent.key = "none"`) {
		t.Errorf("a key that is none: %s", r)
	}
}

// TestAllowMeansSomething: an --allow that changes nothing is an error with what
// to write instead, for somebody believes that the rest is closed.
func TestAllowMeansSomething(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, c := range []struct {
		flags []string
		says  string // empty: it runs
	}{
		{[]string{"--net", "internet", "--allow", "example.com"}, "already allows every public name"},
		{[]string{"--net", "internet", "--allow", "@npm"}, "already allows every public name"},
		{[]string{"--net", "none", "--allow", "host:80"}, "allows nothing"},
		{[]string{"--net", "host", "--allow", "host:80"}, "already allows everything"},
		{[]string{"--net", "filtered", "--allow", "com"}, `"com" is no full name`},
		{[]string{"--net", "filtered", "--port", "0"}, "0 is no port"},
		{[]string{"--net", "filtered", "--allow", "example.com", "--allow", "@npm"}, ""},
		{[]string{"--net", "internet", "--allow", "host:80", "--allow", "10.1.2.3"}, ""},
	} {
		r := world.Finish(t, w.Base("true", c.flags...))
		if c.says == "" && r.Status != 0 || c.says != "" && (r.Status != 125 || !strings.Contains(r.Err, c.says)) {
			t.Errorf("%q: %s", c.flags, r)
		}
		if strings.Contains(c.says, "allowed") && !strings.Contains(r.Err, "hint: to allow it and nothing else: ") {
			t.Errorf("%q: no hint: %s", c.flags, r)
		}
	}
}

// TestProjectMakesNoCommand: whatever its user approves, a project's policy does
// not make the host run a program or read a file.
func TestProjectMakesNoCommand(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]string{"command": "command:touch %s/ran", "file": "file:%s/secret"} {
		w := world.New(t)
		w.Write(w.Dir+"/secret", "hunter2-hunter2")
		text := "version = 1\n[[broker]]\nname = \"a\"\nupstream = \"https://a.example\"\nheader = \"X\"\nfrom = \"" + fmt.Sprintf(from, w.Dir) + "\"\nenv = \"A\"\n"
		w.Write(w.Project+"/.jailed-claude.toml", text)
		for _, args := range [][]string{{"trust", "--yes"}, {"shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "true"}, {"spec"}, {"explain"}, {"lock"}} {
			r := world.Finish(t, w.Command(args...))
			if r.Status != 125 || !strings.Contains(r.Err, "the policy of a project cannot make it do") || strings.Contains(r.Out+r.Err, "hunter2") {
				t.Errorf("%s: %q: %s", name, args, r)
			}
		}
		if _, err := os.Stat(w.Dir + "/ran"); err == nil {
			t.Error("the command ran")
		}
		// The user's own may, and it works.
		w.Write(w.Home+"/.config/jailed-claude/config.toml", text)
		if err := os.Remove(w.Project + "/.jailed-claude.toml"); err != nil {
			t.Fatal(err)
		}
		if name == "file" {
			if err := os.Chmod(w.Dir+"/secret", 0o600); err != nil {
				t.Fatal(err)
			}
			if r := world.Finish(t, w.Base("echo $A; cat /etc/hosts")); r.Status != 0 || !strings.Contains(r.Out, "placeholder-for-the-a-key") ||
				!strings.Contains(r.Out, "198.18.0.2 a.broker.internal") || strings.Contains(r.Out, "hunter2") {
				t.Errorf("the user's own: %s", r)
			}
		}
	}
}
