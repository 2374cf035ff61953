package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

const (
	policyFile = ".jailed-claude.toml"
	lockFile   = ".jailed-claude.lock"
	// wide is a policy that grants more than the user's own; approved in the
	// tests below. evil is what an agent would like to have.
	wide = "version = 1\n[env]\npass = [\"GOFLAGS\"]\n"
	evil = "version = 1\n[files]\nread = [\"/etc\"]\n"
)

// anyLock: the closure is the test's, whatever the lock says.
const anyLock = "--locked=false"

// trusting is a world whose project has a policy that the user approved, and
// everything else that an agent may want to change.
func trusting(t *testing.T) *world.World {
	t.Helper()
	w := world.New(t)
	w.Write(policyFile, wide)
	w.Write(".claude/settings.json", "{}\n")
	w.Write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n")
	w.Repository(filepath.Join(w.Project, "nested"))
	w.Write("nested/.git/hooks/post-checkout", "#!/bin/sh\nexit 0\n")
	approve(w)
	w.Write(lockFile, "what it says is for other tests\n")
	return w
}

func approve(w *world.World) {
	w.T.Helper()
	if r := world.Finish(w.T, w.Command("trust", "--yes")); r.Status != 0 {
		w.T.Fatalf("trust --yes: %s", r)
	}
}

// held is everything that must stay as it is, from the host's point of view.
func held(w *world.World) string {
	w.T.Helper()
	var b strings.Builder
	state := filepath.Join(w.Home, ".local/state/jailed-claude")
	for _, p := range []string{
		policyFile, lockFile, ".claude/settings.json", ".git/config", ".git/hooks", "nested/.git/config", "nested/.git/hooks",
		".", ".git", "nested", "nested/.git", ".claude", state + "/trust", w.Home + "/.gitconfig",
	} {
		if !filepath.IsAbs(p) {
			p = filepath.Join(w.Project, p)
		}
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			var st syscall.Stat_t
			if err := syscall.Lstat(path, &st); err != nil {
				return err
			}
			text := ""
			if d.Type().IsRegular() {
				content, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				text = string(content)
			}
			links := 0
			if d.Type().IsRegular() {
				links = int(st.Nlink)
			}
			fmt.Fprintf(&b, "%s ino=%d mode=%o uid=%d links=%d %q\n", path, st.Ino, st.Mode, st.Uid, links, text)
			if d.IsDir() && path == p && !strings.HasSuffix(p, "hooks") && !strings.HasSuffix(p, "trust") {
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", p, err)
		}
	}
	return b.String()
}

