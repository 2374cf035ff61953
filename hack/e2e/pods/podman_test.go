package pods

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// image is what podman calls the one that it loaded.
const image = "localhost/agent:1"

// engine is a podman with a storage of its own, in a world.
type engine struct {
	w *world.World
	// runtime is the OCI runtime that podman starts.
	runtime string
	// profiles are the seccomp profiles of the node.
	profiles string
}

// newEngine has podman load an image whose agent is bash.
func newEngine(t *testing.T) *engine {
	t.Helper()
	if os.Getuid() == 0 {
		t.Skip("podman has the agent be its caller (--userns=keep-id) only where that is not root: the run as an ordinary user tries this")
	}
	w := world.New(t)
	e := &engine{w: w, runtime: world.RequireTool(t, "runc"), profiles: filepath.Join(w.Dir, "profiles")}
	world.RequireTool(t, "podman")
	world.RequireTool(t, "newuidmap")
	w.Mkdir(e.profiles, 0o755)
	// By this name it looks for further ids.
	w.Env["USER"] = os.Getenv("USER")
	ids, err := os.ReadFile("/etc/subuid")
	if err != nil || !regexp.MustCompile(`(?m)^(`+regexp.QuoteMeta(w.Env["USER"])+`|`+strconv.Itoa(os.Getuid())+`):`).Match(ids) {
		world.Cannot(t, "podman without root needs further ids, and this user has none in /etc/subuid: %v", err)
	}
	t.Cleanup(e.remove)
	archive := w.Dir + "/agent.tar"
	c := w.Command("image", "--package", bash(t), "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--policy", "none", "--compression", "none", "-")
	file, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout = file
	if r := world.Finish(t, c); r.Status != 0 {
		t.Fatal(r)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	said := e.must("load", "--quiet", "--input", archive)
	name := strings.TrimSpace(said[strings.LastIndex(said, " ")+1:])
	e.must("tag", name, image)
	return e
}

// bash is the agent.
func bash(t *testing.T) string { return world.RequireVariable(t, "BASE") + "/bin/bash" }

// podman is one command of it. No cgroups: its caller may have none.
func (e *engine) podman(args ...string) world.Result {
	e.w.T.Helper()
	c := exec.Command("podman", append([]string{"--cgroup-manager=cgroupfs", "--storage-driver=vfs", "--runtime", e.runtime}, args...)...)
	c.Dir, c.Env = e.w.Dir, e.w.Environ()
	return world.Finish(e.w.T, c)
}

func (e *engine) must(args ...string) string {
	e.w.T.Helper()
	r := e.podman(args...)
	if r.Status != 0 {
		e.w.T.Fatalf("podman %s: %s", strings.Join(args, " "), r)
	}
	return r.Out
}

// remove takes away what only podman's users can, and the process that keeps
// their ids.
func (e *engine) remove() {
	e.podman("pod", "rm", "--all", "--force")
	e.podman("unshare", "rm", "-rf", filepath.Join(e.w.Home, ".local/share/containers"))
	text, err := os.ReadFile(filepath.Join(e.w.Env["XDG_RUNTIME_DIR"], "libpod/tmp/pause.pid"))
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// export writes a Pod of the project that runs a script, and puts its seccomp
// profile where the engine looks.
func (e *engine) export(name, script string, flags ...string) string {
	e.w.T.Helper()
	t := e.w.T
	profile := filepath.Join(e.w.Dir, name+".profile")
	r := e.w.Run(append(append([]string{
		"export", "pod", "--package", bash(t), "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--policy", "none", "--image", image,
		"--engine", "podman", "--net", "none", "--hide", ".env", "--hide", "secrets/", "--name", name, "--seccomp", profile,
	}, flags...), "--", "-c", script)...)
	if r.Status != 0 {
		t.Fatal(r)
	}
	there := regexp.MustCompile(`seccomp.security.alpha.kubernetes.io/pod": "localhost/([^"]*)"`).FindStringSubmatch(r.Out)
	if there == nil {
		t.Fatalf("podman has no profile: %s", r)
	}
	if err := os.Rename(profile, filepath.Join(e.profiles, there[1])); err != nil {
		t.Fatal(err)
	}
	return e.w.Write(filepath.Join(e.w.Dir, name+".yaml"), r.Out)
}

// play runs a Pod to its end.
func (e *engine) play(file, name string) world.Result {
	e.w.T.Helper()
	id := strconv.Itoa(1000)
	e.must("kube", "play", "--userns=keep-id:uid="+id+",gid="+id, "--network", "none", "--seccomp-profile-root", e.profiles, file)
	status, err := strconv.Atoi(strings.TrimSpace(e.must("wait", name+"-agent")))
	if err != nil {
		e.w.T.Fatal(err)
	}
	r := e.podman("logs", name+"-agent")
	r.Status = status
	e.must("kube", "down", file)
	return r
}

// attack tries what no form lets through; it has bash and coreutils.
const attack = `exec 3>&2 2>/dev/null
id -u; pwd; cat .env; ls secrets
for f in .git/config .mcp.json .git/hooks/new; do echo x >>$f || echo kept; done
mv .git x || echo kept; touch /x || echo kept
while read -r k v; do case $k in CapBnd:|NoNewPrivs:|Seccomp_filters:) echo $v;; esac; done </proc/self/status
set -- /nix/store/*; echo $#
(exec 4<>/dev/tcp/93.184.216.34/443) && echo reached
echo y >new; echo >.envrc; exit 7`

// held is what it prints. There are three filters: the engine's, the profile of the
// jail, which PID 1 of an image and our runtime load, and the one after it.
func held(t *testing.T) string {
	return fmt.Sprintf("1000\n/home/agent/project\n%s0000000000000000\n1\n3\n%d\n", strings.Repeat("kept\n", 5), len(world.Closure(t, "BASE")))
}

// TestPodsUnderPodman: both forms of a project's Pod run under podman kube play,
// and hold there.
func TestPodsUnderPodman(t *testing.T) {
	e := newEngine(t)
	w := e.w
	w.Write(".mcp.json", "{}")
	w.CommitAll()
	w.Write(".env", world.Planted)
	w.Write("secrets/key", world.Planted)
	for _, form := range []string{"plain", "own"} {
		file := e.export(form, attack, "--form", form)
		if form == "own" {
			e.withProcMount()
		}
		r := e.play(file, form)
		if want := held(t); r.Out != want || r.Status != 7 {
			t.Errorf("%s: wanted %q and status 7\n%s", form, want, r)
		}
		if strings.Contains(r.String(), world.Planted) {
			t.Errorf("%s: a hidden file was read", form)
		}
		if w.Read("new") != "y\n" || w.Read(".env") != world.Planted || w.Read("secrets/key") != world.Planted || w.Read(".mcp.json") != "{}" {
			t.Errorf("%s: the project is not what it was:\n%s", form, w.Status())
		}
		if form == "own" && !strings.Contains(r.Err, `/home/agent/project/.envrc": direnv`) {
			t.Errorf("what appeared is not reported: %s", r)
		}
		for _, name := range []string{"new", ".envrc"} {
			if err := os.Remove(filepath.Join(w.Project, name)); err != nil {
				t.Error(err)
			}
		}
	}
}

// withProcMount has the engine read procMount, which podman does since 4.7: an
// older one gets a runtime around its own that does it.
func (e *engine) withProcMount() {
	t := e.w.T
	var major, minor int
	if _, err := fmt.Sscanf(e.must("--version"), "podman version %d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	if major > 4 || major == 4 && minor >= 7 {
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec env %s=unmask '%s' '%s' \"$@\"\n", world.PartEnv, self, e.runtime)
	e.runtime = e.w.Write(filepath.Join(e.w.Dir, "runtime"), script)
	if err := os.Chmod(e.runtime, 0o755); err != nil {
		t.Fatal(err)
	}
}

// unmask is the part of a runtime that masks nothing in /proc for our own in a
// Pod, which is what procMount: Unmasked says.
//
// Arguments: the runtime, and its own.
func unmask(args []string) int {
	for i, a := range args {
		if a != "--bundle" || i+1 == len(args) {
			continue
		}
		name := filepath.Join(args[i+1], "config.json")
		text, err := os.ReadFile(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if !bytes.Contains(text, []byte(`"/usr/bin/jailed-claude"`)) {
			continue
		}
		var config map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if linux, ok := config["linux"].(map[string]any); ok {
			delete(linux, "maskedPaths")
			delete(linux, "readonlyPaths")
		}
		if text, err = json.Marshal(config); err == nil {
			err = os.WriteFile(name, text, 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	_ = os.Unsetenv(world.PartEnv)
	fmt.Fprintln(os.Stderr, syscall.Exec(args[0], args, os.Environ()))
	return 1
}
