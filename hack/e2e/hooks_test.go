package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
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
)

// runInLab are runtimes that run a bundle in a lab.
var runInLab = map[string]func(w *world, bundle, id string) *exec.Cmd{
	"runc": func(w *world, bundle, id string) *exec.Cmd {
		c := exec.Command(requireTool(w.t, "runc"), "--root", w.dir+"/runc", "run", "--bundle", bundle, id)
		c.Dir, c.Env = w.dir, w.environ()
		w.lab.enter(c)
		return c
	},
	"crun": func(w *world, bundle, id string) *exec.Cmd {
		// As withCgroup2 wants it, within the lab.
		unshare := []string{"--mount", "--cgroup", "--"}
		if os.Getuid() != 0 {
			unshare = append([]string{"--user", "--keep-caps", "--map-user=" + itoa(os.Getuid()), "--map-group=" + itoa(os.Getgid())}, unshare...)
		}
		self, err := os.Executable()
		if err != nil {
			w.t.Fatal(err)
		}
		args := append(unshare, self, requireTool(w.t, "crun"), "--root", w.dir+"/crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, id)
		c := exec.Command(requireTool(w.t, "unshare"), args...)
		c.Dir, c.Env = w.dir, append(w.environ(), partEnv+"=cgroup2")
		w.lab.enterAsRoot(c)
		return c
	},
}

// underRuntimes calls do for each runtime, with a lab of its own in which
// allowed.example and other.example are there.
func underRuntimes(t *testing.T, do func(t *testing.T, w *world, l *lab, run func(bundle string) *exec.Cmd)) {
	for name, run := range runInLab {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l := newLab(t)
			l.name("allowed.example", publicA)
			l.name("other.example", publicB)
			n := 0
			do(t, w, l, func(bundle string) *exec.Cmd {
				n++
				return run(w, bundle, fmt.Sprintf("%s-%d", filepath.Base(w.dir), n))
			})
		})
	}
}

// bundle writes a bundle that runs a program, and changes its configuration.
func (w *world) bundle(edit func(*specs.Spec), args ...string) (dir string) {
	w.t.Helper()
	dir, err := os.MkdirTemp(w.dir, "b")
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.Index(args, "--")
	all := slices.Concat([]string{"bundle", "--closure", requireVariable(w.t, "BASE_CLOSURE")}, args[:i], []string{dir}, args[i:])
	if r := finish(w.t, w.command(all...)); r.status != 0 {
		w.t.Fatal(r)
	}
	if edit == nil {
		return dir
	}
	file := filepath.Join(dir, "config.json")
	s := new(specs.Spec)
	if err := json.Unmarshal([]byte(w.read(file)), s); err != nil {
		w.t.Fatal(err)
	}
	edit(s)
	text, err := json.Marshal(s)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(file, string(text))
	return dir
}

// bundleOf is a bundle that runs a part of this binary.
func (w *world) bundleOf(part string, args []string, flags ...string) string {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	all := slices.Concat([]string{"--read", self, "--env", partEnv + "=" + part}, flags, []string{"--", self}, args)
	return w.bundle(nil, all...)
}

// filtered are the flags of most bundles here.
var filtered = []string{"--net", "filtered", "--allow", "allowed.example:22"}

// TestHooksFilter: under other runtimes a bundle reaches what it may, and
// nothing else; nothing is left of it.
func TestHooksFilter(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world, l *lab, run func(string) *exec.Cmd) {
		targets := []string{"allowed.example:22", "allowed.example:443", "other.example:22", publicA + ":22", "127.0.0.1:5432", "host:5432", metadata + ":80"}
		dir := w.bundleOf("reach", targets, filtered...)
		before := w.takeTrace()
		l.caught()
		r := finish(t, run(dir))
		if got := lines(r.out); r.status != 0 || !slices.Equal(got, targets[:1]) {
			t.Errorf("reached %q: %s", got, r)
		}
		if got := l.caught(); !slices.Equal(got.Hits, []string{"tcp " + publicA + ":22"}) {
			t.Errorf("arrived: %q", got.Hits)
		}
		w.sameTrace(before)
		w.onlyBundle(dir)
		if out := finish(t, w.command("log", "--denied")); !strings.Contains(out.out, "other.example") {
			t.Errorf("the log does not say what was refused: %s", out)
		}
	})
}

