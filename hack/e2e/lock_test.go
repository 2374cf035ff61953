package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const lockName = ".jailed-claude.lock"

// teamPolicy is what the repository of these tests asks for.
func teamPolicy(t *testing.T) string {
	return "version = 1\n[agent]\npackage = \"" + requireNix(t, requireVariable(t, "BASE")) + "/bin/bash\"\n" +
		"[files]\nhide = [\".env\"]\n[network]\nmode = \"none\"\n"
}

// expect runs jailed-claude and compares its status and words of its output.
func (w *world) expect(status int, words string, args ...string) result {
	w.t.Helper()
	r := finish(w.t, w.command(args...))
	if r.status != status || !strings.Contains(r.out+r.err, words) {
		w.t.Errorf("jailed-claude %s: want status %d and %q, got %s", strings.Join(args, " "), status, words, r)
	}
	return r
}

// lockedWorld is a project with a policy, approved, and a lock.
func lockedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.write(".jailed-claude.toml", teamPolicy(t))
	w.expect(125, "nobody has approved", "lock")
	w.expect(0, "approved", "trust", "--yes")
	w.expect(0, "store paths", "lock")
	w.commitAll()
	return w
}

// colleague is somebody else with a clone, elsewhere.
func (w *world) colleague() *world {
	w.t.Helper()
	c := newWorld(w.t)
	c.project = filepath.Join(c.home, "deep/${HOME}/a clone")
	c.mkdir(filepath.Dir(c.project), 0o755)
	c.git(c.home, "clone", "--quiet", "--no-hardlinks", w.project, c.project)
	for k, v := range map[string]string{"USER": "bin", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "TERM": "dumb",
		"EDITOR": "${HOME}", "SSL_CERT_FILE": "/nonexistent", "SECRET": planted, "SOURCE_DATE_EPOCH": "1"} {
		c.env[k] = v
	}
	c.write(c.home+"/.config/jailed-claude/config.toml", "version = 1\n[files]\nhide = [\"mine\"]\n[env]\npass = [\"SECRET\"]\nset = { ABC = \"4000\" }\n")
	return c
}

// TestLockOfTwoUsers: the same repository has the same portable specification
// and the same lock for everyone who cloned it.
func TestLockOfTwoUsers(t *testing.T) {
	t.Parallel()
	a := lockedWorld(t)
	b := a.colleague()
	b.expect(0, "approved", "trust", "--yes")
	want := a.expect(0, `"portable":{`, "spec", "--portable").out
	if got := b.expect(0, "${PROJECT}", "spec", "--portable").out; got != want {
		t.Errorf("not the same bytes:\n%s\n%s", want, got)
	}
	for _, leak := range []string{a.dir, b.dir, planted, "mine", "4000"} {
		if strings.Contains(want, leak) {
			t.Errorf("%q of the host is in it:\n%s", leak, want)
		}
	}
	lock := a.read(lockName)
	if err := os.Remove(filepath.Join(b.project, lockName)); err != nil {
		t.Fatal(err)
	}
	if got := b.expect(0, `"portable":{`, "spec", "--portable").out; got != want {
		t.Errorf("without the lock: not the same bytes:\n%s\n%s", want, got)
	}
	b.expect(0, "store paths", "lock")
	if got := b.read(lockName); got != lock {
		t.Errorf("not the same lock:\n%s\n%s", lock, got)
	}
	b.expect(0, "", "verify")

	if os.Getuid() != 0 {
		t.Log("not root: both are the same user")
		return
	}
	// Another uid, one that no file knows, where it can reach everything.
	const other = 47110
	dir, err := os.MkdirTemp("/var/tmp", "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "jailed-claude")
	script := `cp -r "$1" "$2/home" && cp "$3" "$2/" && chown -hR "$4:$4" "$2" && chmod 0755 "$2"`
	if out, err := exec.Command("sh", "-c", script, "sh", b.home, dir, os.Getenv("JAIL_TEST_BIN"), strconv.Itoa(other)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := exec.Command(program, "spec", "--portable", "--policy", ".jailed-claude.toml")
	c.Dir = filepath.Join(dir, "home/deep/${HOME}/a clone")
	c.Env = []string{"HOME=" + dir + "/home", "PATH=/usr/bin:/bin", "LANG=C", "TERM=vt100"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: other, Gid: other}}
	if r := finish(t, c); r.status != 0 || r.out != want {
		t.Errorf("as another user: %s\nwant %s", r, want)
	}
}

func TestLockHoldsWhatRuns(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t)
	// No Nix program can be found, and none is needed.
	w.env["PATH"] = w.dir
	agent := requireVariable(t, "BASE") + "/bin/bash"
	for _, args := range [][]string{{"run", "--", "-c", "echo $BASH"}, {"run", "--locked", "--", "-c", "echo $BASH"}, {"shell", "--", agent, "-c", "echo $BASH"}} {
		w.expect(0, agent+"\n", args...)
	}
	w.expect(0, "", "explain", "--locked")
	w.expect(0, "", "spec", "--locked")
	w.expect(0, "", "bundle", "--locked", w.dir+"/bundle", "--", "true")
	// The user's own policy applies on top, but for packages.
	w.write(w.home+"/.config/jailed-claude/config.toml", "version = 1\n[agent]\npackages = [\"nixpkgs#nodejs\"]\n[env]\nset = { MINE = \"yes\" }\n")
	if r := w.expect(0, "left out", "run", "--", "-c", "echo $MINE"); !strings.Contains(r.out, "yes") {
		t.Errorf("the user's own policy does not apply: %s", r)
	}
}