// attackTrust are ways to change, from inside, what decides about the next jail
// or what the host runs. All of them must fail. Those without a script are
// parts of vandal, below, by the same name. @CANARY@ is a file that only a
// program on the host can make.
var attackTrust = []struct{ name, script string }{
	// The policy.
	{"policy: direct write", `echo evil >.jailed-claude.toml`},
	{"policy: append", `echo evil >>.jailed-claude.toml`},
	{"policy: rename over", `echo evil >e; mv -fT e .jailed-claude.toml; rm -f e`},
	{"policy: unlink and create", `rm -f .jailed-claude.toml; unlink .jailed-claude.toml; echo evil >.jailed-claude.toml`},
	{"policy: rename away and create", `mv .jailed-claude.toml p; echo evil >.jailed-claude.toml`},
	{"policy: the project away and a new one in its place", `d=$PWD; cd ..; mv "$d" "$d.old"; mkdir "$d"; ln -sfnT /tmp "$d"; rmdir "$d"; echo evil >"$d/.jailed-claude.toml"`},
	{"policy: hard link, then write", `ln .jailed-claude.toml h; echo evil >h; rm -f h; ln .jailed-claude.toml /tmp/h && echo evil >/tmp/h`},
	{"policy: symlink swap", `echo evil >/tmp/e; ln -sfT /tmp/e .jailed-claude.toml; ln -s .jailed-claude.toml s; echo evil >s; cp /tmp/e s; rm -f s`},
	{"policy: copy over", `echo evil >/tmp/e; cp -f /tmp/e .jailed-claude.toml; cp --remove-destination /tmp/e .jailed-claude.toml; install /tmp/e .jailed-claude.toml; dd if=/tmp/e of=.jailed-claude.toml conv=notrunc; tee .jailed-claude.toml </tmp/e; sed -i s/1/2/ .jailed-claude.toml; rm -f sed*`},
	{"policy: out of an archive", `mkdir /tmp/a; echo evil >/tmp/a/.jailed-claude.toml; tar -C /tmp/a -cf /tmp/a.tar .jailed-claude.toml; tar --overwrite -xf /tmp/a.tar; tar --unlink-first -xf /tmp/a.tar`},
	{"policy: by git checkout", `git checkout -q -b b; git rm -qf --cached .jailed-claude.toml; echo evil >/tmp/e; h=$(git hash-object -w /tmp/e); git update-index --add --cacheinfo 100644,$h,.jailed-claude.toml; git checkout-index -f .jailed-claude.toml; git read-tree HEAD; git checkout -q main; git branch -qD b`},
	{"policy: chmod, then write", `chmod 666 .jailed-claude.toml; chmod u+w .; echo evil >.jailed-claude.toml; chown 0 .jailed-claude.toml`},
	{"policy: O_TRUNC by /proc/self/root", `: >/proc/self/root$PWD/.jailed-claude.toml; : >/proc/self/cwd/.jailed-claude.toml; : >/proc/1/root$PWD/.jailed-claude.toml; : >/proc/1/cwd/.jailed-claude.toml`},
	{"policy: open by /proc/self/fd", `exec 9<.jailed-claude.toml; echo evil >/proc/self/fd/9; echo evil >/dev/fd/9; exec 8<>.jailed-claude.toml`},
	{"policy: truncate(2)", ""},
	{"policy: RENAME_EXCHANGE", ""},
	{"policy: RENAME_WHITEOUT", ""},
	{"policy: bind mount", ""},
	{"policy: remount and unmount", ""},
	{"policy: user namespace", ""},
	{"policy: extended attributes and ACL", ""},
	{"policy: file handle", ""},
	{"policy: shared memory map", ""},
	{"policy: link of a descriptor", ""},
	{"policy: inode flags and times", ""},
	// The lock.
	{"lock: replace", `echo evil >.jailed-claude.lock; echo evil >e; mv -fT e .jailed-claude.lock; rm -f e .jailed-claude.lock; ln .jailed-claude.lock h; echo evil >h; rm -f h`},
	// The trust store.
	{"trust: by ..", `for d in ~/.claude/trust ~/.claude/../trust ~/.claude/../.local/state/jailed-claude/trust ~/.local/state/jailed-claude/trust "$OUTSIDE"/.local/state/jailed-claude/trust; do ls $d && echo GOT THROUGH; done; mkdir -p ~/.claude/../trust ~/.local/state/jailed-claude/trust; echo '{}' >~/.claude/../trust/x.json`},
	{"trust: by symlink", `ln -s ../trust ~/.claude/t; ln -s "$OUTSIDE/.local/state/jailed-claude/trust" ~/.claude/u; ls ~/.claude/t/ && echo GOT THROUGH; ls ~/.claude/u/ && echo GOT THROUGH; mkdir -p ~/.claude/t ~/.claude/u; rm -f ~/.claude/[tu]`},
	{"trust: by a new ~/.claude", `mv ~/.claude ~/old; rmdir ~/.claude; rm -rf ~/.claude; mkdir -p ~/.claude ~/.claude/trust; ln -sfnT ../trust ~/.claude; rm -rf ~/.claude/*`},
	{"trust: by hard link", `ln ~/.claude/../trust/* /tmp; for f in ~/.local/state/jailed-claude/trust/*; do ln "$f" ~/.claude/; done; ls ~/.claude/*.json && echo GOT THROUGH`},
	{"trust: by a descriptor of PID 1", `for d in root/ cwd/; do ls /proc/1/$d && echo GOT THROUGH; done; for f in /proc/1/fd/*; do readlink $f && echo GOT THROUGH; echo evil >$f && echo GOT THROUGH; done; ls /proc/*/root/"$OUTSIDE"/.local/state/jailed-claude/trust && echo GOT THROUGH`},
	{"trust: by approving itself", `unset CLAUDE_CONFIG_DIR; (exec -a jailed-claude /.jail/init trust --yes); (exec -a jailed-claude /.jail/init trust --revoke)`},
	// Git.
	{"git: core.hooksPath", `mkdir h; printf '#!/bin/sh\ntouch @CANARY@\n' >h/pre-commit; chmod +x h/pre-commit; git config core.hooksPath "$PWD/h"; git config --worktree core.hooksPath "$PWD/h"; git config --global core.hooksPath "$PWD/h"; git config --system core.hooksPath "$PWD/h"`},
	{"git: fsmonitor, pager, alias", `git config core.fsmonitor 'touch @CANARY@'; git config core.pager 'touch @CANARY@'; git config alias.st '!touch @CANARY@'; git config include.path ../evil; printf '[core]\nfsmonitor=touch @CANARY@\n' >evil`},
	{"git: .git/config.lock rename", `cp .git/config .git/config.lock; printf '[core]\nfsmonitor=touch @CANARY@\n' >>.git/config.lock; mv -fT .git/config.lock .git/config; rm -f .git/config.lock`},
	{"git: a new hook", `printf '#!/bin/sh\ntouch @CANARY@\n' >/tmp/h; chmod +x /tmp/h; for n in pre-commit post-checkout post-index-change reference-transaction; do cp -f /tmp/h .git/hooks/$n; mv -f /tmp/h .git/hooks/$n; done`},
	{"git: other hooks folder", `mv .git/hooks .git/h; mkdir .git/hooks; ln -sfnT /tmp .git/hooks; rm -rf .git/hooks; printf '#!/bin/sh\ntouch @CANARY@\n' >.git/hooks/pre-commit`},
	{"git: another .git", `mv .git g; rm -rf .git/config; git init -q /tmp/r; cp -r /tmp/r/.git g2; mv -T g2 .git; echo "gitdir: /tmp/r/.git" >.git; rm -rf g2`},
	{"git: init with a template", `mkdir -p /tmp/t/hooks; printf '#!/bin/sh\ntouch @CANARY@\n' >/tmp/t/hooks/post-checkout; chmod +x /tmp/t/hooks/*; git init -q --template=/tmp/t .; git init -q --template=/tmp/t nested; git init -q --separate-git-dir=/tmp/g .`},
	{"git: hooks of a worktree", `git worktree add -q wt; printf '#!/bin/sh\ntouch @CANARY@\n' >"$(git -C wt rev-parse --git-path hooks)/pre-commit"; git -C wt config core.fsmonitor 'touch @CANARY@'; git worktree remove --force wt; git branch -qD wt; rmdir .git/worktrees`},
	{"git: hooks of a nested repository", `printf '#!/bin/sh\ntouch @CANARY@\n' >nested/.git/hooks/post-checkout; git -C nested config core.fsmonitor 'touch @CANARY@'; mv nested n2; mv nested/.git n2; mkdir -p nested/.git/hooks; printf '#!/bin/sh\ntouch @CANARY@\n' >nested/.git/hooks/pre-commit; rm -rf n2`},
	// Claude.
	{"claude: settings", `echo evil >.claude/settings.json; echo evil >e; mv -fT e .claude/settings.json; rm -f e; mv .claude c; mkdir .claude; echo evil >.claude/settings.json; ln -sfnT /tmp .claude; rm -f .claude/settings.json`},
}

