package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// build is a project in testdata/builds with what its users would type.
type build struct {
	name string
	// programs of the system that it takes.
	programs []string
	script   string
	// says are lines that only a project that was built and tested says.
	says []string
	// made is the file that it is about.
	made string
}

// builds are tried in a jail with everything that holds by default. They need
// no network: hack/e2e's TestTools has the registries.
var builds = []build{
	{
		"c",
		[]string{"make", "gcc"},
		// The sanitizers map terabytes, and find leaks by tracing themselves.
		`make -j2
		for s in address thread undefined; do cc -g -fsanitize=$s -pthread -o with-$s main.c static.c shared.c; ./with-$s | sed "s/^/$s: /"; done`,
		[]string{"c: 378", "address: c: 378", "thread: c: 378", "undefined: c: 378"},
		"program",
	},
	{
		"go",
		[]string{"gcc"}, // go itself: goRoot
		`go generate ./... && cat cmd/app/generated
		CGO_ENABLED=1 go build -o app ./cmd/app && ./app
		go test ./...`, // runs vet too
		[]string{"generated", "go: hello, world 42", "ok  \texample.org/project/greet", "ok  \texample.org/project/sum"},
		"app",
	},
	{
		"node",
		[]string{"node", "npm"},
		`npm install --no-audit --no-fund --no-update-notifier
		npm run build && cat built.txt
		npm test`,
		[]string{"node: postinstall ran", "pass 4", "fail 0"},
		"built.txt",
	},
	{
		"python",
		[]string{"python3", "gcc"},
		`python3 -m venv venv
		venv/bin/pip install --quiet --disable-pip-version-check --no-index .
		venv/bin/project
		cd tests && ../venv/bin/python -m unittest 2>&1`,
		[]string{"python: 42", "Ran 7 tests", "OK"},
		"venv/bin/project",
	},
	{
		"rust",
		[]string{"cargo", "rustc", "gcc"},
		`cargo build --offline && target/debug/app
		cargo test --offline`,
		[]string{"rust: built by build.rs 42", "test tests::threads ... ok", "test says_it ... ok", "test src/lib.rs - sum (line 11) ... ok"},
		"target/debug/app",
	},
}

// systemPath is where a jail with the host's programs looks for them.
const systemPath = "/usr/local/bin:/usr/bin:/bin"

// missing is what the build would need and the system has not.
func (b build) missing() string {
	for _, p := range b.programs {
		found := false
		for _, dir := range filepath.SplitList(systemPath) {
			fi, err := os.Stat(filepath.Join(dir, p))
			found = found || err == nil && fi.Mode()&0o111 != 0
		}
		if !found {
			return p
		}
	}
	if b.name == "go" && goRoot() == "" {
		return "go"
	}
	if b.name == "python" {
		c := exec.Command("/usr/bin/env", "PATH="+systemPath, "python3", "-m", "ensurepip", "--version")
		if c.Run() != nil {
			return "python3-venv"
		}
	}
	return ""
}

// goRoot is the installation of the Go on PATH, or nothing.
func goRoot() string {
	p, err := exec.LookPath("go")
	if err != nil {
		return ""
	}
	if p, err = filepath.EvalSymlinks(p); err != nil {
		return ""
	}
	return filepath.Dir(filepath.Dir(p))
}

