package network

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// underRuntimes calls do for each runtime, with a lab of its own in which
// allowed.example and other.example are there.
func underRuntimes(t *testing.T, do func(t *testing.T, w *world.World, l *world.Lab, run func(bundle string) *exec.Cmd)) {
	for name, run := range world.RunInLab {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l := world.NewLab(t)
			l.Name("allowed.example", lab.PublicA)
			l.Name("other.example", lab.PublicB)
			n := 0
			do(t, w, l, func(bundle string) *exec.Cmd {
				n++
				return run(w, bundle, fmt.Sprintf("%s-%d", filepath.Base(w.Dir), n))
			})
		})
	}
}

// bundleOf is a bundle that runs a part of this binary.
func bundleOf(w *world.World, part string, args []string, flags ...string) string {
	w.T.Helper()
	self, err := os.Executable()
	if err != nil {
		w.T.Fatal(err)
	}
	all := slices.Concat([]string{"--read", self, "--env", world.PartEnv + "=" + part}, flags, []string{"--", self}, args)
	return w.Bundle(nil, all...)
}

// filtered are the flags of most bundles here.
var filtered = []string{"--net", "filtered", "--allow", "allowed.example:22"}

// TestHooksFilter: under other runtimes a bundle reaches what it may, and
// nothing else; nothing is left of it.
func TestHooksFilter(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
		targets := []string{"allowed.example:22", "allowed.example:443", "other.example:22", lab.PublicA + ":22", "127.0.0.1:5432", "host:5432", lab.Metadata + ":80"}
		dir := bundleOf(w, "reach", targets, filtered...)
		before := w.TakeTrace()
		l.Caught()
		r := world.Finish(t, run(dir))
		if got := world.Lines(r.Out); r.Status != 0 || !slices.Equal(got, targets[:1]) {
			t.Errorf("reached %q: %s", got, r)
		}
		if got := l.Caught(); !slices.Equal(got.Hits, []string{"tcp " + lab.PublicA + ":22"}) {
			t.Errorf("arrived: %q", got.Hits)
		}
		w.SameTrace(before)
		onlyBundle(w, dir)
		if out := world.Finish(t, w.Command("log", "--denied")); !strings.Contains(out.Out, "other.example") {
			t.Errorf("the log does not say what was refused: %s", out)
		}
	})
}

// onlyBundle: nothing of ours stays in a bundle's folder.
func onlyBundle(w *world.World, dir string) {
	w.T.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		w.T.Errorf("the bundle holds %v (%v), and not config.json and rootfs alone", entries, err)
	}
}