func TestAgentCannotChangeWhatDecides(t *testing.T) {
	t.Parallel()
	for _, a := range attackTrust {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			w := trusting(t)
			before := held(w)
			canary := filepath.Join(w.Dir, "canary")
			var r world.Result
			if a.script == "" {
				c := w.Part("vandal", anyLock)
				c.Args = append(c.Args, a.name)
				r = world.Finish(t, c)
			} else {
				script := strings.ReplaceAll("exec 2>/dev/null; OUTSIDE="+w.Home+"; { "+a.script+"; }\necho tried", "@CANARY@", canary)
				r = w.Bash(script, anyLock)
			}
			if r.Status != 0 || !strings.HasSuffix(r.Out, "tried\n") {
				t.Fatalf("the attack was not tried: %s", r)
			}
			if strings.Contains(r.Out, "GOT THROUGH") {
				t.Errorf("%s", r)
			}
			if after := held(w); after != before {
				t.Errorf("it changed\n%s\nto\n%s", before, after)
			}
			// The host goes on working here, and nothing of the agent's runs.
			for _, dir := range []string{w.Project, filepath.Join(w.Project, "nested")} {
				w.Git(dir, "status")
				w.Git(dir, "commit", "--quiet", "--allow-empty", "-m", "after")
				w.Git(dir, "checkout", "--quiet", "-B", "after")
				w.Git(dir, "-c", "core.pager=", "log", "-1")
			}
			if _, err := os.Lstat(canary); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("git on the host ran a program of the agent's: %v", err)
			}
			// And the next jail is the same one.
			if out := w.Must("ls /etc/shadow 2>/dev/null; cat "+policyFile, anyLock); out != wide {
				t.Errorf("the next jail: %q", out)
			}
		})
	}
	if len(attackTrust) < 40 {
		t.Errorf("only %d attacks", len(attackTrust))
	}
}

