package slurm

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// jailName is the folder of the bundle that is run, in the one that Slurm made.
const jailName = "jail"

// path is PATH of the runtime. It gets nothing else of the environment, which is that
// of the node's daemon.
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// stateName is the folder of that one's state, beside it: the runtime's --root in
// oci.conf.
const stateName = "state"

// End removes what there is in a folder beside Slurm's own file, with which Slurm would
// leave it. The runtime calls it when the container is gone, with its state on stdin.
func End(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, jailName, bundle.ConfigName)); err != nil {
		return fmt.Errorf("the folder of a job: %w", err)
	}
	return errors.Join(os.RemoveAll(filepath.Join(folder, jailName)), os.RemoveAll(filepath.Join(folder, stateName)))
}

// Run replaces this process by a runtime, called with its own arguments, that runs the
// job of a folder of Slurm's (%b) as container id. It returns only with an error.
func Run(dir, id string, runtime []string) error {
	program, err := exec.LookPath(runtime[0])
	if err != nil {
		return err
	}
	job, err := readJob(dir)
	if err != nil {
		return err
	}
	s, err := job.jail()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if s.Hooks == nil {
		s.Hooks = &specs.Hooks{}
	}
	s.Hooks.Poststop = append(s.Hooks.Poststop, specs.Hook{Path: self, Args: []string{"jailed-claude", "hook", "slurm-end", dir}})
	dir = filepath.Join(dir, jailName)
	text, err := bundle.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, bundle.ConfigName), text, 0o600); err != nil {
		return err
	}
	args := append(slices.Clone(runtime), "run", "--bundle", dir, id)
	return fmt.Errorf("%s: %w", program, unix.Exec(program, args, []string{path}))
}

// job is what is taken of Slurm's config.json.
type job struct {
	Process struct {
		Args []string `json:"args"`
	} `json:"process"`
	Root struct {
		Path string `json:"path"`
	} `json:"root"`
}

func readJob(dir string) (*job, error) {
	text, err := os.ReadFile(filepath.Join(dir, bundle.ConfigName))
	if err != nil {
		return nil, fmt.Errorf("the job: %w", err)
	}
	// Other versions of Slurm write other fields.
	j := new(job)
	if err := json.Unmarshal(text, j); err != nil {
		return nil, fmt.Errorf("the job: %s: %w", filepath.Join(dir, bundle.ConfigName), err)
	}
	if len(j.Process.Args) == 0 {
		return nil, errors.New("the job has no command")
	}
	if j.Process.Args[0] == startup {
		return nil, hint.Add(errors.New("a batch script does not run in a jail: Slurm shows it there by a mount that the bundle has not"),
			"submit the script without --container, and call srun --container=BUNDLE in it")
	}
	return j, nil
}

// startup is where Slurm puts a batch script into a container.
const startup = "/tmp/slurm/startup"

// jail is the configuration of the bundle that the job names, with the job's command
// as that of its PID 1.
func (j *job) jail() (*specs.Spec, error) {
	if !filepath.IsAbs(j.Root.Path) {
		return nil, fmt.Errorf("the job: its root %q is relative", j.Root.Path)
	}
	b, err := bundle.Load(filepath.Dir(filepath.Clean(j.Root.Path)))
	if err != nil {
		return nil, hint.Add(err, "srun --container takes what jailed-claude bundle writes, as the user of the job")
	}
	p := b.Spec.Process
	i := slices.Index(p.Args, "--") // contract.Check wants one
	p.Args = append(p.Args[:i+1:i+1], j.Process.Args...)
	p.Terminal = false // srun has pipes
	b.Spec.Root.Path = b.Rootfs()
	return b.Spec, nil
}
