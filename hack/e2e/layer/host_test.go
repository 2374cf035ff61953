package layer

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// trusted are files that programs of the host execute or trust, all tracked.
var trusted = []string{".vscode/settings.json", ".vscode/tasks.json", ".mcp.json", ".envrc", ".husky/pre-push", ".claude/settings.json", ".gitmodules"}

// project has files to change, and trusted ones.
func project(t *testing.T) *world.World {
	t.Helper()
	w := world.New(t)
	for _, f := range trusted {
		text := "{}\n"
		if !strings.HasSuffix(f, ".json") {
			text = "# mine\n"
		}
		w.Write(f, text)
	}
	for _, f := range []string{"a", "b", "dir/x", "dir/deep/y", "other/z"} {
		w.Write(f, f+"\n")
	}
	if err := os.Symlink("a", filepath.Join(w.Project, "link")); err != nil {
		t.Fatal(err)
	}
	w.CommitAll()
	return w
}

// TestHostStays: whatever is done in a layer, the host's files are as they were,
// byte for byte; the next jail sees what was done.
func TestHostStays(t *testing.T) {
	t.Parallel()
	w := project(t)
	before := print(t, w.Project)
	r := must(w, `set -e
		echo more >>a; echo new >n; : >b; rm other/z; rmdir other; mkdir other; echo again >other/z
		chmod 700 dir/x; touch -d 2001-01-01 dir/deep/y; ln dir/x dir/hard; ln -sfn b link; mv a a2; mv dir moved
		mkfifo fifo; mkdir -p new/er; echo x >new/er/f; truncate -s 5 n; cp -a .vscode copy
		for f in .vscode/tasks.json .mcp.json .envrc .husky/pre-push .claude/settings.json; do echo evil >>$f; done
		echo '#!/bin/sh' >.git/hooks/post-checkout; chmod +x .git/hooks/post-checkout
		git config core.fsmonitor ./evil; git config alias.x '!evil'
		rm -rf .husky; mv .git/info .git/info2; mkdir .idea; echo x >.idea/workspace.xml
		echo '* filter=evil' >.gitattributes; echo x >.jailed-claude.toml`)
	unchanged(t, w.Project, before)
	if !strings.Contains(r.Err, "jailed-claude: the layer holds ") || !strings.Contains(r.Err, "changes of .git; jailed-claude review\n") {
		t.Errorf("the end does not say what the layer holds: %s", r)
	}
	if strings.Contains(r.Err, "would execute") {
		t.Errorf("the end names what the host would execute, and none is on the host: %s", r)
	}
	// The policy that was written in the layer is none of the next jail.
	r = must(w, `cat a2 n b other/z moved/x moved/deep/y moved/hard new/er/f copy/tasks.json .idea/workspace.xml; readlink link; stat -c %a moved/x
		git config core.fsmonitor; test -x .git/hooks/post-checkout; test ! -e a; test ! -e dir; test ! -e .husky; test -p fifo`)
	if !strings.HasPrefix(r.Out, "a\nmore\nnew\n\x00") || !strings.Contains(r.Out, "again\ndir/x\ndir/deep/y\ndir/x\nx\n{}\n") || !strings.Contains(r.Out, "b\n700\n./evil\n") {
		t.Errorf("the second start sees another layer: %q", r.Out)
	}
	unchanged(t, w.Project, before)
	// Strict jails end for what appears on the host alone.
	if r := inLayer(w, "echo x >sub.envrc; mkdir s; echo x >s/.envrc; git init -q s/r; sleep 1", "--strict"); r.Status != 0 {
		t.Errorf("--strict: %s", r)
	}
	unchanged(t, w.Project, before)
}

// TestNothingHeld: a jail that changes nothing says nothing.
func TestNothingHeld(t *testing.T) {
	t.Parallel()
	w := project(t)
	if r := must(w, "cat a >/dev/null; ls -laR . >/dev/null; stat -c %a . >/tmp/x"); r.Err != "" {
		t.Errorf("%s", r)
	}
	fi, err := os.Stat(w.Project)
	if err != nil {
		t.Fatal(err)
	}
	if r := must(w, "stat -c '%a %Y' ."); r.Out != fmt.Sprintf("%o %d\n", fi.Mode().Perm(), fi.ModTime().Unix()) {
		t.Errorf("the project's own mode and time are %q inside, and %v %d", r.Out, fi.Mode(), fi.ModTime().Unix())
	}
}

