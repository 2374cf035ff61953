package life

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// openFiles are the descriptors of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestSoakAtOnce: many jails in one project at once all run, all are listed,
// and whether they end or are killed, nothing is left of them.
func TestSoakAtOnce(t *testing.T) {
	w := world.New(t)
	modes := []string{"--net=internet", "--net=none", "--net=filtered"}
	status, files, before := settled(w, func() *exec.Cmd { return w.NetShell("true", modes[0]) })
	// The kernel lets a user have 200 keys (keyrings(7), maxkeys): jails share one.
	n := rounds(20, 220)
	type jail struct {
		c   *exec.Cmd
		in  io.WriteCloser
		out *bufio.Reader
		err strings.Builder
	}
	jails := make([]*jail, n)
	for i := range jails {
		j := &jail{c: w.NetShell(`echo up; read -r l; echo "$l" >done.$l; exit 3`, modes[i%len(modes)])}
		// The deadline of a command is for one of them.
		j.c.Cancel, j.c.WaitDelay = func() error { return nil }, 0
		in, err1 := j.c.StdinPipe()
		out, err2 := j.c.StdoutPipe()
		j.c.Stderr = &j.err
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		j.in, j.out = in, bufio.NewReader(out)
		if err := j.c.Start(); err != nil {
			t.Fatal(err)
		}
		jails[i] = j
		t.Cleanup(func() { _ = j.c.Process.Kill(); _ = j.c.Wait() })
	}
	for i, j := range jails {
		if line, err := j.out.ReadString('\n'); line != "up\n" {
			t.Fatalf("jail %d of %d: %q %v: %s", i, n, line, err, &j.err)
		}
	}
	if r := world.Finish(t, w.Command("list")); len(world.Lines(r.Out)) < n+1 {
		t.Errorf("%d of %d jails are listed: %s", len(world.Lines(r.Out))-1, n, r.Err)
	}
	for i, j := range jails {
		if i%2 == 0 {
			_ = j.c.Process.Kill()
		} else {
			_, _ = fmt.Fprintln(j.in, i)
		}
	}
	for i, j := range jails {
		_, _ = io.ReadAll(j.out)
		_ = j.c.Wait()
		want := -int(syscall.SIGKILL)
		if i%2 == 1 {
			want = 3
			if err := os.Remove(fmt.Sprintf("%s/done.%d", w.Project, i)); err != nil {
				t.Errorf("jail %d: %v", i, err)
			}
		}
		if got := world.StatusOf(j.c.ProcessState); got != want {
			t.Errorf("jail %d: exit status %d, want %d: %s", i, got, want, &j.err)
		}
	}
	unchanged(w, status, files, before)
	world.Counted(t, "%d jails at once in one project", n)
}

