package wire

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Spec is a configuration. It has the fields that a jail's can have (contract.Check)
// and no others.
func Spec(c *Codec, s *specs.Spec) {
	String(c, &s.Version)
	String(c, &s.Hostname)
	Map(c, &s.Annotations)
	Pointer(c, &s.Root, root)
	Pointer(c, &s.Process, process)
	mounts(c, &s.Mounts)
	Pointer(c, &s.Linux, linux)
	Pointer(c, &s.Hooks, hooks)
}

func root(c *Codec, r *specs.Root) {
	String(c, &r.Path)
	Flag(c, &r.Readonly)
}

func process(c *Codec, p *specs.Process) {
	Flag(c, &p.Terminal)
	Strings(c, &p.Args)
	Strings(c, &p.Env)
	String(c, &p.Cwd)
	Flag(c, &p.NoNewPrivileges)
	Integer(c, &p.User.UID)
	Integer(c, &p.User.GID)
	List(c, &p.User.AdditionalGids, Integer[uint32])
	Pointer(c, &p.User.Umask, Integer[uint32])
	Pointer(c, &p.Capabilities, func(c *Codec, s *specs.LinuxCapabilities) {
		for _, l := range []*[]string{&s.Bounding, &s.Effective, &s.Permitted, &s.Inheritable, &s.Ambient} {
			Strings(c, l)
		}
	})
	List(c, &p.Rlimits, func(c *Codec, l *specs.POSIXRlimit) {
		String(c, &l.Type)
		Integer(c, &l.Hard)
		Integer(c, &l.Soft)
	})
}

// mounts are hundreds, and most are of a store path: in one place inside and
// outside, with the options of the mount before. Those share them when read.
func mounts(c *Codec, l *[]specs.Mount) {
	var before []string
	List(c, l, func(c *Codec, m *specs.Mount) {
		String(c, &m.Destination)
		String(c, &m.Type)
		as := m.Source == m.Destination
		if Flag(c, &as); !as {
			String(c, &m.Source)
		} else if c.reading {
			m.Source = m.Destination
		}
		as = slices.Equal(m.Options, before)
		if Flag(c, &as); !as {
			Strings(c, &m.Options)
		} else if c.reading {
			m.Options = before
		}
		before = m.Options
	})
}

func hooks(c *Codec, h *specs.Hooks) {
	for _, l := range []*[]specs.Hook{&h.CreateRuntime, &h.CreateContainer, &h.Poststop} {
		List(c, l, func(c *Codec, h *specs.Hook) {
			String(c, &h.Path)
			Strings(c, &h.Args)
		})
	}
}

func linux(c *Codec, l *specs.Linux) {
	Strings(c, &l.MaskedPaths)
	Strings(c, &l.ReadonlyPaths)
	List(c, &l.Namespaces, func(c *Codec, n *specs.LinuxNamespace) {
		String(c, &n.Type)
		String(c, &n.Path)
	})
	for _, ids := range []*[]specs.LinuxIDMapping{&l.UIDMappings, &l.GIDMappings} {
		List(c, ids, func(c *Codec, m *specs.LinuxIDMapping) {
			Integer(c, &m.ContainerID)
			Integer(c, &m.HostID)
			Integer(c, &m.Size)
		})
	}
	Pointer(c, &l.Resources, resources)
	Pointer(c, &l.Seccomp, Seccomp)
}

func resources(c *Codec, r *specs.LinuxResources) {
	Pointer(c, &r.Memory, func(c *Codec, m *specs.LinuxMemory) {
		Pointer(c, &m.Limit, Integer[int64])
		Pointer(c, &m.Swap, Integer[int64])
	})
	Pointer(c, &r.Pids, func(c *Codec, p *specs.LinuxPids) { Pointer(c, &p.Limit, Integer[int64]) })
	Pointer(c, &r.CPU, func(c *Codec, u *specs.LinuxCPU) {
		Pointer(c, &u.Quota, Integer[int64])
		Pointer(c, &u.Period, Integer[uint64])
	})
}

// Seccomp is a profile, as Spec has it.
func Seccomp(c *Codec, s *specs.LinuxSeccomp) {
	String(c, &s.DefaultAction)
	Pointer(c, &s.DefaultErrnoRet, Integer[uint])
	Strings(c, &s.Architectures)
	List(c, &s.Syscalls, func(c *Codec, s *specs.LinuxSyscall) {
		Strings(c, &s.Names)
		String(c, &s.Action)
		Pointer(c, &s.ErrnoRet, Integer[uint])
		List(c, &s.Args, func(c *Codec, a *specs.LinuxSeccompArg) {
			Integer(c, &a.Index)
			Integer(c, &a.Value)
			Integer(c, &a.ValueTwo)
			String(c, &a.Op)
		})
	})
}