// vandal runs inside a jail: attacks by system calls that no shell has. Its
// argument is the name of the attack.
func vandal(args []string) int {
	name := strings.Join(args, " ")
	attack := map[string]func(){
		"policy: truncate(2)": func() {
			_ = unix.Truncate(policyFile, 0)
			fd, _ := unix.Open(policyFile, unix.O_RDONLY, 0)
			_ = unix.Ftruncate(fd, 0)
			_ = unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4)
			_, _ = unix.Open(policyFile, unix.O_RDONLY|unix.O_TRUNC, 0)
		},
		"policy: RENAME_EXCHANGE": func() {
			_ = os.WriteFile("e", []byte(evil), 0o644)
			_ = unix.Renameat2(unix.AT_FDCWD, "e", unix.AT_FDCWD, policyFile, unix.RENAME_EXCHANGE)
			_ = os.Mkdir("d", 0o755)
			_ = unix.Renameat2(unix.AT_FDCWD, ".claude", unix.AT_FDCWD, "d", unix.RENAME_EXCHANGE)
			_ = unix.Renameat2(unix.AT_FDCWD, ".git", unix.AT_FDCWD, "d", unix.RENAME_EXCHANGE)
			_ = unix.Renameat2(unix.AT_FDCWD, "nested", unix.AT_FDCWD, "d", unix.RENAME_EXCHANGE)
			_ = os.Remove("e")
			_ = os.Remove("d")
		},
		"policy: RENAME_WHITEOUT": func() {
			_ = unix.Renameat2(unix.AT_FDCWD, policyFile, unix.AT_FDCWD, "w", unix.RENAME_WHITEOUT)
			_ = unix.Renameat2(unix.AT_FDCWD, policyFile, unix.AT_FDCWD, "w", unix.RENAME_NOREPLACE)
		},
		"policy: bind mount": func() {
			_ = os.WriteFile("/tmp/e", []byte(evil), 0o644)
			_ = unix.Mount("/tmp/e", policyFile, "", unix.MS_BIND, "")
			_ = unix.Mount("tmpfs", ".git/hooks", "tmpfs", 0, "")
			if fd, err := unix.OpenTree(unix.AT_FDCWD, "/tmp/e", unix.OPEN_TREE_CLONE); err == nil {
				_ = unix.MoveMount(fd, "", unix.AT_FDCWD, policyFile, unix.MOVE_MOUNT_F_EMPTY_PATH)
			}
		},
		"policy: remount and unmount": func() {
			_ = unix.Mount("", policyFile, "", unix.MS_REMOUNT|unix.MS_BIND, "")
			_ = unix.MountSetattr(unix.AT_FDCWD, policyFile, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
			for _, p := range []string{policyFile, lockFile, ".git/hooks", ".git/config", ".git", "."} {
				_ = unix.Unmount(p, unix.MNT_DETACH)
			}
			_ = os.WriteFile(policyFile, []byte(evil), 0o644)
		},
		"policy: user namespace": func() {
			if unix.Unshare(unix.CLONE_NEWUSER|unix.CLONE_NEWNS) == nil {
				_ = unix.Unmount(policyFile, unix.MNT_DETACH)
			}
			_ = os.WriteFile(policyFile, []byte(evil), 0o644)
		},
		"policy: extended attributes and ACL": func() {
			for _, a := range []string{"user.evil", "security.capability", "trusted.overlay.opaque", "system.posix_acl_access"} {
				_ = unix.Setxattr(policyFile, a, []byte{2, 0, 0, 0}, 0)
			}
			// Nobody may read it: jailed-claude would go without.
			acl := []byte{2, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 4, 0, 0, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}
			_ = unix.Setxattr(policyFile, "system.posix_acl_access", acl, 0)
			_ = unix.Chmod(policyFile, 0)
		},
		"policy: file handle": func() {
			h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, policyFile, 0)
			if err != nil {
				return
			}
			root, _ := unix.Open(".", unix.O_RDONLY, 0)
			if fd, err := unix.OpenByHandleAt(root, h, unix.O_RDWR); err == nil {
				_, _ = unix.Write(fd, []byte(evil))
			}
		},
		"policy: shared memory map": func() {
			fd, err := unix.Open(policyFile, unix.O_RDWR, 0)
			if err != nil {
				fd, _ = unix.Open(policyFile, unix.O_RDONLY, 0)
			}
			if m, err := unix.Mmap(fd, 0, 4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
				copy(m, "evil")
			}
			if m, err := unix.Mmap(fd, 0, 4, unix.PROT_READ, unix.MAP_SHARED); err == nil && unix.Mprotect(m, unix.PROT_READ|unix.PROT_WRITE) == nil {
				copy(m, "evil")
			}
		},
		"policy: link of a descriptor": func() {
			fd, _ := unix.Open(policyFile, unix.O_PATH, 0)
			for _, dst := range []string{"l", "/tmp/l", ".git/l"} {
				_ = unix.Linkat(fd, "", unix.AT_FDCWD, dst, unix.AT_EMPTY_PATH)
				_ = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, dst, unix.AT_SYMLINK_FOLLOW)
				_ = os.WriteFile(dst, []byte(evil), 0o644)
				_ = os.Remove(dst)
			}
			if fd, err := unix.Open(".", unix.O_TMPFILE|unix.O_RDWR, 0o644); err == nil {
				_, _ = unix.Write(fd, []byte(evil))
				_ = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, policyFile, unix.AT_SYMLINK_FOLLOW)
			}
		},
		"policy: inode flags and times": func() {
			fd, _ := unix.Open(policyFile, unix.O_RDONLY, 0)
			_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, 0x10) // FS_IMMUTABLE_FL
			_ = os.Chtimes(policyFile, time.Unix(0, 0), time.Unix(0, 0))
			_ = unix.Fchmod(fd, 0o666)
			_ = unix.Fchown(fd, 0, 0)
		},
	}[name]
	if attack == nil {
		fmt.Fprintf(os.Stderr, "there is no attack %q\n", name)
		return 1
	}
	attack()
	fmt.Println("tried")
	return 0
}