// TestHooksFailClosed: without its hooks a bundle starts not at all, or with no
// network.
func TestHooksFailClosed(t *testing.T) {
	t.Parallel()
	setNetwork := func(text string) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Annotations["io.github.jailed-claude.network"] = text }
	}
	missing := func(hooks func(*specs.Hooks) []specs.Hook) func(*specs.Spec) {
		return func(s *specs.Spec) { hooks(s.Hooks)[0].Path = "/nowhere/jailed-claude" }
	}
	const script = "echo started; exec 3<>/dev/tcp/" + lab.PublicA + "/22 && cat <&3; exec 3<>/dev/tcp/allowed.example/22 && head -n 1 <&3"
	for _, c := range []struct {
		name  string
		edit  func(*specs.Spec)
		flags []string
		// starts: the program runs, and reaches nothing.
		starts bool
		say    string // by runc; crun drops what hooks say
	}{
		{"no program for createRuntime", missing(func(h *specs.Hooks) []specs.Hook { return h.CreateRuntime }), nil, false, "/nowhere/jailed-claude"},
		{"no program for createContainer", missing(func(h *specs.Hooks) []specs.Hook { return h.CreateContainer }), nil, false, "/nowhere/jailed-claude"},
		{"no createRuntime", func(s *specs.Spec) { s.Hooks.CreateRuntime = nil }, nil, false, "nothing keeps its network"},
		{"no createContainer", func(s *specs.Spec) { s.Hooks.CreateContainer = nil }, nil, true, ""},
		{"no hooks", func(s *specs.Spec) { s.Hooks = nil }, nil, true, ""},
		{"no annotation", func(s *specs.Spec) { s.Annotations = nil }, nil, false, "no annotation"},
		{"an annotation that says too much", setNetwork(`{"mode":"filtered","via":"redirect","tls":"strict","more":1}`), nil, false, "unknown field"},
		{"the host's network", func(s *specs.Spec) {
			s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
		}, nil, false, "no net namespace of its own"},
		{"a port that is taken", nil, []string{"--port", "5432"}, false, "5432"},
		{"a key in a variable", setNetwork(`{"mode":"none","via":"redirect","tls":"strict","brokers":[{"name":"x","upstream":"https://x.example","header":"X-Key","from":"env:NOSUCH"}]}`), nil, false, "file:PATH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
				dir := w.Bundle(c.edit, slices.Concat(filtered, c.flags, []string{"--", "bash", "-c", script})...)
				before := w.TakeTrace()
				l.Caught()
				r := world.Finish(t, run(dir))
				if started := strings.Contains(r.Out, "started"); started != c.starts || r.Status == 0 || strings.Contains(r.Out, "lab ") {
					t.Errorf("started: %v: %s", started, r)
				}
				if strings.HasSuffix(t.Name(), "runc") && !strings.Contains(r.Err, c.say) {
					t.Errorf("does not say %q: %s", c.say, r)
				}
				if got := l.Caught(); len(got.Hits)+len(got.Queries) > 0 {
					t.Errorf("arrived: %q %q", got.Hits, got.Queries)
				}
				w.SameTrace(before)
				onlyBundle(w, dir)
			})
		})
	}
}

// TestHooksProxy: without nftables the keeper's relay is a proxy.
func TestHooksProxy(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
		policy := w.Write(filepath.Join(w.Dir, "policy.toml"), "version = 1\n[network]\nvia = \"proxy\"\n")
		const script = `for to in allowed.example:22 other.example:22; do
			exec 3<>/dev/tcp/198.18.0.1/1023; printf 'CONNECT %s HTTP/1.1\r\n\r\n' $to >&3; while IFS= read -r a <&3; do echo "$a"; case $a in lab*) break ;; esac; done; exec 3<&-; done
			(exec 3<>/dev/tcp/` + lab.PublicA + `/22) 2>/dev/null && echo reached; true`
		dir := w.Bundle(nil, slices.Concat(filtered, []string{"--policy", policy, "--", "bash", "-c", script})...)
		r := world.Finish(t, run(dir))
		if r.Status != 0 || !strings.Contains(r.Out, "200") || strings.Count(r.Out, "lab "+lab.PublicA+":22") != 1 || !strings.Contains(r.Out, " 403 ") || strings.Contains(r.Out, "reached") {
			t.Error(r)
		}
		if got := l.Caught(); !slices.Equal(got.Hits, []string{"tcp " + lab.PublicA + ":22"}) {
			t.Errorf("arrived: %q", got.Hits)
		}
	})
}