// unchanged: nothing is left on the host, in the caller's folders, or in the
// project.
func unchanged(w *world.World, status string, files []string, before world.Trace) {
	w.T.Helper()
	w.SameTrace(before)
	if got := filesLeft(w); !slices.Equal(got, files) {
		w.T.Errorf("the caller's folders hold %q, before %q", got, files)
	}
	if after := w.Status(); after != status {
		w.T.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}

// TestSoakInARow: start after start, of every kind, some of them killed, leaves
// no process, mount, folder, cgroup, listener or descriptor.
func TestSoakInARow(t *testing.T) {
	w := world.New(t)
	port := freePort(t)
	ways := waysOfStart(port)
	status, files, before := settled(w, func() *exec.Cmd { return w.NetShell("true", "--net=internet") })
	n := rounds(50, 2000)
	fds := openFiles(t)
	var killed, ended atomic.Int32
	world.InParallel(n, func(i int) {
		way := ways[i%len(ways)]
		// A port is one jail's at a time.
		flags := slices.DeleteFunc(slices.Clone(way.flags), func(f string) bool { return strings.HasPrefix(f, "--port") })
		c := w.NetShell("sleep 3600 & exec 3>/dev/null; exit 7", flags...)
		if i%3 > 0 {
			if r := world.Finish(t, c); r.Status != 7 {
				t.Errorf("%s: %s", way.name, r)
			}
			ended.Add(1)
			return
		}
		delay := time.Duration(rand.IntN(120)) * time.Millisecond
		if l := w.Reap(delay, syscall.SIGKILL, c); l.Status == -int(syscall.SIGKILL) {
			killed.Add(1)
		} else if l.Status != 7 {
			t.Errorf("%s: exit status %d", way.name, l.Status)
		}
	})
	unchanged(w, status, files, before)
	if now := openFiles(t); now > fds+2 {
		t.Errorf("%d descriptors are open, before %d", now, fds)
	}
	world.Counted(t, "%d starts: %d ended, %d killed in the middle, the others had ended before", n, ended.Load(), killed.Load())
}

// TestSoakHostileNeighbour: a process of the same user replaces, removes and
// spoils what lies in jailed-claude's own folders, while jails start. A start
// works or is refused; it does not hang, crash, or give the jail anything that
// it should not have.
func TestSoakHostileNeighbour(t *testing.T) {
	w := world.New(t)
	start := func() *exec.Cmd {
		return w.NetShell(`echo started
			cat ~/.claude/id_rsa ~/.claude/*/id_rsa ~/.ssh/id_rsa 2>/dev/null
			while read -r name value; do
				case $name$value in Seccomp:2|Cap*:0000000000000000) ;; Seccomp:*|Cap*) echo "$name $value";; esac
			done </proc/self/status
			exit 0`, "--net=internet")
	}
	if r := world.Finish(t, start()); r.Status != 0 {
		t.Fatal(r)
	}
	status := w.Status()
	w.Write(w.Dir+"/decoy/id_rsa", world.Planted)
	own := []string{w.Home + "/.local/state/jailed-claude", w.Home + "/.cache/jailed-claude", w.Home + "/.config/jailed-claude"}
	stop := make(chan struct{})
	var racers sync.WaitGroup
	var deeds atomic.Int64
	for range 2 {
		racers.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rand.IntN(3000)) * time.Microsecond):
					misdeed(w, own)
					deeds.Add(1)
				}
			}
		})
	}
	n := 0
	var works, refused atomic.Int32
	one := func(int) {
		r := world.Finish(t, start())
		switch {
		case r.Status == 0 && r.Out == "started\n":
			works.Add(1)
		case r.Status == 125 && r.Out == "" && strings.Contains(r.Err, "jailed-claude: "):
			refused.Add(1)
		default:
			t.Errorf("%s", r)
		}
		if strings.Contains(r.Err, "goroutine") || strings.Contains(r.Out+r.Err, world.Planted) {
			t.Errorf("%s", r)
		}
	}
	mend := func(dirs ...string) (err error) {
		for _, dir := range dirs {
			_ = exec.Command("chmod", "-R", "u+rwX", dir).Run()
			err = errors.Join(err, os.RemoveAll(dir))
		}
		return err
	}
	// How many work is a matter of the machine: on a slow one, one in ten. What is spoilt
	// may stay so, and then none works any more.
	for range 5 {
		n += rounds(60, 1000)
		world.InParallel(rounds(60, 1000), one)
		if works.Load() > 0 && refused.Load() > 0 || t.Failed() {
			break
		}
		_ = mend(own...) // as far as the neighbour lets it
	}
	close(stop)
	racers.Wait()
	if works.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d starts worked and %d were refused: the test shows little", works.Load(), refused.Load())
	}
	if after := w.Status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
	// When the neighbour is gone, the folders can be mended as any others.
	if err := mend(append(own, w.Dir+"/decoy", w.Dir+"/tmp")...); err != nil {
		t.Error(err)
	}
	w.Mkdir(w.Dir+"/tmp", 0o700)
	if r := world.Finish(t, start()); r.Status != 0 {
		t.Errorf("after all that: %s", r)
	}
	world.Counted(t, "%d starts beside %d misdeeds: %d worked, %d were refused", n, deeds.Load(), works.Load(), refused.Load())
}

// misdeed does one thing to something in a folder of ours.
func misdeed(w *world.World, own []string) {
	var all []string
	for _, dir := range own {
		_ = filepath.WalkDir(dir, func(p string, _ os.DirEntry, _ error) error {
			all = append(all, p)
			return nil
		})
	}
	if len(all) == 0 {
		return
	}
	p := all[rand.IntN(len(all))]
	away := fmt.Sprintf("%s/tmp/away.%d", w.Dir, rand.Int())
	replaced := func(by func() error) {
		if os.Rename(p, away) == nil {
			_ = by()
			// Mostly it comes back: a start has to get somewhere.
			if rand.IntN(4) > 0 {
				time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
				_ = os.Remove(p)
				_ = os.Rename(away, p)
			}
		}
	}
	switch rand.IntN(9) {
	case 0:
		replaced(func() error { return os.Symlink(w.Dir+"/decoy", p) })
	case 1:
		replaced(func() error { return os.Symlink(w.Dir+"/decoy/id_rsa", p) })
	case 2:
		replaced(func() error { return unix.Mkfifo(p, 0o600) })
	case 3:
		replaced(func() error { return os.Mkdir(p, 0o700) })
	case 4:
		replaced(func() error {
			// O_EXCL: the other neighbour's FIFO would be waited for.
			f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			_, _ = f.WriteString("not what you think")
			return f.Close()
		})
	case 5:
		replaced(func() error { return nil })
	case 6:
		_ = os.Truncate(p, int64(rand.IntN(64)))
	case 7:
		// Gone, as by os.RemoveAll; that one opens the folder around, which the
		// other neighbour may just have made a FIFO, and waits for ever.
		_ = os.Rename(p, away)
	case 8:
		mode := []os.FileMode{0, 0o400, 0o777, 0o100}[rand.IntN(4)]
		if fi, err := os.Lstat(p); err == nil && fi.Mode()&os.ModeSymlink == 0 {
			_ = os.Chmod(p, mode)
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
			_ = os.Chmod(p, fi.Mode())
		}
	}
}
