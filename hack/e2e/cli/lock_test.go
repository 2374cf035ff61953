package cli

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

const lockName = ".jailed-claude.lock"

// teamPolicy is what the repository of these tests asks for.
func teamPolicy(t *testing.T) string {
	return "version = 1\n[agent]\npackage = \"" + world.RequireNix(t, world.RequireVariable(t, "BASE")) + "/bin/bash\"\n" +
		"[files]\nhide = [\".env\"]\n[network]\nmode = \"none\"\n"
}

// expect runs jailed-claude and compares its status and words of its output.
func expect(w *world.World, status int, words string, args ...string) world.Result {
	w.T.Helper()
	r := world.Finish(w.T, w.Command(args...))
	if r.Status != status || !strings.Contains(r.Out+r.Err, words) {
		w.T.Errorf("jailed-claude %s: want status %d and %q, got %s", strings.Join(args, " "), status, words, r)
	}
	return r
}

// lockedWorld is a project with a policy, approved, and a lock.
func lockedWorld(t *testing.T) *world.World {
	t.Helper()
	w := world.New(t)
	w.Write(".jailed-claude.toml", teamPolicy(t))
	expect(w, 125, "nobody has approved", "lock")
	expect(w, 0, "approved", "trust", "--yes")
	expect(w, 0, "store paths", "lock")
	w.CommitAll()
	return w
}

// colleague is somebody else with a clone, elsewhere.
func colleague(w *world.World) *world.World {
	w.T.Helper()
	c := world.New(w.T)
	c.Project = filepath.Join(c.Home, "deep/${HOME}/a clone")
	c.Mkdir(filepath.Dir(c.Project), 0o755)
	c.Git(c.Home, "clone", "--quiet", "--no-hardlinks", w.Project, c.Project)
	maps.Copy(c.Env, map[string]string{
		"USER": "bin", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "TERM": "dumb",
		"EDITOR": "${HOME}", "SSL_CERT_FILE": "/nonexistent", "SECRET": world.Planted, "SOURCE_DATE_EPOCH": "1",
	})
	c.Write(c.Home+"/.config/jailed-claude/config.toml", "version = 1\n[files]\nhide = [\"mine\"]\n[env]\npass = [\"SECRET\"]\nset = { ABC = \"4000\" }\n")
	return c
}

// TestLockOfTwoUsers: the same repository has the same portable specification
// and the same lock for everyone who cloned it.
func TestLockOfTwoUsers(t *testing.T) {
	t.Parallel()
	a := lockedWorld(t)
	b := colleague(a)
	expect(b, 0, "approved", "trust", "--yes")
	want := expect(a, 0, `"portable":{`, "spec", "--portable").Out
	if got := expect(b, 0, "${PROJECT}", "spec", "--portable").Out; got != want {
		t.Errorf("not the same bytes:\n%s\n%s", want, got)
	}
	for _, leak := range []string{a.Dir, b.Dir, world.Planted, "mine", "4000"} {
		if strings.Contains(want, leak) {
			t.Errorf("%q of the host is in it:\n%s", leak, want)
		}
	}
	lock := a.Read(lockName)
	if err := os.Remove(filepath.Join(b.Project, lockName)); err != nil {
		t.Fatal(err)
	}
	if got := expect(b, 0, `"portable":{`, "spec", "--portable").Out; got != want {
		t.Errorf("without the lock: not the same bytes:\n%s\n%s", want, got)
	}
	expect(b, 0, "store paths", "lock")
	if got := b.Read(lockName); got != lock {
		t.Errorf("not the same lock:\n%s\n%s", lock, got)
	}
	expect(b, 0, "", "verify")

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
	script := `cp -r "$1" "$2/home" && cp "$3" "$2/jailed-claude" && chown -hR "$4:$4" "$2" && chmod 0755 "$2"`
	if out, err := exec.Command("sh", "-c", script, "sh", b.Home, dir, os.Getenv("JAIL_TEST_BIN"), strconv.Itoa(other)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := exec.Command(program, "spec", "--portable", "--policy", ".jailed-claude.toml")
	c.Dir = filepath.Join(dir, "home/deep/${HOME}/a clone")
	c.Env = []string{"HOME=" + dir + "/home", "PATH=/usr/bin:/bin", "LANG=C", "TERM=vt100"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: other, Gid: other}}
	if r := world.Finish(t, c); r.Status != 0 || r.Out != want {
		t.Errorf("as another user: %s\nwant %s", r, want)
	}
}