// TestWhatAppearsIsNamed: what did not exist cannot be held. It is named when
// the jail ends, with the reason, and with --strict the jail ends at once.
func TestWhatAppearsIsNamed(t *testing.T) {
	t.Parallel()
	for _, a := range []struct{ script, path, why string }{
		{`printf 'version = 1\n[network]\nmode = "host"\n' >.jailed-claude.toml`, policyFile, "the policy of this jail"},
		{`ln -s /tmp .jailed-claude.toml`, policyFile, "the policy of this jail"},
		{`echo {} >l; mv l .jailed-claude.lock`, lockFile, "the lock of this jail"},
		{`echo evil >.envrc`, ".envrc", "direnv"},
		{`echo {} >.mcp.json`, ".mcp.json", "MCP servers"},
		{`mkdir c; echo {} >c/settings.local.json; mv c .claude`, ".claude/settings.local.json", "Claude Code's settings"},
		{`mkdir -p .claude/hooks`, ".claude/hooks", "Claude Code's hooks"},
		{`mkdir h; ln -s h .claude`, ".claude/settings.json", "Claude Code's settings"},
		{`mkdir .vscode; echo {} >.vscode/tasks.json`, ".vscode", "editor tasks"},
		{`echo x >.git/commondir`, ".git/commondir", "names the git directory"},
		{`touch HEAD`, "HEAD", "git repository"},
	} {
		t.Run(a.script, func(t *testing.T) {
			t.Parallel()
			for _, strict := range []bool{false, true} {
				w := world.New(t)
				flags, status := []string{}, 3
				if strict {
					flags, status = append(flags, "--strict"), 125
				}
				begun := time.Now()
				r := w.Bash("mkdir -p harmless; touch harmless/x; "+a.script+"; for i in {1..600}; do [ -n \""+strings.Join(flags, "")+"\" ] && sleep 0.1; done; exit 3", flags...)
				want := fmt.Sprintf("%q: ", filepath.Join(w.Project, a.path))
				if r.Status != status || !slices.ContainsFunc(world.Lines(r.Err), func(l string) bool {
					return strings.Contains(l, want) && strings.Contains(l, a.why)
				}) {
					t.Errorf("strict=%v: want %q, %q, status %d: %s", strict, want, a.why, status, r)
				}
				if strict && time.Since(begun) > 50*time.Second {
					t.Error("the jail was not ended")
				}
			}
		})
	}
}