// TestLockIsApproved: who clones a repository decides whether its lock applies.
func TestLockIsApproved(t *testing.T) {
	t.Parallel()
	a := lockedWorld(t)
	b := a.colleague()
	policy := b.read(".jailed-claude.toml")
	b.expect(125, "nobody has approved", "run", "--", "-c", "true")
	// The policy alone is approved by its name.
	b.expect(125, "has a lock", "run", "--policy", b.project+"/.jailed-claude.toml", "--", "-c", "true")
	b.expect(0, "", "run", "--policy", b.project+"/.jailed-claude.toml", "--locked", "--", "-c", "true")
	b.expect(0, "", "explain", "--policy", b.project+"/.jailed-claude.toml")
	b.expect(0, "the lock is approved", "trust", "--yes")
	b.expect(0, "", "run", "--", "-c", "true")
	b.expect(0, "applies", "trust", "--list")
	// Another lock is another question.
	b.write(lockName, strings.Replace(b.read(lockName), "\n", "\n\n", 1))
	b.expect(125, "has a lock", "run", "--", "-c", "true")
	b.expect(0, "changed", "trust", "--list")
	b.expect(0, "taken back", "trust", "--revoke")
	if b.read(".jailed-claude.toml") != policy {
		t.Error("the policy changed")
	}
}

