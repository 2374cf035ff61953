package privilege

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// sandbox is one that an agent may have of its own.
const sandbox = `bwrap --unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --die-with-parent --new-session --ro-bind / / --tmpfs /tmp --dev /dev --bind /proc /proc --cap-drop ALL -- `

// TestNesting: bubblewrap runs where the policy lets it, and nowhere else; with
// it come no other rights.
func TestNesting(t *testing.T) {
	t.Parallel()
	world.RequireTool(t, "bwrap")
	w := world.New(t)
	if os.Getuid() == 0 {
		r := world.Finish(t, w.Command("shell", "--package", "host", "--policy="+w.NestingPolicy(""), "--", "true"))
		if r.Status != 125 || !strings.Contains(r.Err, "the kernel lets uid 0 map no user namespace") {
			t.Error(r)
		}
		return
	}
	shell := func(script string, flags ...string) world.Result {
		t.Helper()
		return world.Finish(t, w.Command(append(append([]string{"shell", "--package", "host", "--net", "none"}, flags...), "--", "bash", "-c", script)...))
	}
	policy := "--policy=" + w.NestingPolicy("")
	const script = sandbox + `bash -c 'touch /etc/x ~/x 2>/dev/null || echo sealed; ls /tmp; id -u'`
	if r := shell(script); r.Status == 0 || !strings.Contains(r.Err, "this jail gives nobody namespaces") {
		t.Errorf("without nesting: %s", r)
	}
	// The real one, by its path, says that the kernel is to blame.
	if r := shell("PATH=${PATH#*:}; bwrap --version | grep -c bubblewrap; " + script); r.Status == 0 || r.Out != "1\n" || !strings.Contains(r.Err, "No permissions to create new namespace") {
		t.Errorf("without nesting, not by the one in front: %s", r)
	}
	if r := shell("bwrap --version"); r.Status != 0 || !strings.HasPrefix(r.Out, "bubblewrap ") {
		t.Errorf("its version: %s", r)
	}
	if r := shell(script, policy); r.Status != 0 || r.Out != "sealed\n"+world.Itoa(os.Getuid())+"\n" {
		t.Errorf("with nesting: %s", r)
	}
	if r := shell("true", policy, "--require", "userns"); r.Status != 125 || !strings.Contains(r.Err, "--require userns: it does not hold") {
		t.Errorf("--require userns: %s", r)
	}
	// Chromium's sandbox ends with a chroot.
	const chroot = `unshare -Ur chroot /usr /bin/true && chroot /usr /bin/true || echo refused`
	if r := shell(chroot, policy); r.Status != 0 || r.Out != "refused\n" {
		t.Errorf("chroot with nesting: %s", r)
	}
	if r := shell(`unshare -Ur chroot /usr /bin/true || echo refused`, policy); strings.Contains(r.Out, "refused") {
		t.Errorf("chroot in a namespace of one's own: %s", r)
	}
	// What a namespace of one's own must not give.
	for name, try := range map[string]string{
		"a cgroup namespace":   `unshare -UrC true`,
		"a time namespace":     `unshare -UrT true`,
		"the cgroups":          `mkdir /tmp/c && unshare -Urm mount -t cgroup2 x /tmp/c`,
		"a proc of its own":    `mkdir /tmp/p && unshare -Urmpf mount -t proc x /tmp/p`,
		"sysctl":               `unshare -Urn sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'`,
		"what is masked":       `unshare -Urm sh -c 'umount /proc/keys || umount -l /proc/keys'`,
		"what is read-only":    `unshare -Urm mount -o remount,bind,rw /etc`,
		"the root, read-write": `unshare -Urm mount -o remount,bind,rw /`,
		"protected":            `unshare -Urm umount .git/hooks || unshare -Urm mount -o remount,bind,rw .git/hooks || unshare -Urm mv .git/hooks x`,
		"a disk":               `unshare -Urm mknod /tmp/disk b 254 0`,
		"nf_tables":            `unshare -Urn python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)'`,
		"packets":              `unshare -Urn python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'`,
		"another namespace":    `nsenter -t 1 -U true || nsenter -t 1 -m true`,
	} {
		if r := shell(try+" 2>/dev/null && echo through; true", policy); r.Status != 0 || strings.Contains(r.Out, "through") {
			t.Errorf("%s: %s", name, r)
		}
	}
	r := world.Finish(t, w.Command("explain", "--package", "host", policy))
	if !strings.Contains(r.Out, "namespaces") || !strings.Contains(r.Out, "can replace what is protected") {
		t.Errorf("explain does not say it: %s", r)
	}
}