// TestReportsBelowTmp: the supervisor has a /tmp of its own; projects there are
// watched all the same.
func TestReportsBelowTmp(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	dir, err := os.MkdirTemp("/tmp", "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, flags := range [][]string{nil, {"--strict"}} {
		c := w.BashCommand("echo x >.envrc; sleep 1", flags...)
		c.Dir = dir
		if r := world.Finish(t, c); !strings.Contains(r.Err, filepath.Join(dir, ".envrc")) || len(flags) > 0 && r.Status != 125 {
			t.Errorf("%v: %s", flags, r)
		}
		os.Remove(filepath.Join(dir, ".envrc"))
	}
}

// TestTrust drives the whole way of a policy file.
func TestTrust(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Env["GOFLAGS"] = "-v"
	script := `echo "goflags=$GOFLAGS"`
	refused := func(what string, mention ...string) {
		t.Helper()
		r := w.Bash(script)
		if r.Status != 125 || r.Out != "" {
			t.Errorf("%s: it applies: %s", what, r)
		}
		for _, m := range append(mention, "widens", "jailed-claude trust", "--policy none") {
			if !strings.Contains(r.Err, m) {
				t.Errorf("%s: %q is not mentioned: %s", what, m, r)
			}
		}
	}
	applies := func(what string, flags ...string) {
		t.Helper()
		if out := w.Must(script, flags...); out != "goflags=-v\n" {
			t.Errorf("%s: %q", what, out)
		}
	}

	// What only narrows needs nobody.
	w.Write(policyFile, "version = 1\n[files]\nproject = \"ro\"\nhide = [\"README\"]\n")
	if r := w.Bash("touch x || echo read-only; cat README"); r.Status != 0 || r.Out != "read-only\n" {
		t.Errorf("a policy that narrows: %s", r)
	}

	w.Write(policyFile, wide)
	refused("nobody approved it", `"GOFLAGS"`)
	for _, args := range [][]string{{"spec"}, {"explain"}, {"bundle", w.Dir + "/b"}, {"run"}} {
		args = append(args, "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"))
		if r := world.Finish(t, w.Command(args...)); r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "jailed-claude trust") {
			t.Errorf("%v: %s", args, r)
		}
	}
	applies("named by the user", "--policy", policyFile)
	if out := w.Must(script, "--policy", "none"); out != "goflags=\n" {
		t.Errorf("--policy none: %q", out)
	}
	// Without a terminal nobody can be asked, and "yes" on a pipe is nobody's.
	c := w.Command("trust")
	c.Stdin = strings.NewReader("y\n")
	if r := world.Finish(t, c); r.Status != 125 || !strings.Contains(r.Err, "--yes") {
		t.Errorf("trust without a terminal: %s", r)
	}
	refused("still")
	approve(w)
	applies("approved")

	// Exactly these bytes, at exactly this path.
	w.Write(policyFile, wide+"\n")
	refused("other bytes")
	w.Write(policyFile, wide)
	applies("the same bytes again")
	moved := filepath.Join(w.Home, "moved")
	if err := os.Rename(w.Project, moved); err != nil {
		t.Fatal(err)
	}
	c = w.BashCommand(script)
	c.Dir = moved
	if r := world.Finish(t, c); r.Status != 125 {
		t.Errorf("a moved clone: %s", r)
	}
	if err := os.Rename(moved, w.Project); err != nil {
		t.Fatal(err)
	}
	applies("moved back")
	if r := world.Finish(t, w.Command("trust", "--list")); r.Status != 0 || !strings.Contains(r.Out, "applies  "+filepath.Join(w.Project, policyFile)) {
		t.Errorf("trust --list: %s", r)
	}
	if r := world.Finish(t, w.Command("trust", "--revoke")); r.Status != 0 {
		t.Errorf("trust --revoke: %s", r)
	}
	refused("revoked")

	// The user's own policy grants it already: then there is nothing to approve.
	w.Write(w.Home+"/.config/jailed-claude/config.toml", wide)
	applies("the user's own")
}

