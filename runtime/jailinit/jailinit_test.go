package jailinit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// command starts this test binary as PID 1 would be started: its constructor
// looks at argv[0] alone. Nothing here needs a PID namespace.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Args = append([]string{contract.InitPath}, args...)
	c.Env = []string{"PATH=/usr/bin:/bin"}
	return c
}

func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	c := command(t, args...)
	var out, msg bytes.Buffer
	c.Stdout, c.Stderr = &out, &msg
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), msg.String()
}

func TestExitStatus(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	script := filepath.Join(dir, "script")
	for name, content := range map[string]string{text: "no program\n", script: "#!/no/such/interpreter\n"} {
		if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "second")
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.Symlink("/no/such/python3", second), os.Symlink("second", link)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, message string
		args          []string
		want          int
	}{
		{"a link that leads out", link + " leads to /no/such/python3, which is not in the jail\n", []string{"--", link}, 127},
		{"success", "", []string{"--", "true"}, 0},
		{"own status", "", []string{"--", "sh", "-c", "exit 77"}, 77},
		{"signal", "", []string{"--", "sh", "-c", "kill -TERM $$"}, 128 + 15},
		{"not found on PATH", "not found in the jail", []string{"--", "no-such-program"}, 127},
		{"not found by path", "not found in the jail", []string{"--", "/no/such/program"}, 127},
		{"not executable", "Permission denied", []string{"--", plain}, 126},
		{"no program", "Exec format error", []string{"--", text}, 126},
		{"missing interpreter", "its interpreter /no/such/interpreter is not in the jail\n", []string{"--", script}, 126},
		{"a folder", "Permission denied", []string{"--", dir}, 126},
		{"unknown flag", "unknown flag", []string{"--surprise", "--", "true"}, 125},
		{"not a number", "wants a number", []string{"--uid=x", "--gid=1", "--", "true"}, 125},
		{"a negative number", "wants a number", []string{"--control-fd=-1", "--", "true"}, 125},
		{"uid without gid", "usage", []string{"--uid=1", "--", "true"}, 125},
		{"no program at all", "usage", []string{"--"}, 125},
		{"a descriptor that is not open", "seccomp", []string{"--seccomp-fd=99", "--", "true"}, 125},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, stderr := run(t, tt.args...)
			if status != tt.want || !strings.Contains(stderr, tt.message) {
				t.Errorf("status %d, stderr %q; want %d and %q", status, stderr, tt.want, tt.message)
			}
		})
	}
}

// TestNamespacesAreForbidden tries every namespace by unshare(2); e2e tests
// try clone, clone3 and setns in a whole jail.
func TestNamespacesAreForbidden(t *testing.T) {
	for _, flag := range []string{"-U", "-Ur", "-Um", "-Un", "-Up", "-Ui", "-Uu", "-UC", "-UT"} {
		status, _, stderr := run(t, "--", "unshare", flag, "true")
		if status == 0 || !strings.Contains(stderr, "Operation not permitted") {
			t.Errorf("unshare %s: status %d, %q", flag, status, stderr)
		}
	}
	// With --nesting the filter is not there: what refuses then, if anything,
	// is the host.
	if _, out, _ := run(t, "--nesting", "--", "grep", "Seccomp_filters", "/proc/self/status"); !strings.Contains(out, "\t"+hostFilters(t)) {
		t.Errorf("with --nesting: %q", out)
	}
}

// hostFilters is the number of filters that the test itself runs under.
func hostFilters(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "Seccomp_filters:\t"); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatal("this kernel does not show Seccomp_filters (since 5.9)")
	return ""
}

func TestNoPrivilege(t *testing.T) {
	_, out, _ := run(t, "--", "cat", "/proc/self/status")
	for _, want := range []string{
		"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapInh:\t0000000000000000",
		"CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s does not hold in:\n%s", want, out)
		}
	}
}

// TestDescriptors: what leaks into PID 1 does not reach the agent.
func TestDescriptors(t *testing.T) {
	c := command(t, "--", "ls", "/proc/self/fd")
	for range 5 {
		f, err := os.Open("/")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c.ExtraFiles = append(c.ExtraFiles, f)
	}
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	// The fourth is of ls itself, for the folder.
	if got := strings.Fields(string(out)); len(got) != 4 {
		t.Errorf("descriptors of the agent: %v", got)
	}
}

// TestNoFolderCrosses: a standard descriptor may be one of the caller's folders.
func TestNoFolderCrosses(t *testing.T) {
	c := command(t, "--", "ls", "/proc/self/fd/0/")
	folder, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	var out, msg bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = folder, &out, &msg
	if err := c.Run(); err == nil || out.Len() > 0 || c.ProcessState.ExitCode() != 125 || !strings.Contains(msg.String(), "descriptor 0 is a folder") {
		t.Errorf("%v, %q, %q", err, out.String(), msg.String())
	}
}