func TestLockHoldsWhatRuns(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t)
	// No Nix program can be found, and none is needed.
	w.Env["PATH"] = w.Dir
	agent := world.RequireVariable(t, "BASE") + "/bin/bash"
	for _, args := range [][]string{{"run", "--", "-c", "echo $BASH"}, {"run", "--locked", "--", "-c", "echo $BASH"}, {"shell", "--", agent, "-c", "echo $BASH"}} {
		expect(w, 0, agent+"\n", args...)
	}
	expect(w, 0, "", "explain", "--locked")
	expect(w, 0, "", "spec", "--locked")
	expect(w, 0, "", "bundle", "--locked", w.Dir+"/bundle", "--", "true")
	// The user's own policy applies on top, but for packages.
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[agent]\npackages = [\"nixpkgs#nodejs\"]\n[env]\nset = { MINE = \"yes\" }\n")
	if r := expect(w, 0, "left out", "run", "--", "-c", "echo $MINE"); !strings.Contains(r.Out, "yes") {
		t.Errorf("the user's own policy does not apply: %s", r)
	}
}

// TestLockIsApproved: who clones a repository decides whether its lock applies.
func TestLockIsApproved(t *testing.T) {
	t.Parallel()
	a := lockedWorld(t)
	b := colleague(a)
	policy := b.Read(".jailed-claude.toml")
	expect(b, 125, "nobody has approved", "run", "--", "-c", "true")
	// The policy alone is approved by its name.
	expect(b, 125, "has a lock", "run", "--policy", b.Project+"/.jailed-claude.toml", "--", "-c", "true")
	expect(b, 0, "", "run", "--policy", b.Project+"/.jailed-claude.toml", "--locked", "--", "-c", "true")
	expect(b, 0, "", "explain", "--policy", b.Project+"/.jailed-claude.toml")
	expect(b, 0, "the lock is approved", "trust", "--yes")
	expect(b, 0, "", "run", "--", "-c", "true")
	expect(b, 0, "applies", "trust", "--list")
	// Another lock is another question.
	b.Write(lockName, strings.Replace(b.Read(lockName), "\n", "\n\n", 1))
	expect(b, 125, "has a lock", "run", "--", "-c", "true")
	expect(b, 0, "changed", "trust", "--list")
	expect(b, 0, "withdrew", "trust", "--revoke")
	if b.Read(".jailed-claude.toml") != policy {
		t.Error("the policy changed")
	}
}

// TestLockRefuses: each difference is refused by its name, with what to do.
func TestLockRefuses(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t)
	policy, lock := w.Read(".jailed-claude.toml"), w.Read(lockName)
	bash := world.RequireVariable(t, "BASE")
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
		w.Write(".jailed-claude.toml", policy)
		w.Write(lockName, lock)
		old := w.Read(c.file)
		changed := strings.Replace(old, c.old, c.new, 1)
		if name == "spec digest" {
			changed = strings.Replace(old, c.old, `"spec": "sha256:`+strings.Repeat("0", 60)+`xxxx`, 1)
		}
		if changed == old {
			t.Fatalf("%s: %q is not in\n%s", name, c.old, old)
		}
		w.Write(c.file, changed)
		// With --locked, so that approval is not the first thing that lacks.
		r := expect(w, 125, "", "run", "--locked", "--policy", w.Project+"/.jailed-claude.toml", "--", "-c", "true")
		for _, word := range c.words {
			if !strings.Contains(r.Err, word) {
				t.Errorf("%s: no %q in %s", name, word, r)
			}
		}
		if name == "package" || name == "agent" {
			continue // without the lock it would ask Nix for them
		}
		expect(w, 0, "", "run", "--locked=false", "--policy", w.Project+"/.jailed-claude.toml", "--package", bash+"/bin/bash", "--net", "none", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "-c", "true")
	}
	w.Write(".jailed-claude.toml", policy)
	w.Write(lockName, lock)
	expect(w, 125, "cannot be used with the lock", "run", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "-c", "true")
	expect(w, 125, "has package", "run", "--package", bash+"/bin/ls", "--", "-c", "true")
	expect(w, 0, "", "run", "--package", bash+"/bin/bash", "--", "-c", "true")
	if err := os.Remove(filepath.Join(w.Project, lockName)); err != nil {
		t.Fatal(err)
	}
	expect(w, 125, "to write it: jailed-claude lock", "run", "--locked", "--", "-c", "true")
	if err := os.Symlink("/etc/passwd", filepath.Join(w.Project, lockName)); err != nil {
		t.Fatal(err)
	}
	if r := expect(w, 125, "not a regular file", "run", "--", "-c", "true"); strings.Contains(r.Err, "root:") {
		t.Errorf("what the link leads to is shown: %s", r)
	}
}

