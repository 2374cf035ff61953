package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// compact is a specs.Spec with the fields that a jail has (spec.Check) and no
// others. Package json looks at every type that it could meet before it reads
// or writes the first byte, and specs.Spec leads to those of all systems that
// the specification knows: a millisecond of every start.
type compact struct {
	Version     string            `json:"ociVersion"`
	Process     *compactProcess   `json:"process,omitempty"`
	Root        *specs.Root       `json:"root,omitempty"`
	Hostname    string            `json:"hostname,omitempty"`
	Mounts      []specs.Mount     `json:"mounts,omitempty"`
	Hooks       *compactHooks     `json:"hooks,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Linux       *compactLinux     `json:"linux,omitempty"`
}

type compactProcess struct {
	Terminal        bool                     `json:"terminal,omitempty"`
	User            specs.User               `json:"user"`
	Args            []string                 `json:"args,omitempty"`
	Env             []string                 `json:"env,omitempty"`
	Cwd             string                   `json:"cwd"`
	Capabilities    *specs.LinuxCapabilities `json:"capabilities,omitempty"`
	Rlimits         []specs.POSIXRlimit      `json:"rlimits,omitempty"`
	NoNewPrivileges bool                     `json:"noNewPrivileges,omitempty"`
}

type compactHooks struct {
	CreateRuntime   []specs.Hook `json:"createRuntime,omitempty"`
	CreateContainer []specs.Hook `json:"createContainer,omitempty"`
	Poststop        []specs.Hook `json:"poststop,omitempty"`
}

type compactLinux struct {
	UIDMappings   []specs.LinuxIDMapping `json:"uidMappings,omitempty"`
	GIDMappings   []specs.LinuxIDMapping `json:"gidMappings,omitempty"`
	Resources     *compactResources      `json:"resources,omitempty"`
	Namespaces    []specs.LinuxNamespace `json:"namespaces,omitempty"`
	Seccomp       *specs.LinuxSeccomp    `json:"seccomp,omitempty"`
	MaskedPaths   []string               `json:"maskedPaths,omitempty"`
	ReadonlyPaths []string               `json:"readonlyPaths,omitempty"`
}

type compactResources struct {
	Memory *compactMemory   `json:"memory,omitempty"`
	CPU    *compactCPU      `json:"cpu,omitempty"`
	Pids   *specs.LinuxPids `json:"pids,omitempty"`
}

type compactMemory struct {
	Limit *int64 `json:"limit,omitempty"`
	Swap  *int64 `json:"swap,omitempty"`
}

type compactCPU struct {
	Quota  *int64  `json:"quota,omitempty"`
	Period *uint64 `json:"period,omitempty"`
}

// MarshalCompact renders a configuration that has passed spec.Check as package
// json does, on one line. Fields that no jail has are left out.
func MarshalCompact(s *specs.Spec) ([]byte, error) {
	c := compact{Version: s.Version, Root: s.Root, Hostname: s.Hostname, Mounts: s.Mounts, Annotations: s.Annotations}
	if p := s.Process; p != nil {
		c.Process = &compactProcess{p.Terminal, p.User, p.Args, p.Env, p.Cwd, p.Capabilities, p.Rlimits, p.NoNewPrivileges}
	}
	if h := s.Hooks; h != nil {
		c.Hooks = &compactHooks{h.CreateRuntime, h.CreateContainer, h.Poststop}
	}
	if l := s.Linux; l != nil {
		c.Linux = &compactLinux{l.UIDMappings, l.GIDMappings, nil, l.Namespaces, l.Seccomp, l.MaskedPaths, l.ReadonlyPaths}
		if r := l.Resources; r != nil {
			c.Linux.Resources = &compactResources{Pids: r.Pids}
			if r.Memory != nil {
				c.Linux.Resources.Memory = &compactMemory{r.Memory.Limit, r.Memory.Swap}
			}
			if r.CPU != nil {
				c.Linux.Resources.CPU = &compactCPU{r.CPU.Quota, r.CPU.Period}
			}
		}
	}
	return json.Marshal(&c)
}

// UnmarshalCompact reads what MarshalCompact wrote, and other configurations
// with no other fields: an unknown one is an error.
func UnmarshalCompact(r io.Reader) (*specs.Spec, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var c compact
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("read %s: %w", ConfigName, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: there is more than one value in it", ConfigName)
	}
	s := &specs.Spec{Version: c.Version, Root: c.Root, Hostname: c.Hostname, Mounts: c.Mounts, Annotations: c.Annotations}
	if p := c.Process; p != nil {
		s.Process = &specs.Process{Terminal: p.Terminal, User: p.User, Args: p.Args, Env: p.Env, Cwd: p.Cwd,
			Capabilities: p.Capabilities, Rlimits: p.Rlimits, NoNewPrivileges: p.NoNewPrivileges}
	}
	if h := c.Hooks; h != nil {
		s.Hooks = &specs.Hooks{CreateRuntime: h.CreateRuntime, CreateContainer: h.CreateContainer, Poststop: h.Poststop}
	}
	if l := c.Linux; l != nil {
		s.Linux = &specs.Linux{UIDMappings: l.UIDMappings, GIDMappings: l.GIDMappings, Namespaces: l.Namespaces,
			Seccomp: l.Seccomp, MaskedPaths: l.MaskedPaths, ReadonlyPaths: l.ReadonlyPaths}
		if r := l.Resources; r != nil {
			s.Linux.Resources = &specs.LinuxResources{Pids: r.Pids}
			if r.Memory != nil {
				s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: r.Memory.Limit, Swap: r.Memory.Swap}
			}
			if r.CPU != nil {
				s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: r.CPU.Quota, Period: r.CPU.Period}
			}
		}
	}
	return s, nil
}