// onlyBundle: nothing of ours stays in a bundle's folder.
func (w *world) onlyBundle(dir string) {
	w.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		w.t.Errorf("the bundle holds %v (%v), and not config.json and rootfs alone", entries, err)
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
	const script = "echo started; exec 3<>/dev/tcp/" + publicA + "/22 && cat <&3; exec 3<>/dev/tcp/allowed.example/22 && head -n 1 <&3"
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
			underRuntimes(t, func(t *testing.T, w *world, l *lab, run func(string) *exec.Cmd) {
				dir := w.bundle(c.edit, slices.Concat(filtered, c.flags, []string{"--", "bash", "-c", script})...)
				before := w.takeTrace()
				l.caught()
				r := finish(t, run(dir))
				if started := strings.Contains(r.out, "started"); started != c.starts || r.status == 0 || strings.Contains(r.out, "lab ") {
					t.Errorf("started: %v: %s", started, r)
				}
				if strings.HasSuffix(t.Name(), "runc") && !strings.Contains(r.err, c.say) {
					t.Errorf("does not say %q: %s", c.say, r)
				}
				if got := l.caught(); len(got.Hits)+len(got.Queries) > 0 {
					t.Errorf("arrived: %q %q", got.Hits, got.Queries)
				}
				w.sameTrace(before)
				w.onlyBundle(dir)
			})
		})
	}
}

// TestHooksProxy: without nftables the keeper's relay is a proxy.
func TestHooksProxy(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world, l *lab, run func(string) *exec.Cmd) {
		policy := w.write(filepath.Join(w.dir, "policy.toml"), "version = 1\n[network]\nvia = \"proxy\"\n")
		const script = `for to in allowed.example:22 other.example:22; do
			exec 3<>/dev/tcp/198.18.0.1/1023; printf 'CONNECT %s HTTP/1.1\r\n\r\n' $to >&3; while IFS= read -r a <&3; do echo "$a"; case $a in lab*) break ;; esac; done; exec 3<&-; done
			(exec 3<>/dev/tcp/` + publicA + `/22) 2>/dev/null && echo reached; true`
		dir := w.bundle(nil, slices.Concat(filtered, []string{"--policy", policy, "--", "bash", "-c", script})...)
		r := finish(t, run(dir))
		if r.status != 0 || !strings.Contains(r.out, "200") || strings.Count(r.out, "lab "+publicA+":22") != 1 || !strings.Contains(r.out, " 403 ") || strings.Contains(r.out, "reached") {
			t.Error(r)
		}
		if got := l.caught(); !slices.Equal(got.Hits, []string{"tcp " + publicA + ":22"}) {
			t.Errorf("arrived: %q", got.Hits)
		}
	})
}