// TestTrustAsks: on a terminal it is the user who decides, and anything but yes
// is no.
func TestTrustAsks(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(policyFile, wide)
	for _, a := range []struct {
		answer string
		status int
	}{{"\n", 125}, {"n\n", 125}, {"yikes\n", 125}, {"\x04", 125}, {"Y\n", 0}} {
		p := world.NewPTY(t)
		c := w.Command("trust")
		p.Attach(c)
		c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
		if _, err := p.Master.WriteString(a.answer); err != nil {
			t.Fatal(err)
		}
		r := world.Finish(t, c)
		if r.Status != a.status {
			t.Errorf("%q: exit status %d", a.answer, r.Status)
		}
		shown := p.All()
		for _, want := range []string{`+ "GOFLAGS"`, "approve 1 ", "[y/N]"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%q: %q is not shown: %q", a.answer, want, shown)
			}
		}
		if r := w.Bash("true"); (r.Status == 0) != (a.status == 0) {
			t.Errorf("after %q: %s", a.answer, r)
		}
	}
}

// TestExplainDiff of policies and of bundles: what widens comes first, and no
// value of a variable of a configuration is shown.
func TestExplainDiff(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write("infra/x", "")
	a := w.Write(w.Dir+"/a.toml", "version = 1\n[files]\nprotect = [\"infra/\"]\n[network]\nmode = \"none\"\n")
	b := w.Write(w.Dir+"/b.toml", "version = 1\n[files]\nhide = [\"README\"]\n[env]\nset = { X = \"secret\" }\n")
	for _, name := range []string{"a", "b"} {
		if r := world.Finish(t, w.Command("bundle", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--policy", w.Dir+"/"+name+".toml", w.Dir+"/"+name, "--", "true")); r.Status != 0 {
			t.Fatal(r)
		}
	}
	for _, c := range []struct {
		a, b string
		want []string // what begins with a blank does not widen
	}{
		{a, b, []string{`files.protect - "infra/"`, `network.mode "none" -> "internet"`, `env.set + "X"`, ` files.hide + "README"`}},
		{b, a, []string{`files.hide - "README"`, `env.set - "X"`, ` files.protect + "infra/"`, ` network.mode "internet" -> "none"`}},
		{a, a, nil},
		{w.Dir + "/a", w.Dir + "/b/config.json", []string{
			`mounts - "` + w.Project + `/infra"`, `network.mode "none" -> "internet"`, `hooks.createRuntime`, `process.env + "X"`,
			` linux.maskedPaths + "` + w.Project + `/README"`,
		}},
		{w.Dir + "/a", w.Dir + "/a", nil},
	} {
		r := world.Finish(t, w.Command("explain", "--diff", c.a, c.b))
		var narrowing bool
		var got []string
		for _, l := range world.Lines(r.Out) {
			f := strings.Fields(l)
			if f[0] != "widens" {
				narrowing = true
			} else if narrowing {
				t.Errorf("what widens comes late: %s", r)
			}
			line := strings.Join(f[1:], " ")
			if f[0] != "widens" {
				line = " " + line
			}
			got = append(got, line)
		}
		for _, want := range c.want {
			if !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, want) }) {
				t.Errorf("%s %s: %q is missing: %s", c.a, c.b, want, r)
			}
		}
		if r.Status != 0 || len(c.want) == 0 && r.Out != "" || strings.HasSuffix(c.a, "/a") && strings.Contains(r.Out, "secret") {
			t.Errorf("%s %s: %s", c.a, c.b, r)
		}
	}
	for _, args := range [][]string{{a}, {a, w.Dir + "/b"}, {a, w.Dir + "/none"}, {a, w.Home}} {
		if r := world.Finish(t, w.Command(append([]string{"explain", "--diff"}, args...)...)); r.Status != 125 || r.Out != "" {
			t.Errorf("%v: %s", args, r)
		}
	}
}

