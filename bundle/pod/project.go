package pod

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// cloned is the folder of the volume that a clone lies in. The volume's own
// belongs to root, and git works in no folder of somebody else's.
const cloned = "project"

// projectVolume is the volume with the project in it.
func (e *export) projectVolume() volume {
	v := volume{Name: e.volumeName(e.in.Here.Project)}
	switch {
	case e.in.Claim != "":
		v.Claim = &volumeClaim{e.in.Claim}
	case e.in.Git != "":
		v.EmptyDir = &emptyDir{}
	default:
		v.HostPath = &hostPath{e.in.Here.Project}
	}
	return v
}

// subPath is a path of the project in its volume.
func (e *export) subPath(p string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(p, e.in.Here.Project), "/")
	if e.in.Git != "" {
		return path.Join(cloned, rest)
	}
	return rest
}

// project mounts the project, or something in it once more: what is protected
// read-only, and the folders above it, which then cannot be renamed.
func (e *export) project(m specs.Mount, ro bool) {
	to := volumeMount{MountPath: e.place(m.Destination), SubPath: e.subPath(m.Destination), ReadOnly: ro}
	if ro && e.in.Engine == Kubernetes {
		to.RecursiveReadOnly = "IfPossible"
	}
	switch {
	case !e.there(m.Destination):
		e.note("mounts", "%s is not in a clone: it is protected only if it is committed", to.MountPath)
	case e.onDisk():
		// podman 4 ignores subPath, and mounts all of the volume.
		to.SubPath = ""
		e.add(volume{Name: e.volumeName(m.Destination), HostPath: &hostPath{m.Source}}, to)
	default:
		e.add(e.projectVolume(), to)
	}
}

// onDisk: the project is that of this machine.
func (e *export) onDisk() bool { return e.in.Claim == "" && e.in.Git == "" }

// there: the project as the Pod gets it has this path. What a mount is missing,
// a kubelet makes: a folder, whatever it should be.
func (e *export) there(p string) bool {
	if e.in.Git == "" || p == e.in.Here.Project {
		return true
	}
	// What every clone has.
	git := path.Join(e.in.Here.Project, ".git")
	return p == git || p == path.Join(git, "config") || p == path.Join(git, "hooks") || e.in.Tracked(p)
}

// hide covers a file or folder of the project with an empty one.
func (e *export) hide(p string) {
	to := volumeMount{MountPath: e.place(p), ReadOnly: true}
	switch {
	case contract.InFrame(p), e.in.Git != "" && !e.there(p):
		// Of the engine; or not in the clone.
	case !paths.Below(p, e.in.Here.Project):
		e.note("linux.maskedPaths", "%s: it is in a folder of this machine, which is not in the cluster", to.MountPath)
	case e.in.IsDir(p):
		e.add(volume{Name: e.volumeName(p), EmptyDir: &emptyDir{}}, to)
	case e.in.Engine == Podman:
		e.add(volume{Name: e.volumeName("hidden"), HostPath: &hostPath{"/dev/null"}}, to)
	default:
		e.files["empty"] = ""
		to.SubPath = "empty"
		e.add(e.ownFiles(), to)
	}
}

// ownFiles is the volume of the ConfigMap that comes with the Pod.
func (e *export) ownFiles() volume {
	return volume{Name: e.volumeName("files"), ConfigMap: &fromMap{e.in.Name}}
}

// source brings the project in.
func (e *export) source() error {
	switch {
	case e.in.Claim != "":
		e.note("volume", "%s has to hold the project as it is here: what is protected or hidden and missing there appears as an empty folder or file; its folder has to belong to uid %d, or git refuses it", e.in.Claim, e.in.There.UID)
		return nil
	case e.in.Git == "":
		return nil
	case e.in.Engine == Podman:
		return hint.Add(errors.New("podman 4 ignores subPath, by which a clone is mounted"), "leave --git out: podman mounts the project of this machine")
	}
	repository, ref, _ := strings.Cut(e.in.Git, "#")
	u, err := url.Parse(repository)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "":
		return hint.Add(fmt.Errorf("--git %q is no https URL", repository), "for repositories that need a key, clone into a volume: --volume CLAIM")
	case u.User != nil:
		return hint.Add(errors.New("--git has a user or a password in it, which would stand in the Pod"), "clone into a volume: --volume CLAIM")
	case strings.HasPrefix(ref, "-"):
		return fmt.Errorf("--git: %q is no branch or tag", ref)
	}
	port := uint64(network.HTTPSPort)
	if p := u.Port(); p != "" {
		if port, err = strconv.ParseUint(p, 10, 16); err != nil {
			return fmt.Errorf("--git %q: %w", repository, err)
		}
	}
	if err := e.mayClone(u.Hostname(), uint16(port)); err != nil {
		return err
	}
	const at = "/home/agent/.clone"
	command := []string{contract.InitPath, "--", "git", "clone"}
	if ref != "" {
		command = append(command, "--branch", ref)
	}
	c := container{
		Name: "clone", Image: e.in.Image, WorkingDir: "/",
		Command:         e.arguments(append(command, "--", repository, path.Join(at, cloned))),
		Env:             []envVar{{Name: "HOME", Value: at}, {Name: "GIT_TERMINAL_PROMPT", Value: "0"}},
		SecurityContext: e.main.SecurityContext,
		VolumeMounts:    []volumeMount{{Name: e.projectVolume().Name, MountPath: at}},
	}
	c.SecurityContext.ProcMount = ""
	e.pod.InitContainers = append(e.pod.InitContainers, e.trusting(c))
	return nil
}

// mayClone: the network policy is of the whole Pod, its first container
// included.
func (e *export) mayClone(host string, port uint16) error {
	if e.in.Policies == PolicyNone {
		return nil
	}
	n := e.in.Jail.Network
	if n != nil && (e.in.Form == Own && n.Mode == network.Internet || n.Rules().Connect(host, port).OK) {
		return nil
	}
	return hint.Add(fmt.Errorf("the network policy of the Pod would not let it clone from %s", host), "--allow "+network.AllowLine(host, port), "or --volume CLAIM")
}