// TestHooksBroker: a bundle's broker takes its key from a file, adds it
// outside, and knows the service by the certificates that the jail has.
func TestHooksBroker(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world, l *lab, run func(string) *exec.Cmd) {
		const key = "KEY-OF-THE-HOOK-0123456789"
		file := w.write(filepath.Join(w.dir, "key"), key+"\n")
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		w.write(filepath.Join(w.home, ".config/jailed-claude/config.toml"), "version = 1\n[[broker]]\nname = \"x\"\nupstream = \"https://allowed.example\"\n"+
			"header = \"X-Key\"\nfrom = \"file:"+file+"\"\nenv = \"X_KEY\"\n")
		const script = `exec 3<>/dev/tcp/x.broker.internal/80; printf 'GET /page HTTP/1.1\r\nHost: x.broker.internal\r\nX-Key: %s\r\nConnection: close\r\n\r\n' "$X_KEY" >&3; cat <&3
			env; read -r line`
		dir := w.bundle(nil, "--net", "none", "--", "bash", "-c", script)
		c := run(dir)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		k := startTalk(t, c)
		k.says("HTTP/1.1 200 OK\r")
		keepers := processWith("_JAILED_CLAUDE_BUNDLE", dir)
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

// TestHooksDetached: a container that is created and started in two steps, and
// deleted when it has ended, has its network all the while.
func TestHooksDetached(t *testing.T) {
	t.Parallel()
	w, l := runLab(t)
	dir := w.bundle(nil, slices.Concat(filtered, []string{"--", "bash", "-c", "read -r x <go; exec 3<>/dev/tcp/allowed.example/22; head -n 1 <&3 >out"})...)
	if err := syscall.Mkfifo(filepath.Join(w.project, "go"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := w.takeTrace()
	id := filepath.Base(w.dir)
	runc := func(args ...string) {
		t.Helper()
		c := exec.Command(requireTool(t, "runc"), append([]string{"--root", w.dir + "/runc"}, args...)...)
		c.Dir, c.Env = w.dir, w.environ()
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		c.Stdin, c.Stdout, c.Stderr = null, null, null // the container has them as well
		l.enter(c)
		if err := c.Run(); err != nil {
			t.Fatalf("runc %s: %v", strings.Join(args, " "), err)
		}
	}
	runc("create", "--bundle", dir, id)
	runc("start", id)
	if n := len(processWith("_JAILED_CLAUDE_BUNDLE", dir)); n != 1 {
		t.Errorf("%d keepers", n)
	}
	w.write("go", "\n")
	for end := time.Now().Add(20 * time.Second); len(processWith("_JAILED_CLAUDE_BUNDLE", dir)) > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	runc("delete", id)
	if got := w.read("out"); !strings.HasPrefix(got, "lab "+publicA) {
		t.Errorf("it got %q", got)
	}
	w.sameTrace(before)
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
	timer := time.AfterFunc(deadline, func() { _ = c.Process.Kill(); _ = out.Close() })
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

// processWith finds the processes whose environment has a variable.
func processWith(name, value string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(text), "\x00"), name+"="+value) {
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
	underRuntimes(t, func(t *testing.T, w *world, l *lab, run func(string) *exec.Cmd) {
		dir := w.bundle(nil, slices.Concat(filtered, []string{"--port", "3000", "--", "bash", "-c", held})...)
		before := w.takeTrace()
		k := startTalk(t, run(dir))
		k.says("held x")
		keepers := processWith("_JAILED_CLAUDE_BUNDLE", dir)
		if len(keepers) != 1 {
			t.Fatalf("%d keepers: %v", len(keepers), keepers)
		}
		if !w.open(3000) {
			t.Error("the published port is not open")
		}
		// It is no jail of ours: ending what "list" shows ends the jail.
		if r := finish(t, w.command("list", "--json")); r.status != 0 || strings.Contains(r.out, w.dir) {
			t.Errorf("list shows the keeper: %s", r)
		}
		if err := syscall.Kill(keepers[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got := k.rest(); got != "cut\nend\n" {
			t.Errorf("after the keeper's death: %q %s", got, k.err.String())
		}
		if w.open(3000) {
			t.Error("the published port is still open")
		}
		w.sameTrace(before)
		w.onlyBundle(dir)
	})
}

// TestKeeperEndsWithTheContainer: also when the runtime is killed and calls no
// poststop hook.
func TestKeeperEndsWithTheContainer(t *testing.T) {
	t.Parallel()
	underRuntimes(t, func(t *testing.T, w *world, l *lab, run func(string) *exec.Cmd) {
		dir := w.bundle(nil, slices.Concat(filtered, []string{"--port", "3000", "--", "bash", "-c", held})...)
		k := startTalk(t, run(dir))
		k.says("held x")
		keepers := processWith("_JAILED_CLAUDE_BUNDLE", dir)
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
		for end := time.Now().Add(20 * time.Second); len(processWith("_JAILED_CLAUDE_BUNDLE", dir)) > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the keeper still runs")
			}
		}
		if w.open(3000) {
			t.Error("the published port is still open")
		}
		w.onlyBundle(dir)
	})
}

// open: something accepts a connection on the lab's 127.0.0.1.
func (w *world) open(port int) bool {
	w.t.Helper()
	c := exec.Command("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d", port))
	c.Env = w.environ()
	w.lab.enter(c)
	return finish(w.t, c).status == 0
}