// TestLockRefuses: each difference is refused by its name, with what to do.
func TestLockRefuses(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t)
	policy, lock := w.read(".jailed-claude.toml"), w.read(lockName)
	bash := requireVariable(t, "BASE")
	for name, c := range map[string]struct {
		file, old, new string
		words          []string
	}{
		"policy":        {".jailed-claude.toml", `mode = "none"`, `mode = "host"`, []string{"the policy changed", "lock --update", "--locked=false"}},
		"policy, wider": {".jailed-claude.toml", `hide = [".env"]`, `hide = []`, []string{"the policy changed"}},
		"agent":         {".jailed-claude.toml", bash + "/bin/bash", bash + "/bin/sh", []string{"has package", bash + "/bin/sh"}},
		"package":       {".jailed-claude.toml", "[files]", "packages = [\"nixpkgs#nodejs\"]\n[files]", []string{`package "nixpkgs#nodejs" is not in the lock`}},
		"missing path":  {lockName, `-libc6-`, `-libc6.1-`, []string{"does not exist", "nix-store --realise"}},
		"other agent":   {lockName, "/bin/bash\", \"program\": \"" + bash + "/bin/bash", "/bin/bash\", \"program\": \"" + bash + "/bin/ls", []string{"another jail"}},
		"spec digest":   {lockName, `"spec": "sha256:`, `"spec": "sha256:0`, []string{"spec:", "line 6"}},
		"system":        {lockName, `"system": "`, `"system": "riscv64-`, []string{"the lock is for riscv64-x86_64-linux"}},
		"unknown key":   {lockName, `"system"`, `"sistem"`, []string{"line 4", `unknown key "sistem"`, "lock --update"}},
		"later format":  {lockName, `"version": 1`, `"version": 2`, []string{"format 2", "newer jailed-claude"}},
		"tool":          {lockName, `>=0.1.0 <1.0.0`, `0.1.0`, []string{"line 3"}},
	} {
		w.write(".jailed-claude.toml", policy)
		w.write(lockName, lock)
		old := w.read(c.file)
		changed := strings.Replace(old, c.old, c.new, 1)
		if name == "spec digest" {
			changed = strings.Replace(old, c.old, `"spec": "sha256:`+strings.Repeat("0", 60)+`xxxx`, 1)
		}
		if changed == old {
			t.Fatalf("%s: %q is not in\n%s", name, c.old, old)
		}
		w.write(c.file, changed)
		// With --locked, so that approval is not the first thing that lacks.
		r := w.expect(125, "", "run", "--locked", "--policy", w.project+"/.jailed-claude.toml", "--", "-c", "true")
		for _, word := range c.words {
			if !strings.Contains(r.err, word) {
				t.Errorf("%s: no %q in %s", name, word, r)
			}
		}
		if name == "package" || name == "agent" {
			continue // without the lock it would ask Nix for them
		}
		w.expect(0, "", "run", "--locked=false", "--policy", w.project+"/.jailed-claude.toml", "--package", bash+"/bin/bash", "--net", "none", "--closure", requireVariable(t, "BASE_CLOSURE"), "--", "-c", "true")
	}
	w.write(".jailed-claude.toml", policy)
	w.write(lockName, lock)
	w.expect(125, "contradict each other", "run", "--closure", requireVariable(t, "BASE_CLOSURE"), "--", "-c", "true")
	w.expect(125, "has package", "run", "--package", bash+"/bin/ls", "--", "-c", "true")
	w.expect(0, "", "run", "--package", bash+"/bin/bash", "--", "-c", "true")
	if err := os.Remove(filepath.Join(w.project, lockName)); err != nil {
		t.Fatal(err)
	}
	w.expect(125, "to write it: jailed-claude lock", "run", "--locked", "--", "-c", "true")
	if err := os.Symlink("/etc/passwd", filepath.Join(w.project, lockName)); err != nil {
		t.Fatal(err)
	}
	if r := w.expect(125, "not a regular file", "run", "--", "-c", "true"); strings.Contains(r.err, "root:") {
		t.Errorf("what the link leads to is shown: %s", r)
	}
}

// TestLockUpdate: a package moves on when it is asked to, and alone.
func TestLockUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base, node := requireNix(t, requireVariable(t, "BASE")), requireVariable(t, "DEVENV_NODE")
	link := func(name, to string) {
		p := filepath.Join(w.project, name)
		_ = os.Remove(p)
		if err := os.Symlink(to, p); err != nil {
			t.Fatal(err)
		}
	}
	link("agent-link", base+"/bin/bash")
	link("one", base)
	link("two", base)
	w.write(".jailed-claude.toml", "version = 1\n[agent]\npackage = \"./agent-link\"\npackages = [\"./one\", \"./two\"]\n")
	lock := func(status int, words string, args ...string) result {
		t.Helper()
		return w.expect(status, words, append([]string{"lock", "--policy", ".jailed-claude.toml"}, args...)...)
	}
	lock(0, "store paths")
	first := w.read(lockName)
	link("one", node)
	link("two", node)
	lock(0, "up to date")
	if w.read(lockName) != first {
		t.Error("a lock that is up to date was written")
	}
	lock(125, `no package "three"`, "--update", "three")
	lock(125, "--update", "one")
	if r := lock(0, "./one: ", "--update", "one"); strings.Contains(r.out, "./two") || strings.Contains(r.out, "agent") {
		t.Errorf("others moved: %s", r)
	}
	second := w.read(lockName)
	if strings.Count(second, `"path": `) <= strings.Count(first, `"path": `) {
		t.Error("the closure did not grow")
	}
	for _, line := range lines(first) {
		if strings.Contains(line, `"path": `) && !strings.Contains(second, strings.TrimRight(strings.TrimSpace(line), ",")) {
			t.Errorf("a path that did not change is gone or changed: %s", line)
		}
	}
	lock(0, "./two: ", "--update")
	w.expect(0, "", "verify", "--policy", ".jailed-claude.toml")

	// What the policy asks for changed: the lock says so and stays.
	w.write(".jailed-claude.toml", "version = 1\n[agent]\npackage = \"./agent-link\"\npackages = [\"./two\"]\n")
	third := w.read(lockName)
	lock(125, "./one: removed")
	if w.read(lockName) != third {
		t.Error("a refused lock was written")
	}
	lock(0, "./one: removed", "--update", "agent")
	w.expect(0, "v22", "shell", "--policy", ".jailed-claude.toml", "--net", "none", "--", "node", "--version")
	w.write(lockName, "<<<<<<< HEAD\n")
	lock(125, "line 1")
	lock(0, "", "--update")
}

