package session

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jailed-claude/jailed-claude/bundle/receipt"
	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// signing is a world with a folder for receipts, a key and those who may sign.
func signing(t *testing.T) (w *world.World, dir string) {
	t.Helper()
	w = world.New(t)
	world.RequireTool(t, "ssh-keygen")
	dir = filepath.Join(w.Dir, "receipts")
	w.Mkdir(dir, 0o700)
	for _, name := range []string{"key", "other"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	w.Write(filepath.Join(dir, "signers"), "me@example.org "+w.Read(filepath.Join(dir, "key.pub"))+"you@example.org "+w.Read(filepath.Join(dir, "other.pub")))
	return w, dir
}

func sum(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

func verify(w *world.World, args ...string) world.Result {
	w.T.Helper()
	return world.Finish(w.T, w.Command(append([]string{"receipt", "verify"}, args...)...))
}

// TestReceipt: a receipt says what a session was and did, the real ssh-keygen
// verifies its signature, and what is demanded of it decides the exit status.
func TestReceipt(t *testing.T) {
	t.Parallel()
	w, dir := signing(t)
	file := filepath.Join(dir, "receipt.json")
	w.Write(filepath.Join(dir, "policy.toml"), "version = 1\n")
	r := world.Finish(t, w.Base("mkdir .vscode; echo x >.vscode/tasks.json; echo echo >.envrc; exit 7", "--receipt", file, "--receipt-key", filepath.Join(dir, "key")))
	if r.Status != 7 {
		t.Fatalf("%s", r)
	}
	var s struct {
		Subject   []struct{ Name string }
		Predicate struct {
			Session struct {
				ID, Project string
				ExitStatus  int
			}
			Network struct{ Mode string }
			Changed []struct{ Path, Kind, Digest string }
		}
	}
	if err := json.Unmarshal([]byte(world.Finish(t, w.Command("receipt", "show", "--json", file)).Out), &s); err != nil {
		t.Fatal(err)
	}
	p := s.Predicate
	if p.Session.Project != w.Project || p.Session.ExitStatus != 7 || p.Network.Mode != "none" || s.Subject[0].Name != "config.json" {
		t.Errorf("%+v", s)
	}
	want := map[string]string{
		w.Project + "/.vscode": "folder sha256:",
		w.Project + "/.envrc":  "file sha256:" + fmt.Sprintf("%x", sum("echo\n")),
	}
	for _, c := range p.Changed {
		if with, ok := want[c.Path]; ok && strings.HasPrefix(c.Kind+" "+c.Digest, with) {
			delete(want, c.Path)
		}
	}
	if len(want) > 0 {
		t.Errorf("not in %+v: %q", p.Changed, want)
	}
	signers := []string{"--allowed-signers", filepath.Join(dir, "signers"), "--identity"}
	for _, v := range []struct {
		status int
		args   []string
	}{
		{0, nil},
		{0, append(signers, "me@example.org")},
		{1, append(signers, "you@example.org")},
		{0, []string{"--session", p.Session.ID}},
		{1, []string{"--session", "0123456789ab"}},
		{1, []string{"--clean"}},
		{0, []string{"--project-policy", "none"}},
		{1, []string{"--policy", "none"}}, // the flags were part of it
		{125, []string{"--identity", "me@example.org"}},
		{125, []string{"--policy", filepath.Join(dir, "missing")}},
	} {
		if r := verify(w, append(v.args, file)...); r.Status != v.status {
			t.Errorf("verify %q, not %d: %s", v.args, v.status, r)
		}
	}
	w.Write(filepath.Join(dir, "sig"), world.Finish(t, w.Command("receipt", "show", "--signature", file)).Out)
	c := exec.Command("ssh-keygen", "-Y", "verify", "-f", filepath.Join(dir, "signers"), "-I", "me@example.org", "-n", "jailed-claude-receipt", "-s", filepath.Join(dir, "sig"))
	c.Stdin = strings.NewReader(world.Finish(t, w.Command("receipt", "show", "--signed", file)).Out)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("ssh-keygen: %v: %s", err, out)
	}
	if r := verify(w, filepath.Join(dir, "missing")); r.Status != 1 {
		t.Errorf("no receipt: %s", r)
	}
	text := w.Read(file)
	for name, forged := range map[string]string{"cut": text[:len(text)/2], "empty": "", "changed": strings.Replace(text, "a", "b", 1)} {
		w.Write(filepath.Join(dir, name), forged)
		if r := verify(w, append(append(signers, "me@example.org"), filepath.Join(dir, name))...); r.Status != 1 {
			t.Errorf("%s: %s", name, r)
		}
	}
}

// said is what a receipt says.
func said(w *world.World, file string) receipt.Statement {
	w.T.Helper()
	var s receipt.Statement
	if r := world.Finish(w.T, w.Command("receipt", "show", "--json", file)); json.Unmarshal([]byte(r.Out), &s) != nil {
		w.T.Fatalf("%s", r)
	}
	return s
}

// TestReceiptNetwork: what was reached and what was refused is in it, and what the
// user added meanwhile.
func TestReceiptNetwork(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	l.Name("allowed.example", lab.PublicA)
	l.Name("other.example", lab.PublicB)
	file := filepath.Join(w.Dir, "receipt.json")
	r := world.Finish(t, w.NetShell("for h in allowed allowed other; do (exec 3<>/dev/tcp/$h.example/22) 2>/dev/null; done; true", "--net", "filtered", "--allow", "allowed.example:22", "--receipt", file))
	if r.Status != 0 {
		t.Fatalf("%s", r)
	}
	n := said(w, file).Predicate.Network
	if n.Mode != "filtered" || len(n.Allowed) != 1 || n.Allowed[0].What != "allowed.example:22" || n.Allowed[0].Count != 2 || len(n.Refused) != 1 || n.Refused[0].What != "other.example" {
		t.Errorf("%+v", n)
	}
}

// TestReceiptLayer: the digest of a layer is that of what it holds: the same for the
// same, and another one for any other content, mode, deletion or git object.
func TestReceiptLayer(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(filepath.Join(w.Project, "old"), "old\n")
	w.Write(filepath.Join(w.Project, "gone"), "gone\n")
	seen := map[string]string{}
	for i, script := range []string{
		"true",
		"echo new >new",
		"echo new >new", // the same
		"echo nEw >new",
		"echo new >new; chmod +x new",
		"echo new >new; rm gone",
		"echo new >new; mkdir -p .git/objects/ab; echo x >.git/objects/ab/c",
		"echo new >old",
	} {
		file := filepath.Join(w.Dir, fmt.Sprintf("receipt%d.json", i))
		if r := world.Finish(t, w.Base(script, "--project-mode", "overlay", "--receipt", file)); r.Status != 0 {
			t.Fatalf("%s: %s", script, r)
		}
		if r := world.Finish(t, w.Command("review", "--discard")); r.Status != 0 && i > 0 {
			t.Fatalf("%s: %s", script, r)
		}
		s := said(w, file)
		digest := s.Of(receipt.LayerName)
		if (digest == "") != (i == 0) || (s.Predicate.LayerChanges == 0) != (i == 0) {
			t.Errorf("%s: %q, %d changes", script, digest, s.Predicate.LayerChanges)
		}
		if before, ok := seen[digest]; ok && before != script {
			t.Errorf("%q and %q have one digest", before, script)
		}
		seen[digest] = script
	}
	if len(seen) != 7 {
		t.Errorf("%d digests: %q", len(seen), seen)
	}
}

// TestReceiptAgent: a key in an ssh agent signs, and the jail has neither.
func TestReceiptAgent(t *testing.T) {
	t.Parallel()
	w, dir := signing(t)
	socket := filepath.Join(w.Dir, "a")
	c := exec.Command(world.RequireTool(t, "ssh-agent"), "-D", "-a", socket)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	world.WaitFor(t, "the agent", func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	add := exec.Command(world.RequireTool(t, "ssh-add"), filepath.Join(dir, "key"))
	add.Env = []string{"SSH_AUTH_SOCK=" + socket}
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.Env["SSH_AUTH_SOCK"] = socket
	file := filepath.Join(dir, "receipt.json")
	r := world.Finish(t, w.Base("echo \"$SSH_AUTH_SOCK.\"; ls "+socket, "--receipt", file, "--receipt-key", filepath.Join(dir, "key.pub")))
	if !strings.HasPrefix(r.Out, ".\n") || r.Status == 0 {
		t.Errorf("the jail has the agent: %s", r)
	}
	if r := verify(w, "--allowed-signers", filepath.Join(dir, "signers"), "--identity", "me@example.org", file); r.Status != 0 {
		t.Errorf("%s", r)
	}
	// One that has not that key signs nothing, and that is no success.
	missing := filepath.Join(dir, "missing.json")
	r = world.Finish(t, w.Base("true", "--receipt", missing, "--receipt-key", filepath.Join(dir, "other.pub")))
	if _, err := os.Lstat(missing); r.Status != 125 || !strings.Contains(r.Err, "there is no receipt") || err == nil {
		t.Errorf("a key that the agent has not: %s", r)
	}
}

// TestReceiptOutOfReach: no receipt is written where the jail could, by whatever
// name, and no key signs that it could read; what is there is not replaced.
func TestReceiptOutOfReach(t *testing.T) {
	t.Parallel()
	w, dir := signing(t)
	w.Mkdir(filepath.Join(w.Project, "sub"), 0o700)
	w.Mkdir(filepath.Join(w.Home, "granted/sub"), 0o700)
	if err := os.Symlink(w.Project, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	granted := filepath.Join(w.Home, "granted")
	w.Write(filepath.Join(granted, "key"), w.Read(filepath.Join(dir, "key")))
	if err := os.Chmod(filepath.Join(granted, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Write(filepath.Join(dir, "there"), "mine")
	good := filepath.Join(dir, "good.json")
	for name, flags := range map[string][]string{
		"in the project":         {"--receipt", "receipt.json"},
		"in a folder of it":      {"--receipt", "sub/receipt.json"},
		"by a symlink":           {"--receipt", filepath.Join(dir, "link/receipt.json")},
		"by dots":                {"--receipt", filepath.Join(dir, "..", "home", "project", "receipt.json")},
		"below what is written":  {"--write", granted, "--receipt", filepath.Join(granted, "sub/receipt.json")},
		"below what is read":     {"--read", granted, "--receipt", filepath.Join(granted, "receipt.json")},
		"in a layer's project":   {"--project-mode", "overlay", "--receipt", "receipt.json"},
		"in a read-only project": {"--project-mode", "ro", "--receipt", "receipt.json"},
		"a key that is read":     {"--read", granted, "--receipt", good, "--receipt-key", filepath.Join(granted, "key")},
		"a file that is there":   {"--receipt", filepath.Join(dir, "there")},
		"no such folder":         {"--receipt", filepath.Join(dir, "none/receipt.json")},
		"no key":                 {"--receipt", good, "--receipt-key", filepath.Join(dir, "signers")},
		"a key for nothing":      {"--receipt-key", filepath.Join(dir, "key")},
	} {
		r := world.Finish(t, w.Base("echo ran", flags...))
		if r.Status != 125 || strings.Contains(r.Out, "ran") || !strings.Contains(r.Err, "--receipt") {
			t.Errorf("%s: %s", name, r)
		}
	}
	if w.Read(filepath.Join(dir, "there")) != "mine" {
		t.Error("it was replaced")
	}
	// From inside nothing is known of the folder, its descriptor or its name.
	file := filepath.Join(dir, "receipt.json")
	r := world.Finish(t, w.Base(fmt.Sprintf(`mkdir -p %q 2>/dev/null && echo forged >%q
for fd in /proc/[0-9]*/fd/*; do to=$(readlink $fd); case $to in *receipts*) echo "found $to";; esac; echo forged >$fd/receipt.json; done 2>/dev/null
tr '\0' '\n' </proc/self/environ | grep -i receipt; cat /proc/self/mountinfo | grep receipts; true`, dir, file), "--receipt", file))
	if r.Status != 0 || strings.Contains(r.Out, "found") || strings.Contains(r.Out, "receipt") || strings.Contains(w.Read(file), "forged") {
		t.Errorf("%s: %s", r, w.Read(file))
	}
	if r := verify(w, "--clean", file); r.Status != 0 {
		t.Errorf("%s", r)
	}
	// A file that comes while the jail runs is not replaced either.
	late := filepath.Join(dir, "late.json")
	c := w.Base("read line", "--receipt", late)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	j := begin(w, c)
	w.Write(late, "mine")
	fmt.Fprintln(in, "go on")
	_ = c.Wait()
	if text := w.Read(late); text != "mine" || c.ProcessState.ExitCode() != 125 {
		t.Errorf("%s: %v: %q", j.ID, c.ProcessState, text)
	}
	nothingElse(t, dir)
}

// TestReceiptKilled: a supervisor that is killed leaves no receipt, and nothing that
// could pass for one.
func TestReceiptKilled(t *testing.T) {
	t.Parallel()
	w, dir := signing(t)
	file := filepath.Join(dir, "receipt.json")
	c := w.Base("echo runs; sleep 1000", "--receipt", file)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "runs\n" {
		t.Fatalf("%q", line)
	}
	_ = c.Process.Signal(syscall.SIGKILL)
	_ = c.Wait()
	if r := verify(w, file); r.Status != 1 {
		t.Errorf("%s", r)
	}
	nothingElse(t, dir)
}

// nothingElse: no file that was not finished is left.
func nothingElse(t *testing.T, dir string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestReceiptOfARuntime: who created the container is said, with what it was.
func TestReceiptOfARuntime(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	place, err := filepath.EvalSymlinks(world.RequireTool(t, "runc"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.Dir, "receipt.json")
	if r := world.Finish(t, w.Base("true", "--runtime", "runc", "--receipt", file)); r.Status != 0 {
		t.Fatal(r)
	}
	if c := said(w, file).Predicate.Session.Container; c == nil || filepath.Base(c.Path) != "runc" || c.Digest != fmt.Sprintf("sha256:%x", sha256.Sum256(program)) {
		t.Errorf("%+v", c)
	}
	own := filepath.Join(w.Dir, "own.json")
	if r := world.Finish(t, w.Base("true", "--runtime", "own", "--receipt", own)); r.Status != 0 {
		t.Fatal(r)
	}
	if c := said(w, own).Predicate.Session.Container; c != nil {
		t.Errorf("our own: %+v", c)
	}
}