// hostToolchain is the policy of a caller who builds with the system's
// programs, and with a Go that lies where the caller unpacked it. docs/policy.md
// has the like.
func hostToolchain(w *world.World) {
	w.T.Helper()
	path, read := systemPath, ""
	if root := goRoot(); root != "" {
		path = root + "/bin:" + path
		if !strings.HasPrefix(root, "/usr/") {
			read = `"` + root + `"`
		}
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", `version = 1
[agent]
package = "host"
[files]
read = [`+read+`]
[env]
set = { PATH = "`+path+`" }
`)
}

// sources lays out the files of a build.
func sources(w *world.World, b build, dir string) {
	w.T.Helper()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata/builds", b.name))); err != nil {
		w.T.Fatal(err)
	}
}

// patient is command without a deadline but the test binary's: a compiler on a
// machine under load takes minutes.
func patient(w *world.World, args ...string) *exec.Cmd {
	w.T.Helper()
	c := w.Command(args...)
	return &exec.Cmd{Path: c.Path, Args: c.Args, Dir: c.Dir, Env: c.Env, SysProcAttr: c.SysProcAttr, WaitDelay: c.WaitDelay}
}

// built checks what a build said, and that its result is there and the
// caller's.
func built(w *world.World, b build, dir, said string) {
	w.T.Helper()
	for _, want := range b.says {
		if !strings.Contains(said, want) {
			w.T.Errorf("%s does not say %q:\n%s", b.name, want, said)
		}
	}
	fi, err := os.Stat(filepath.Join(dir, b.made))
	if err != nil {
		w.T.Error(err)
	} else if owner := int(fi.Sys().(*syscall.Stat_t).Uid); owner != os.Getuid() {
		w.T.Errorf("%s is of the user %d, want %d", b.made, owner, os.Getuid())
	}
}

// warm gives the jails of the project a build cache with Go's own packages, if
// there is one. The project itself is in none.
func warm(w *world.World) {
	w.T.Helper()
	cache := os.Getenv("JAIL_TEST_GOCACHE")
	if cache == "" {
		return
	}
	// The first jail of a project makes what is kept for it.
	if r := world.Finish(w.T, w.Command("shell", "--", "true")); r.Status != 0 {
		w.T.Fatal(r)
	}
	if err := os.CopyFS(filepath.Join(w.State(), "cache/.cache/go-build"), os.DirFS(cache)); err != nil {
		w.T.Fatal(err)
	}
}

// TestBuilds: projects are built and tested in a jail as they are outside, with
// all that hardens it, in the default mode of the network. docs/security.md says
// what is proved here.
func TestBuilds(t *testing.T) {
	t.Parallel()
	for _, b := range builds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			if program := b.missing(); program != "" {
				world.Cannot(t, "the system has no %s", program)
			}
			w, _ := world.NewLab(t)
			hostToolchain(w)
			sources(w, b, w.Project)
			if b.name == "go" {
				warm(w)
			}
			r := world.Finish(t, patient(w, "shell", "--require", "seccomp,userns,net", "--", "bash", "-euo", "pipefail", "-c", b.script))
			if r.Status != 0 {
				t.Fatal(r)
			}
			built(w, b, w.Project, r.Out)
			// What a build leaves is nothing that the jail would warn about.
			if strings.Contains(r.Err, "jailed-claude: ") {
				t.Errorf("the jail had something to say: %s", r)
			}
		})
	}
}

// TestAgentBuilds: the Bash tool of the real agent does the same, in one turn.
// Only the quick ones: the jail is that of TestBuilds.
func TestAgentBuilds(t *testing.T) {
	t.Parallel()
	var todo []build
	var turns []map[string]any
	for _, b := range builds {
		if b.name == "go" || b.name == "python" {
			continue
		}
		if program := b.missing(); program != "" {
			world.Cannot(t, "the system has no %s", program)
		}
		todo = append(todo, b)
		// A subshell: the tool stays in the folder that a command changed to.
		turns = append(turns, map[string]any{"tools": []any{map[string]any{"name": "Bash", "input": map[string]any{
			"description": "Build", "command": "(cd " + b.name + " && bash -euo pipefail build.sh >said 2>&1)",
		}}}})
	}
	claude := world.RequireNix(t, world.RequireVariable(t, "CLAUDE"))
	w, _, _, _ := world.Brokered(t, append(turns, map[string]any{"text": "it is built"}))
	hostToolchain(w)
	// The agent is in a store, the toolchain is the host's all the same.
	w.Env["PATH"] = claude + "/bin:" + w.Env["PATH"]
	w.Env["NIX_CONF_DIR"] = os.Getenv("NIX_CONF_DIR")
	for _, b := range todo {
		dir := filepath.Join(w.Project, b.name)
		sources(w, b, dir)
		w.Write(dir+"/build.sh", b.script)
	}
	r := world.Finish(t, patient(w, "run", "--require", "seccomp,userns,net", "--", "-p", "build it", "--dangerously-skip-permissions"))
	if r.Status != 0 || !strings.Contains(r.Out, "it is built") {
		t.Fatalf("%s\nlog: %s", r, w.SessionLog())
	}
	for _, b := range todo {
		dir := filepath.Join(w.Project, b.name)
		built(w, b, dir, w.Read(dir+"/said"))
	}
}
