package portable

import (
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/closure/registration"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Who and where the agent is in an image, whoever makes it.
const (
	imageUser = "agent"
	imageID   = 1000
	// imageHome is the agent's home in an image, and imageProject its project.
	imageHome    = "/home/agent"
	imageProject = "/home/agent/project"
	imageRun     = "/run/user/1000"
)

// imageClosure is the list of the closure's store paths in an image: with it,
// jailed-claude makes jails inside of a container.
const imageClosure = "/etc/jailed-claude/closure"

// ImagePlace is who and where the agent is in an image.
func ImagePlace() contract.Place {
	return contract.Place{User: imageUser, Home: imageHome, Project: imageProject, RuntimeDir: imageRun, UID: imageID}
}

// Image is the jail of a policy and a closure as far as an OCI image can hold
// it: the program, its variables and the generated files, for a user of the
// image's own. Grants of host files, the network, brokers, limits and what is
// protected in a project are not part of it: they belong to whoever runs the
// image. Equal policies and closures give equal jails.
func Image(p policy.Policy, c closure.Closure) (*contract.Jail, error) {
	if c.Toolchain != closure.Nix {
		return nil, ErrHostToolchain
	}
	p.Files = policy.Files{Project: policy.ProjectRW}
	p.Network = policy.Network{Mode: policy.NetNone, TLS: p.Network.TLS, Via: p.Network.Via}
	p.Brokers, p.Limits, p.Nix = nil, policy.Limits{}, policy.Default().Nix
	p.Env.Pass = nil
	p.Agent.Config, p.Agent.Key = policy.ConfigPrivate, policy.KeyNone
	p.Identity = policy.Identity{User: policy.UserKeep}
	in := spec.Input{Policy: p, Closure: c, Env: spec.Env{Vars: map[string]string{}}, Host: host.Facts{
		UID: imageID, GID: imageID, User: imageUser, Group: imageUser, Home: imageHome,
		RuntimeDir: imageRun, ProjectState: "/var/lib/jailed-claude", Executable: contract.InitPath,
		Project: host.Project{Dir: imageProject}, NoFile: math.MaxUint64, Present: map[string]host.Kind{},
	}}
	if c.Agent == "" {
		in.Command = []string{"sh"}
	}
	j, err := spec.Build(in)
	if err != nil {
		return nil, err
	}
	j.Rootfs = append(j.Rootfs,
		contract.File{Path: imageClosure, Mode: 0o644, Content: registration.RenderList(c.Paths)},
		contract.File{Path: "/usr/bin/jailed-claude", Mode: fs.ModeSymlink | 0o777, Target: contract.InitPath})
	env := j.Spec.Process.Env
	j.Spec.Process.Env = append(env, "JAILED_CLAUDE_CLOSURE="+imageClosure)
	if c.Agent != "" {
		// The program and not its package: that may have several.
		j.Spec.Process.Env = append(j.Spec.Process.Env, "JAILED_CLAUDE_PACKAGE="+c.Agent)
	}
	return j, nil
}

// ImageFolders are the folders of an image that are the agent's own: what a jail
// mounts for it below its home, and its runtime folder.
func ImageFolders(j *contract.Jail) []string {
	folders := []string{imageHome, imageProject}
	for _, m := range j.Spec.Mounts {
		d := m.Destination
		if d == imageHome || d == imageProject || strings.HasPrefix(d, "/run/user/") || !paths.Below(d, imageHome) || path.Ext(d) == ".json" {
			continue
		}
		folders = append(folders, d)
	}
	return append(folders, imageRun)
}