// TestLockUpdate: a package moves on when it is asked to, and alone.
func TestLockUpdate(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	base, node := world.RequireNix(t, world.RequireVariable(t, "BASE")), world.RequireVariable(t, "DEVENV_NODE")
	link := func(name, to string) {
		p := filepath.Join(w.Project, name)
		_ = os.Remove(p)
		if err := os.Symlink(to, p); err != nil {
			t.Fatal(err)
		}
	}
	link("agent-link", base+"/bin/bash")
	link("one", base)
	link("two", base)
	w.Write(".jailed-claude.toml", "version = 1\n[agent]\npackage = \"./agent-link\"\npackages = [\"./one\", \"./two\"]\n")
	lock := func(status int, words string, args ...string) world.Result {
		t.Helper()
		return expect(w, status, words, append([]string{"lock", "--policy", ".jailed-claude.toml"}, args...)...)
	}
	lock(0, "store paths")
	first := w.Read(lockName)
	link("one", node)
	link("two", node)
	lock(0, "up to date")
	if w.Read(lockName) != first {
		t.Error("a lock that is up to date was written")
	}
	lock(125, `no package "three"`, "--update", "three")
	lock(125, "--update", "one")
	if r := lock(0, "./one: ", "--update", "one"); strings.Contains(r.Out, "./two") || strings.Contains(r.Out, "agent") {
		t.Errorf("others moved: %s", r)
	}
	second := w.Read(lockName)
	if strings.Count(second, `"path": `) <= strings.Count(first, `"path": `) {
		t.Error("the closure did not grow")
	}
	for _, line := range world.Lines(first) {
		if strings.Contains(line, `"path": `) && !strings.Contains(second, strings.TrimRight(strings.TrimSpace(line), ",")) {
			t.Errorf("a path that did not change is gone or changed: %s", line)
		}
	}
	lock(0, "./two: ", "--update")
	expect(w, 0, "", "verify", "--policy", ".jailed-claude.toml")

	// What the policy asks for changed: the lock says so and stays.
	w.Write(".jailed-claude.toml", "version = 1\n[agent]\npackage = \"./agent-link\"\npackages = [\"./two\"]\n")
	third := w.Read(lockName)
	lock(125, "./one: removed")
	if w.Read(lockName) != third {
		t.Error("a refused lock was written")
	}
	lock(0, "./one: removed", "--update", "agent")
	expect(w, 0, "v22", "shell", "--policy", ".jailed-claude.toml", "--net", "none", "--", "node", "--version")
	w.Write(lockName, "<<<<<<< HEAD\n")
	lock(125, "line 1")
	lock(0, "", "--update")
}

// TestVerify: what is on disk and in the policy, byte by byte.
func TestVerify(t *testing.T) {
	t.Parallel()
	w := lockedWorld(t)
	if r := w.Run("verify"); r.Status != 0 || r.Out+r.Err != "" {
		t.Errorf("in a pipe it is not quiet: %s", r)
	}
	verdict := func(status int, args ...string) (v struct {
		OK          bool
		Paths       int
		Differences []struct{ Kind, Name, Expected, Actual string }
	},
	) {
		t.Helper()
		r := expect(w, status, "", append([]string{"verify", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(r.Out), &v); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
		return v
	}
	if v := verdict(0); !v.OK || v.Paths == 0 || v.Differences == nil {
		t.Errorf("%+v", v)
	}

	// A copy of the store.
	root := filepath.Join(w.Dir, "copy")
	w.Mkdir(root+"/nix/store", 0o755)
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", root).Run() })
	for _, p := range world.Closure(t, "BASE") {
		if out, err := exec.Command("cp", "-a", "--no-preserve=ownership", p, root+p).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	expect(w, 0, "", "verify", "--root", root)
	bash, err := filepath.EvalSymlinks(world.RequireVariable(t, "BASE") + "/bin/bash")
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
	expect(w, 1, `store path "/nix/store/`+name+`" changed: it is sha256-`, "verify", "--root", root)
	if v := verdict(1, "--root", root); v.OK || len(v.Differences) != 1 || v.Differences[0].Kind != "changed" || v.Differences[0].Name != "/nix/store/"+name {
		t.Errorf("%+v", v)
	}
	if out, err := exec.Command("sh", "-c", `chmod -R u+w "$1" && rm -rf "$1"`, "sh", root+"/nix/store/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	expect(w, 1, "does not exist", "verify", "--root", root)

	// The policy need not be approved to be compared.
	w.Write(".jailed-claude.toml", teamPolicy(t)+"[limits]\npids = 100\n")
	if v := verdict(1); len(v.Differences) != 1 || v.Differences[0].Kind != "policy" {
		t.Errorf("%+v", v)
	}
	w.Write(".jailed-claude.toml", strings.Replace(teamPolicy(t), "[files]", "packages = [\"nixpkgs#go\"]\n[files]", 1))
	if v := verdict(1); len(v.Differences) != 2 || v.Differences[0].Kind != "package" || v.Differences[0].Actual != "nixpkgs#go" {
		t.Errorf("%+v", v)
	}
	if err := os.Remove(filepath.Join(w.Project, lockName)); err != nil {
		t.Fatal(err)
	}
	expect(w, 125, "to write it: jailed-claude lock", "verify")
}

// TestLockOfTheHostsOwnPrograms: there is nothing to lock.
func TestLockOfTheHostsOwnPrograms(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	expect(w, 125, "--package nixpkgs#claude-code", "lock", "--package", "/bin/sh")
}