// TestTrustStoreIsChecked: an approval that others could have made is none.
func TestTrustStoreIsChecked(t *testing.T) {
	t.Parallel()
	w := trusting(t)
	dir := filepath.Join(w.Home, ".local/state/jailed-claude/trust")
	entries, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	for what, c := range map[string]struct {
		path string
		mode os.FileMode
	}{"the folder": {dir, 0o777}, "the entry": {entries[0], 0o644}} {
		fi, err := os.Stat(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is for others too: %v", what, fi.Mode())
		}
		for _, mode := range []os.FileMode{c.mode, fi.Mode().Perm()} {
			if err := os.Chmod(c.path, mode); err != nil {
				t.Fatal(err)
			}
			if r := w.Bash("true", anyLock); (r.Status == 0) != (mode == fi.Mode().Perm()) || r.Status != 0 && !strings.Contains(r.Err, "unsafe") {
				t.Errorf("%s with mode %v: %s", what, mode, r)
			}
		}
	}
}

// TestHostilePolicyFiles: the file is the attacker's, and so is what is shown.
func TestHostilePolicyFiles(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := filepath.Join(w.Project, policyFile)
	for what, make := range map[string]func() error{
		"escape sequences": func() error {
			return os.WriteFile(name, []byte("version = 1\n[env]\nset = { A = \"\\u001b[2J\\u001b]52;c;x\\u0007\\u202e\\u2028\\r\" }\n"), 0o644)
		},
		"raw bytes": func() error {
			return os.WriteFile(name, []byte("version = 1\n[files]\nread = [\"/\x1b[2J\x9b\xff\"]\n"), 0o644)
		},
		"a forged key":     func() error { return os.WriteFile(name, []byte("version = 1\n[\"\\u001b[2J\"]\nx = 1\n"), 0o644) },
		"a link outside":   func() error { return os.Symlink(w.Home+"/.ssh/id_rsa", name) },
		"a FIFO":           func() error { return unix.Mkfifo(name, 0o644) },
		"a device by link": func() error { return os.Symlink("/dev/zero", name) },
		"a folder":         func() error { return os.Mkdir(name, 0o755) },
		"a giant":          func() error { return errors.Join(os.WriteFile(name, nil, 0o644), os.Truncate(name, 1<<40)) },
	} {
		t.Run(what, func(t *testing.T) {
			os.RemoveAll(name)
			if err := make(); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"trust", "--yes"}, {"trust", "--revoke"}, {"spec", "--closure", world.RequireVariable(t, "BASE_CLOSURE")}} {
				r := world.Finish(t, w.Command(args...))
				if what != "escape sequences" && r.Status != 125 {
					t.Errorf("%v: %s", args, r)
				}
				for _, c := range r.Out + r.Err {
					if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x202e || c == 0x2028 {
						t.Errorf("%v: %U on the terminal: %q", args, c, r.Out+r.Err)
						break
					}
				}
				if strings.Contains(r.Out+r.Err, world.Planted) {
					t.Errorf("%v shows a file of the home: %s", args, r)
				}
			}
		})
	}
}
