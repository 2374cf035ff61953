package world

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// RunInLab are runtimes that run a bundle in a lab.
var RunInLab = map[string]func(w *World, bundle, id string) *exec.Cmd{
	"runc": func(w *World, bundle, id string) *exec.Cmd {
		c := exec.Command(RequireTool(w.T, "runc"), "--root", w.Dir+"/runc", "run", "--bundle", bundle, id)
		c.Dir, c.Env = w.Dir, w.Environ()
		w.Lab.Enter(c)
		return c
	},
	"crun": func(w *World, bundle, id string) *exec.Cmd {
		// As withCgroup2 wants it, within the lab.
		unshare := []string{"--mount", "--cgroup", "--"}
		if os.Getuid() != 0 {
			unshare = append([]string{"--user", "--keep-caps", "--map-user=" + Itoa(os.Getuid()), "--map-group=" + Itoa(os.Getgid())}, unshare...)
		}
		self, err := os.Executable()
		if err != nil {
			w.T.Fatal(err)
		}
		args := append(unshare, self, RequireTool(w.T, "crun"), "--root", w.Dir+"/crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, id)
		c := exec.Command(RequireTool(w.T, "unshare"), args...)
		c.Dir, c.Env = w.Dir, append(w.Environ(), PartEnv+"=cgroup2")
		w.Lab.enterAsRoot(c)
		return c
	},
}

// Crun is a command that calls crun where it works, on hosts with cgroups of both
// versions too.
func Crun(args ...string) *exec.Cmd {
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
		return exec.Command("crun", args...)
	}
	unshare := []string{"--mount", "--cgroup", "--"}
	if os.Getuid() != 0 {
		unshare = append([]string{"--user", "--keep-caps", "--map-user=" + Itoa(os.Getuid()), "--map-group=" + Itoa(os.Getgid())}, unshare...)
	}
	self, _ := os.Executable()
	c := exec.Command("unshare", slices.Concat(unshare, []string{self, "crun"}, args)...)
	c.Env = []string{PartEnv + "=cgroup2"}
	return c
}

// Runtimes run a bundle, each under a name of its own.
func (w *World) Runtimes() map[string]func(bundle string) Result {
	w.T.Helper()
	n := 0
	id := func() string { n++; return fmt.Sprintf("%s-%d", filepath.Base(w.Dir), n) }
	return map[string]func(string) Result{
		"runc": func(bundle string) Result {
			c := exec.Command(RequireTool(w.T, "runc"), "--root", w.Dir+"/runc", "run", "--bundle", bundle, id())
			c.Dir, c.Env = w.Dir, w.Environ()
			return Finish(w.T, c)
		},
		"crun": func(bundle string) Result {
			args := []string{RequireTool(w.T, "crun"), "--root", w.Dir + "/crun", "--cgroup-manager=disabled", "run", "--bundle", bundle, id()}
			var st unix.Statfs_t
			if err := unix.Statfs("/sys/fs/cgroup", &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
				c := exec.Command(args[0], args[1:]...)
				c.Dir, c.Env = w.Dir, w.Environ()
				return Finish(w.T, c)
			}
			return Finish(w.T, w.Privileged("cgroup2", unix.CAP_SYS_ADMIN, unix.CLONE_NEWNS|unix.CLONE_NEWCGROUP, args))
		},
	}
}

// Bundle writes a bundle that runs a program, and changes its configuration.
func (w *World) Bundle(edit func(*specs.Spec), args ...string) (dir string) {
	w.T.Helper()
	dir, err := os.MkdirTemp(w.Dir, "b")
	if err != nil {
		w.T.Fatal(err)
	}
	i := slices.Index(args, "--")
	all := slices.Concat([]string{"bundle", "--closure", RequireVariable(w.T, "BASE_CLOSURE")}, args[:i], []string{dir}, args[i:])
	if r := Finish(w.T, w.Command(all...)); r.Status != 0 {
		w.T.Fatal(r)
	}
	if edit == nil {
		return dir
	}
	file := filepath.Join(dir, "config.json")
	s := new(specs.Spec)
	if err := json.Unmarshal([]byte(w.Read(file)), s); err != nil {
		w.T.Fatal(err)
	}
	edit(s)
	text, err := json.Marshal(s)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Write(file, string(text))
	return dir
}

// Open reports whether something accepts a connection on the lab's 127.0.0.1.
func (w *World) Open(port int) bool {
	w.T.Helper()
	c := exec.Command("bash", "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d", port))
	c.Env = w.Environ()
	w.Lab.Enter(c)
	return Finish(w.T, c).Status == 0
}

// NetShell is a jail in the lab that runs a script.
func (w *World) NetShell(script string, flags ...string) *exec.Cmd {
	w.T.Helper()
	args := append([]string{"shell", "--closure", RequireVariable(w.T, "BASE_CLOSURE")}, flags...)
	return w.Command(append(args, "--", "bash", "-c", script)...)
}