// TestTwoJails: a layer belongs to one jail at a time.
func TestTwoJails(t *testing.T) {
	t.Parallel()
	w := project(t)
	c := w.BashCommand("echo ready; read x", overlay...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 6)
	if _, err := out.Read(b); err != nil {
		t.Fatal(err)
	}
	if r := inLayer(w, "true"); r.Status != 125 || !strings.Contains(r.Err, w.Project) || !strings.Contains(r.Err, "a jail has this layer mounted") || !strings.Contains(r.Err, "jailed-claude list") {
		t.Errorf("a second jail: %s", r)
	}
	// Without the layer there may be more.
	if r := w.Bash("true", "--project-mode", "ro"); r.Status != 0 {
		t.Errorf("a jail beside it: %s", r)
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	must(w, "true")
}

// TestHidden: what is hidden stays so in a layer, whatever is done around it.
func TestHidden(t *testing.T) {
	t.Parallel()
	w := project(t)
	for _, f := range []string{"deep/er/.env", "secrets/key", ".env"} {
		w.Write(f, world.Planted+"\n")
	}
	before := print(t, w.Project)
	// Without the flag all of them are seen: the attack is no blank.
	if r := must(w, "cat deep/er/.env secrets/key .env"); r.Out != strings.Repeat(world.Planted+"\n", 3) {
		t.Errorf("what is not hidden: %s", r)
	}
	// After each step, for what one of them moves another removes.
	const attack = `
		look() { cat .env deep/er/.env secrets/key gone/er/.env gone2/.env x hard copy/er/.env copy2/key; grep -rs PLANTED . /tmp ~/.claude; ls -A secrets; }
		look; mv deep gone; look; mv deep/er gone2; look; mv deep/er/.env x; look; ln deep/er/.env hard; look
		cp -a deep copy; cp -a secrets copy2; look; git add -f .env deep secrets; look; git stash -u; look
		git cat-file --batch --batch-all-objects; git checkout -f; git clean -fdx; look; rm -rf deep secrets .env; look; echo done`
	for i := range 2 {
		r := inLayer(w, attack, "--hide", ".env", "--hide", "secrets/")
		if strings.Contains(r.Out+r.Err, world.Planted) || !strings.HasSuffix(r.Out, "done\n") {
			t.Errorf("start %d: it is seen: %s", i+1, r)
		}
	}
	unchanged(t, w.Project, before)
	upper := filepath.Join(folder(w), "upper")
	for _, f := range []string{"deep/er/.env", "secrets/key", ".env", "copy/er/.env"} {
		if text, err := os.ReadFile(filepath.Join(upper, f)); err == nil && strings.Contains(string(text), world.Planted) {
			t.Errorf("the layer holds the secret: %s", f)
		}
	}
}

// TestDevices: a device that lies in a layer, or below it, is none inside.
func TestDevices(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("devices are made by root")
	}
	w := project(t)
	must(w, "true")
	for _, name := range []string{filepath.Join(folder(w), "upper/planted"), filepath.Join(w.Project, "below")} {
		if err := unix.Mknod(name, unix.S_IFCHR, int(unix.Mkdev(1, 5))); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o666); err != nil {
			t.Fatal(err)
		}
		if zero, err := os.Open(name); err != nil {
			t.Skip("devices cannot be opened here at all: ", err)
		} else {
			zero.Close()
		}
	}
	r := must(w, "for f in planted below; do test -c $f; head -c 1 $f || echo refused; done; mknod made c 1 5 || echo refused")
	if r.Out != "refused\nrefused\nrefused\n" {
		t.Errorf("%s", r)
	}
}