// wayAround moves what mounts hold out of their way, from a mount namespace without
// them, and moves it back. It is what identity.nesting gives away.
const wayAround = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def ok(r, what):
    if r != 0: sys.exit(what + ": " + os.strerror(ctypes.get_errno()))
name = sys.argv[1]
project = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
sub = os.getcwd() + "/sub"
uid, gid = os.getuid(), os.getgid()
ok(libc.unshare(0x10020000), "unshare")
for f, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
    with open("/proc/self/" + f, "w") as o: o.write(text)
ok(libc.mount(b"none", b"/", None, 0x44000, None), "private")
ok(libc.mount(b"x", b"/tmp", b"tmpfs", 0, None), "tmpfs")
os.mkdir("/tmp/old"); os.mkdir("/tmp/sub")
ok(libc.mount(sub.encode(), b"/tmp/sub", None, 4096, None), "bind")
os.chdir("/tmp")
ok(libc.syscall({"x86_64": 155, "aarch64": 41}[os.uname().machine], b".", b"old"), "pivot_root")
ok(libc.umount2(b"/old", 2), "umount")
os.rename(name, "sub/moved", src_dir_fd=project, dst_dir_fd=project)
with open("/sub/moved/hooks/evil", "w") as o: o.write("evil")
os.rename("sub/moved", name, src_dir_fd=project, dst_dir_fd=project)
`

// TestNestingGivesAway: what the documentation says. A protected path can be
// changed from a namespace of the agent's own; that is told when the jail ends,
// and with a read-only project it is impossible.
func TestNestingGivesAway(t *testing.T) {
	t.Parallel()
	world.RequireNesting(t)
	world.RequireTool(t, "python3")
	w := world.New(t)
	w.Mkdir(filepath.Join(w.Project, "sub"), 0o755)
	script := w.Write(filepath.Join(w.Project, "escape.py"), wayAround)
	evil := filepath.Join(w.Project, ".git/hooks/evil")
	try := func(flags ...string) world.Result {
		t.Helper()
		return world.Finish(t, w.Command(append(append([]string{"shell", "--package", "host", "--net", "none"}, flags...), "--", "python3", script, ".git")...))
	}
	if r := try(); r.Status == 0 || !strings.Contains(r.Err, "unshare: Operation not permitted") {
		t.Errorf("without nesting: %s", r)
	}
	if r := try("--policy=" + w.NestingPolicy("[files]\nproject = \"ro\"\n")); r.Status == 0 || !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("with a read-only project: %s", r)
	}
	if _, err := os.Stat(evil); err == nil {
		t.Fatal("a hook was made")
	}
	r := try("--policy=" + w.NestingPolicy(""))
	if _, err := os.Stat(evil); r.Status != 0 || err != nil {
		t.Errorf("it does not work any more, and the documentation should not say so: %v, %s", err, r)
	}
	if want := strconv.Quote(filepath.Join(w.Project, ".git/hooks")) + ": protected, and changed while the jail ran"; !strings.Contains(r.Err, want) {
		t.Errorf("nobody is told %q: %s", want, r)
	}
	r = world.Finish(t, w.Command("shell", "--package", "host", "--net", "none", "--policy="+w.NestingPolicy("[files]\nhide = [\".env\"]\n"), "--", "true"))
	if r.Status != 125 || !strings.Contains(r.Err, "files.hide in a project that can be written") {
		t.Errorf("hidden files: %s", r)
	}
}

// TestNestingForTheAgent: the real Claude Code runs a command in a sandbox of
// its own, where the policy lets it; elsewhere its Bash tool says what to do. By
// whichever of its settings the sandbox is asked for.
func TestNestingForTheAgent(t *testing.T) {
	t.Parallel()
	world.RequireTool(t, "bwrap")
	world.RequireTool(t, "socat")
	settings, err := json.Marshal(map[string]any{"sandbox": map[string]any{
		"enabled": true, "failIfUnavailable": true, "allowUnsandboxedCommands": false, "autoAllowBashIfSandboxed": true,
		// /proc is masked, so nobody in the jail can mount another one.
		"enableWeakerNestedSandbox": true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]func(*world.World) string{
		"project": func(w *world.World) string { return filepath.Join(w.Project, ".claude/settings.json") },
		"local":   func(w *world.World) string { return filepath.Join(w.Project, ".claude/settings.local.json") },
		"user":    func(w *world.World) string { return w.Private("settings.json") },
	}
	for _, from := range []string{"arguments", "project", "local", "user"} {
		for name, nesting := range map[string]bool{"with nesting": true, "without": false} {
			t.Run(from+" "+name, func(t *testing.T) {
				t.Parallel()
				if nesting {
					world.RequireNesting(t)
				}
				w := world.New(t)
				more := "[nix]\nstore = \"full\"\n"
				policy := w.Write(w.Dir+"/plain.toml", "version = 1\n"+more)
				if nesting {
					policy = w.NestingPolicy(more)
				}
				var args []string
				if file := files[from]; file == nil {
					args = append(args, "--settings", string(settings))
				} else {
					w.Write(file(w), string(settings))
				}
				r, answer, log := sandboxed(w, args, "--package", "host", "--policy", policy)
				// To root, Claude Code says it when it starts.
				all := r.Out + r.Err + log
				switch {
				case !nesting && strings.Contains(all, "ran=42"):
					t.Errorf("a command ran, and in no sandbox: %s", r)
				case !nesting && (!strings.Contains(all, "this jail gives nobody namespaces (jailed-claude)") || !strings.Contains(strings.ReplaceAll(all, `\`, ""), `--settings '{"sandbox":{"enabled":false}}'`)):
					t.Errorf("nothing says what to do: %s", r)
				case nesting && (r.Status != 0 || !strings.Contains(all, "ran=42") || !strings.Contains(all, "Read-only file system") || !strings.Contains(answer, "made")):
					t.Errorf("%s\nrequests:\n%.3000s", r, log)
				}
				if nesting {
					return
				}
				// What it says to do does it.
				r, answer, log = sandboxed(w, []string{"--settings", `{"sandbox":{"enabled":false}}`}, "--package", "host", "--policy", policy)
				if r.Status != 0 || !strings.Contains(answer, "ran=42") {
					t.Errorf("%s\nrequests:\n%.3000s", r, log)
				}
			})
		}
	}
}

// sandboxed has the real Claude Code run a command that writes into its home and
// the project, and returns what it answered and the requests.
func sandboxed(w *world.World, args []string, flags ...string) (r world.Result, answer, log string) {
	w.T.Helper()
	url, log := w.FakeAPI([]map[string]any{
		{"text": "Let me look.", "tools": []map[string]any{{"name": "Bash", "input": map[string]any{
			"description": "Look",
			"command":     `echo "ran=$((40+2))"; touch ~/x 2>&1; echo made >made && cat made; grep -c : /proc/net/dev`,
		}}}},
		{"text": "SECOND <<{{tool_result}}>>"},
	})
	all := append([]string{"shell", "--net", "host"}, flags...)
	for _, e := range []string{
		"ANTHROPIC_BASE_URL=" + url, "ANTHROPIC_API_KEY=" + world.Placeholder, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
		"DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1", "CLAUDE_CODE_MAX_RETRIES=1",
	} {
		all = append(all, "--env", e)
	}
	all = append(all, "--", world.RequireVariable(w.T, "CLAUDE")+"/bin/claude", "-p", "look around", "--output-format", "json", "--dangerously-skip-permissions")
	r = world.Finish(w.T, w.Command(append(all, args...)...))
	var said struct {
		Result string `json:"result"`
	}
	_ = json.Unmarshal([]byte(r.Out), &said)
	return r, said.Result, w.Read(log)
}

// TestNoContainers: podman and buildah, which want more than a jail has with nesting,
// too, say so, and how to log in at a registry instead.
func TestNoContainers(t *testing.T) {
	t.Parallel()
	world.RequireTool(t, "podman")
	w := world.New(t)
	policies := []string{"--policy=none"}
	if os.Getuid() != 0 { // root has no nesting
		policies = append(policies, "--policy="+w.NestingPolicy(""))
	}
	for _, policy := range policies {
		r := world.Finish(t, w.Command("shell", "--package", "host", "--net", "none", policy, "--", "bash", "-c", "podman --version; podman login -u ada -p x registry.example"))
		if r.Status != 125 || !strings.HasPrefix(r.Out, "podman version ") || !strings.Contains(r.Err, "skopeo login REGISTRY") {
			t.Errorf("%s: %s", policy, r)
		}
	}
}