// TestVerify: what is on disk and in the policy, byte by byte.
func TestVerify(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t)
	if r := w.run("verify"); r.status != 0 || r.out+r.err != "" {
		t.Errorf("in a pipe it is not quiet: %s", r)
	}
	verdict := func(status int, args ...string) (v struct {
		OK          bool
		Paths       int
		Differences []struct{ Kind, Name, Expected, Actual string }
	}) {
		t.Helper()
		r := w.expect(status, "", append([]string{"verify", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(r.out), &v); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
		return v
	}
	if v := verdict(0); !v.OK || v.Paths == 0 || v.Differences == nil {
		t.Errorf("%+v", v)
	}

	// A copy of the store.
	root := filepath.Join(w.dir, "copy")
	w.mkdir(root+"/nix/store", 0o755)
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", root).Run() })
	for _, p := range closure(t, "BASE") {
		if out, err := exec.Command("cp", "-a", "--no-preserve=ownership", p, root+p).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	w.expect(0, "", "verify", "--root", root)
	bash, err := filepath.EvalSymlinks(requireVariable(t, "BASE") + "/bin/bash")
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(bash, "/nix/store/"), "/")
	if err := os.Chmod(root+bash, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(root+bash, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	if _, err := f.ReadAt(one[:], 1000); err != nil {
		t.Fatal(err)
	}
	one[0] ^= 0x80
	if _, err := f.WriteAt(one[:], 1000); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w.expect(1, `store path "/nix/store/`+name+`" changed: it is sha256-`, "verify", "--root", root)
	if v := verdict(1, "--root", root); v.OK || len(v.Differences) != 1 || v.Differences[0].Kind != "changed" || v.Differences[0].Name != "/nix/store/"+name {
		t.Errorf("%+v", v)
	}
	if out, err := exec.Command("sh", "-c", `chmod -R u+w "$1" && rm -rf "$1"`, "sh", root+"/nix/store/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.expect(1, "does not exist", "verify", "--root", root)

	// The policy need not be approved to be compared.
	w.write(".jailed-claude.toml", teamPolicy(t)+"[limits]\npids = 100\n")
	if v := verdict(1); len(v.Differences) != 1 || v.Differences[0].Kind != "policy" {
		t.Errorf("%+v", v)
	}
	w.write(".jailed-claude.toml", strings.Replace(teamPolicy(t), "[files]", "packages = [\"nixpkgs#go\"]\n[files]", 1))
	if v := verdict(1); len(v.Differences) != 2 || v.Differences[0].Kind != "package" || v.Differences[0].Actual != "nixpkgs#go" {
		t.Errorf("%+v", v)
	}
	if err := os.Remove(filepath.Join(w.project, lockName)); err != nil {
		t.Fatal(err)
	}
	w.expect(125, "to write it: jailed-claude lock", "verify")
}

// TestLockOfTheHostsOwnPrograms: there is nothing to lock.
func TestLockOfTheHostsOwnPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.expect(125, "--package nixpkgs#claude-code", "lock", "--package", "/bin/sh")
}