// TestSockets: a socket of the host in the project is no way out of a layer.
func TestSockets(t *testing.T) {
	t.Parallel()
	w := project(t)
	l, err := net.Listen("unix", filepath.Join(w.Project, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reached := make(chan struct{}, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
			reached <- struct{}{}
		}
	}()
	r := world.Finish(t, w.Part("connect", overlay...))
	if r.Status != 0 {
		t.Fatal(r)
	}
	select {
	case <-reached:
		t.Errorf("the host's program was reached: %s", r)
	default:
	}
	if strings.Contains(r.Out, "CONNECTED") {
		t.Errorf("%s", r)
	}
}

// TestFollowed: what the host replaces, makes and removes below a layer is seen in
// it while the jail runs, also in folders that it has made meanwhile, and where
// programs inside use it all the time, or while it is replaced.
func TestFollowed(t *testing.T) {
	t.Parallel()
	w := project(t)
	c := w.BashCommand(`cat a dir/deep/y; ls new 2>/dev/null; git log -1 --format=%s; echo inside >b
		while :; do cat a dir/x dir/deep/y other/z later/file; git status; done >/dev/null 2>&1 &
		trap 'kill $!' EXIT
		while read -r ask; do eval "$ask" 2>&1; echo .; done`, overlay...)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = in.Close(), c.Wait() }()
	said := bufio.NewReader(out)
	for range 3 { // it looked at them
		if _, err := said.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	// sees asks until the answer is the one.
	sees := func(ask, want string) {
		t.Helper()
		var got string
		defer func() {
			if t.Failed() {
				t.Logf("%s: %q, want %q", ask, got, want)
			}
		}()
		world.WaitFor(t, ask, func() bool {
			if _, err := io.WriteString(in, ask+"\n"); err != nil {
				t.Fatal(err)
			}
			for got = ""; ; {
				line, err := said.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if line == ".\n" {
					return got == want
				}
				got += line
			}
		})
	}
	save := func(name, text string) { // as editors do
		w.Write(name+"~", text)
		if err := os.Rename(filepath.Join(w.Project, name+"~"), filepath.Join(w.Project, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		text := fmt.Sprintf("saved %d\n", i)
		save("a", text)
		save("dir/deep/y", text)
		sees("cat a dir/deep/y", text+text)
	}
	sees("cat later/file", "cat: later/file: No such file or directory\n")
	w.Write("later/file", "1\n")
	sees("cat later/file", "1\n")
	save("later/file", "2\n")
	sees("cat later/file", "2\n")
	if err := os.Remove(filepath.Join(w.Project, "dir/x")); err != nil {
		t.Fatal(err)
	}
	sees("cat dir/x", "cat: dir/x: No such file or directory\n")
	w.CommitAll()
	sees("git log -1 --format=%s", strings.TrimSpace(w.Git(w.Project, "log", "-1", "--format=%s"))+"\n")
	sees("git rev-parse HEAD", w.Git(w.Project, "rev-parse", "HEAD"))
	for i := range 5 { // a folder in the place of another
		if err := os.RemoveAll(filepath.Join(w.Project, "other")); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("again %d\n", i)
		w.Write("other/z", text)
		sees("cat other/z", text)
	}
	if err := os.Rename(filepath.Join(w.Project, "other"), filepath.Join(w.Project, "moved")); err != nil {
		t.Fatal(err)
	}
	sees("cat moved/z; cat other/z", "again 4\ncat: other/z: No such file or directory\n")
	// A file that is open when it is replaced is forgotten once it is not.
	sees("exec 3<a; cat a", "saved 9\n")
	save("a", "while it was open\n")
	time.Sleep(500 * time.Millisecond) // the first looks pass by
	sees("exec 3<&-; cat a", "while it was open\n")
	// What was changed inside stays.
	save("b", "host\n")
	sees("cat b", "inside\n")
	sees("cat a", "while it was open\n")
}

// TestNobodyIsDisturbed: where the host changes nothing, the kernel forgets nothing of
// a layer. What it forgets can get other inode numbers, and a git that runs in that
// moment takes all files for changed.
func TestNobodyIsDisturbed(t *testing.T) {
	t.Parallel()
	w := project(t)
	// The clock by which the kernel notes changes is behind by up to 10 ms.
	time.Sleep(20 * time.Millisecond)
	r := must(w, `echo inside >b; stat -c %i b a dir/x; sleep 3; stat -c %i b a dir/x`)
	if n := strings.Fields(r.Out); len(n) != 6 || !slices.Equal(n[:3], n[3:]) {
		t.Errorf("inode numbers before and after: %s", r)
	}
}