// TestHooksBroker: a bundle's broker takes its key from a file, adds it
// outside, and knows the service by the certificates that the jail has.
func TestHooksBroker(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
		const key = "KEY-OF-THE-HOOK-0123456789"
		file := w.Write(filepath.Join(w.Dir, "key"), key+"\n")
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		w.Write(filepath.Join(w.Home, ".config/jailed-claude/config.toml"), "version = 1\n[[broker]]\nname = \"x\"\nupstream = \"https://allowed.example\"\n"+
			"header = \"X-Key\"\nfrom = \"file:"+file+"\"\nenv = \"X_KEY\"\n")
		const script = `exec 3<>/dev/tcp/x.broker.internal/80; printf 'GET /page HTTP/1.1\r\nHost: x.broker.internal\r\nX-Key: %s\r\nConnection: close\r\n\r\n' "$X_KEY" >&3; cat <&3
			env; read -r line`
		dir := w.Bundle(nil, "--net", "none", "--", "bash", "-c", script)
		c := run(dir)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		k := startTalk(t, c)
		k.says("HTTP/1.1 200 OK\r")
		keepers := keepersOf(dir)
		if len(keepers) != 1 {
			t.Fatalf("%d keepers", len(keepers))
		}
		for _, name := range []string{"environ", "cmdline"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", keepers[0], name)); err != nil || len(text) == 0 || strings.Contains(string(text), key) {
				t.Errorf("the keeper's %s: %q %v", name, text, err)
			}
		}
		_ = in.Close()
		if rest := k.rest(); !strings.Contains(rest, "lab allowed.example/page") || strings.Contains(rest, key) {
			t.Errorf("%q; %s", rest, k.err.String())
		}
	})
}

// TestHooksAuthority: under other runtimes, too, a brokered name shows a
// certificate of an authority that programs in the container trust, and no
// other name does.
func TestHooksAuthority(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
		file := w.Write(filepath.Join(w.Dir, "key"), "KEY-OF-THE-HOOK-0123456789\n")
		w.Write(filepath.Join(w.Home, ".config/jailed-claude/config.toml"), "version = 1\n[[broker]]\nhost = \"allowed.example\"\n"+
			"header = \"X-Key\"\nfrom = \"file:"+file+"\"\n")
		dir := bundleOf(w, "peer", []string{"allowed.example:443 allowed.example", "allowed.example:443 other.example", "other.example:443 other.example"},
			"--net", "filtered", "--allow", "other.example")
		before := w.TakeTrace()
		for range 2 {
			r := world.Finish(t, run(dir))
			got := world.Lines(r.Out)
			if r.Status != 0 || len(got) != 3 || !strings.HasPrefix(got[0], "jailed-claude, one jail (") || !strings.HasSuffix(got[0], " true [allowed.example]") ||
				got[1] != "-" || strings.Contains(got[2], "jailed-claude") || !strings.Contains(got[2], " true ") {
				t.Error(r)
			}
		}
		w.SameTrace(before)
		onlyBundle(w, dir)
	})
}