// TestStdio: a descriptor that is named takes the place of a standard one.
func TestStdio(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := command(t, "--stderr-fd=3", "--", "sh", "-c", "echo out; echo err >&2")
	c.ExtraFiles = []*os.File{w}
	out, err := c.Output()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	msg, err := io.ReadAll(r)
	if err != nil || string(out) != "out\n" || string(msg) != "err\n" {
		t.Errorf("stdout %q, descriptor 3 %q, %v", out, msg, err)
	}
}

// TestPipesAreLetGo: a reader sees the end when the agent closes its output,
// not when the jail ends.
func TestPipesAreLetGo(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := command(t, "--", "sh", "-c", "echo done; exec >/dev/null; sleep 60")
	c.Stdout = w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(r); err != nil || string(out) != "done\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestSignalsAreForwarded(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2} {
		t.Run(sig.String(), func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			c := command(t, "--", "sh", "-c", fmt.Sprintf("trap 'exit 42' %d; echo up; while :; do sleep 0.05; done", int(sig)))
			c.Stdout = w
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			expect(t, r, "u") // the trap is set
			if err := c.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if c.ProcessState.ExitCode() != 42 {
				t.Errorf("status %v", c.ProcessState)
			}
		})
	}
}

// TestLimitsOfOtherRuntimes: without a supervisor, PID 1 takes core files away
// and bounds open files, whatever it was started with.
func TestLimitsOfOtherRuntimes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ before, want string }{
		{"ulimit -n 300", "300 300 0 0"},
		{"ulimit -Sn 100; ulimit -Hn 400; ulimit -c 0", "400 400 0 0"},
		{"ulimit -Hn", "at most"},
	} {
		c := exec.Command("bash", "-c", tt.before+` >/dev/null; exec -a "$1" "$0" -- bash -c 'echo $(ulimit -Sn) $(ulimit -Hn) $(ulimit -Sc) $(ulimit -Hc); ulimit -Hn 100000 2>/dev/null && echo raised'`, self, contract.InitPath)
		out, _ := c.Output() // the last command fails where nothing can be raised
		var soft, hard, softCore, hardCore int
		if _, err := fmt.Sscan(string(out), &soft, &hard, &softCore, &hardCore); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		got := fmt.Sprint(soft, " ", hard, " ", softCore, " ", hardCore)
		if tt.want == "at most" {
			tt.want = fmt.Sprint(hard, " ", min(hard, 65536), " 0 0")
		}
		if got != tt.want {
			t.Errorf("after %q: %s, not %s", tt.before, got, tt.want)
		}
		if strings.Contains(string(out), "raised") {
			t.Errorf("after %q the limit can be raised", tt.before)
		}
	}
}

// TestProfileOfAnImage: PID 1 loads the profile that lies in the root file system,
// and runs nothing where it cannot be read. Where none is, as in a bundle, that of the
// runtime is all.
func TestProfileOfAnImage(t *testing.T) {
	if err := exec.Command("unshare", "-Urm", "true").Run(); err != nil {
		t.Skip("no user namespace: ", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var prog bytes.Buffer
	for _, f := range []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_GETPRIORITY, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x00050000 | uint32(unix.EXDEV)},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000},
	} {
		if err := binary.Write(&prog, binary.NativeEndian, f); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		profile []byte
		status  int
		says    string
	}{
		"none":    {nil, 0, "reads"},
		"one":     {prog.Bytes(), 0, "refused"},
		"damaged": {prog.Bytes()[:7], 125, "seccomp profile"},
		"empty":   {[]byte{}, 125, "seccomp profile"},
		"unread":  {nil, 125, "seccomp.bpf"},
	} {
		root := t.TempDir()
		if name == "unread" {
			if err := os.Symlink("seccomp.bpf", filepath.Join(root, "profile")); err != nil {
				t.Fatal(err)
			}
		}
		if c.profile != nil {
			if err := os.WriteFile(filepath.Join(root, "profile"), c.profile, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// A root of its own, since the path of the profile is fixed.
		const script = `set -e; cd "$0"; mount -t tmpfs x /mnt; mkdir /mnt/.jail; ls profile >/dev/null 2>&1 && cp -P profile /mnt/.jail/seccomp.bpf
for d in usr bin lib lib64 proc; do mkdir /mnt/$d; mount --rbind /$d /mnt/$d; done
touch /mnt/.jail/init; mount --bind "$1" /mnt/.jail/init; shift; exec chroot /mnt /.jail/init -- "$@"`
		p := exec.Command("unshare", "-Urm", "bash", "-c", script, root, self, "bash", "-c",
			`nice && echo reads || echo refused`)
		out, err := p.CombinedOutput()
		if got := p.ProcessState.ExitCode(); got != c.status || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: status %d, %v: %s", name, got, err, out)
		}
	}
}
