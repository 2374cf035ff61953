package slurm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// written writes a bundle of a jail, and the job that Slurm makes of it.
func written(t *testing.T, change func(jail, job *specs.Spec)) (dir string, jail *specs.Spec) {
	t.Helper()
	top := t.TempDir()
	dir, b := filepath.Join(top, "spool"), filepath.Join(top, "b")
	j, err := spec.Build(spec.Input{
		Policy:  policy.Default(),
		Closure: closure.Closure{Toolchain: closure.Host, Agent: "/usr/bin/claude", Binds: []string{"/usr"}, Bins: []string{"/usr/bin"}},
		Host: host.Facts{
			UID: 1000, GID: 1000, User: "ada", Group: "users", Home: "/home/ada", RuntimeDir: "/run/user/1000", GitName: "Ada",
			StateDir: "/state", ProjectState: "/state", ResolvConf: "/etc/resolv.conf", Project: host.Project{Dir: "/home/ada/app"},
		},
		Init: "/usr/bin/jailed-claude",
	})
	if err != nil {
		t.Fatal(err)
	}
	jail = j.Spec
	job := &specs.Spec{Process: &specs.Process{
		Args: []string{"bash", "-c", "--", "x"}, Env: []string{"ANTHROPIC_API_KEY=sk", "LD_PRELOAD=/x"}, Cwd: "/",
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_SYS_ADMIN"}},
	}, Root: &specs.Root{Path: filepath.Join(b, "rootfs")}, Mounts: []specs.Mount{{Destination: "/host", Source: "/", Type: "bind", Options: []string{"rbind"}}}}
	change(jail, job)
	for _, d := range []string{dir, filepath.Join(b, "rootfs")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for d, s := range map[string]*specs.Spec{dir: job, b: jail} {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, bundle.ConfigName), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, jail
}

func read(dir string) (*specs.Spec, error) {
	j, err := readJob(dir)
	if err != nil {
		return nil, err
	}
	return j.jail()
}

// TestJail: of a job nothing but its command gets into the jail.
func TestJail(t *testing.T) {
	dir, want := written(t, func(_, _ *specs.Spec) {})
	got, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(want.Process.Args[:slices.Index(want.Process.Args, "--")+1]), "bash", "-c", "--", "x")
	if !slices.Equal(got.Process.Args, args) {
		t.Errorf("%q", got.Process.Args)
	}
	if got.Root.Path != filepath.Join(filepath.Dir(dir), "b", "rootfs") || got.Process.Terminal {
		t.Errorf("%+v", got.Root)
	}
	want.Process.Args, want.Process.Terminal, want.Root.Path = got.Process.Args, false, got.Root.Path
	a, _ := bundle.Marshal(got)
	if b, _ := bundle.Marshal(want); string(a) != string(b) {
		t.Errorf("%s\nis not\n%s", a, b)
	}
}

// TestRefused: what is no jail of ours does not run, and it is said why.
func TestRefused(t *testing.T) {
	for want, change := range map[string]func(jail, job *specs.Spec){
		"CAP_SYS_ADMIN":    func(jail, _ *specs.Spec) { jail.Process.Capabilities.Bounding = []string{"CAP_SYS_ADMIN"} },
		"has no command":   func(_, job *specs.Spec) { job.Process.Args = nil },
		"a batch script":   func(_, job *specs.Spec) { job.Process.Args = []string{startup} },
		"is relative":      func(_, job *specs.Spec) { job.Root.Path = "rootfs" },
		"no such file":     func(_, job *specs.Spec) { job.Root.Path = "/nowhere/rootfs" },
		"names no program": func(jail, _ *specs.Spec) { jail.Process.Args = jail.Process.Args[:1] },
	} {
		dir, _ := written(t, change)
		if s, err := read(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", want, s, err)
		}
	}
}