// TestHooksDetached: a container that is created and started in two steps, and
// deleted when it has ended, has its network all the while.
func TestHooksDetached(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	dir := w.Bundle(nil, slices.Concat(filtered, []string{"--", "bash", "-c", "read -r x <go; exec 3<>/dev/tcp/allowed.example/22; head -n 1 <&3 >out"})...)
	if err := syscall.Mkfifo(filepath.Join(w.Project, "go"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := w.TakeTrace()
	id := filepath.Base(w.Dir)
	runc := func(args ...string) {
		t.Helper()
		c := exec.Command(world.RequireTool(t, "runc"), append([]string{"--root", w.Dir + "/runc"}, args...)...)
		c.Dir, c.Env = w.Dir, w.Environ()
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		c.Stdin, c.Stdout, c.Stderr = null, null, null // the container has them as well
		l.Enter(c)
		if err := c.Run(); err != nil {
			t.Fatalf("runc %s: %v", strings.Join(args, " "), err)
		}
	}
	runc("create", "--bundle", dir, id)
	runc("start", id)
	if n := len(keepersOf(dir)); n != 1 {
		t.Errorf("%d keepers", n)
	}
	w.Write("go", "\n")
	for end := time.Now().Add(20 * time.Second); len(keepersOf(dir)) > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	runc("delete", id)
	if got := w.Read("out"); !strings.HasPrefix(got, "lab "+lab.PublicA) {
		t.Errorf("it got %q", got)
	}
	w.SameTrace(before)
}

// held is a script that holds a connection until it is cut, and then says
// whether another one can be made.
const held = `exec 3<>/dev/tcp/allowed.example/22; read -r l <&3; echo x >&3; read -r l <&3; echo "held $l"
	read -r l <&3 || echo cut; (exec 4<>/dev/tcp/allowed.example/22) 2>/dev/null && echo reached; echo end`

// talk is a running program and its output, line by line.
type talk struct {
	t *testing.T
	*exec.Cmd
	out *bufio.Reader
	err bytes.Buffer
}

func startTalk(t *testing.T, c *exec.Cmd) *talk {
	t.Helper()
	return startTalkTo(t, c, nil)
}

// startTalkTo is startTalk with the standard error elsewhere.
func startTalkTo(t *testing.T, c *exec.Cmd, stderr io.Writer) *talk {
	t.Helper()
	k := &talk{t: t, Cmd: c}
	c.WaitDelay = 5 * time.Second // a container can outlive its runtime
	if c.Stderr = stderr; stderr == nil {
		c.Stderr = &k.err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	k.out = bufio.NewReader(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	timer := time.AfterFunc(world.Deadline, func() { _ = c.Process.Kill(); _ = out.Close() })
	t.Cleanup(func() { timer.Stop() })
	return k
}

// says waits for a line.
func (k *talk) says(want string) {
	k.t.Helper()
	line, err := k.out.ReadString('\n')
	if line != want+"\n" {
		_ = k.Process.Kill()
		_ = k.Wait()
		k.t.Fatalf("said %q (%v), not %q; standard error: %s", line, err, want, k.err.String())
	}
}

// rest is what it says until it ends.
func (k *talk) rest() string {
	text, _ := io.ReadAll(k.out)
	_ = k.Wait()
	return string(text)
}

// keepersOf finds the processes that keep the network of a bundle.
func keepersOf(bundle string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(text), "\x00"), "_JAILED_CLAUDE_BUNDLE="+bundle) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKilledKeeper: with the process that keeps the network of a bundle its
// connections end, and no others can be made.
func TestKilledKeeper(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
		dir := w.Bundle(nil, slices.Concat(filtered, []string{"--port", "3000", "--", "bash", "-c", held})...)
		before := w.TakeTrace()
		k := startTalk(t, run(dir))
		k.says("held x")
		keepers := keepersOf(dir)
		if len(keepers) != 1 {
			t.Fatalf("%d keepers: %v", len(keepers), keepers)
		}
		if !w.Open(3000) {
			t.Error("the published port is not open")
		}
		// It is no jail of ours: ending what "list" shows ends the jail.
		if r := world.Finish(t, w.Command("list", "--json")); r.Status != 0 || strings.Contains(r.Out, w.Dir) {
			t.Errorf("list shows the keeper: %s", r)
		}
		if err := syscall.Kill(keepers[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got := k.rest(); got != "cut\nend\n" {
			t.Errorf("after the keeper's death: %q %s", got, k.err.String())
		}
		if w.Open(3000) {
			t.Error("the published port is still open")
		}
		w.SameTrace(before)
		onlyBundle(w, dir)
	})
}

// TestKeeperEndsWithTheContainer: also when the runtime is killed and calls no
// poststop hook.
func TestKeeperEndsWithTheContainer(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world.World, l *world.Lab, run func(string) *exec.Cmd) {
		dir := w.Bundle(nil, slices.Concat(filtered, []string{"--port", "3000", "--", "bash", "-c", held})...)
		k := startTalk(t, run(dir))
		k.says("held x")
		keepers := keepersOf(dir)
		if len(keepers) != 1 {
			t.Fatalf("%d keepers: %v", len(keepers), keepers)
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", keepers[0]))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(environ), "_JAILED_CLAUDE_INIT=")
		number, _, _ := strings.Cut(after, ":")
		first, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%q: %v", environ, err)
		}
		_ = k.Process.Kill() // no hook runs any more
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); len(keepersOf(dir)) > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the keeper still runs")
			}
		}
		if w.Open(3000) {
			t.Error("the published port is still open")
		}
		onlyBundle(w, dir)
	})
}
