package supervisor

import (
	"encoding/binary"
	"io/fs"
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec"
)

// wire writes what one process of this program hands to another one, or reads
// it: one description of the format serves both ways. It has the fields that a
// jail's configuration can have (spec.Check) and no others. Package json looks
// at every type that it could meet before it reads the first byte, and
// specs.Spec leads to those of all systems; then it takes microseconds for each
// mount.
type wire struct {
	reading bool
	// bytes are written at their end. While reading they are what was written,
	// and text the same.
	bytes []byte
	text  string
	at    int
	// damaged: what is read was not written by the same program.
	damaged bool
}

func (w *wire) number(n uint64) uint64 {
	if !w.reading {
		w.bytes = binary.AppendUvarint(w.bytes, n)
		return n
	}
	n, size := binary.Uvarint(w.bytes[w.at:])
	if size <= 0 {
		w.fail()
		return 0
	}
	w.at += size
	return n
}

// fail makes everything that is still to be read empty.
func (w *wire) fail() {
	w.damaged = true
	w.at = len(w.bytes)
}

// length is a number of things that are each a byte or more.
func (w *wire) length(n int) int {
	n = int(w.number(uint64(n)))
	if w.reading && (n < 0 || n > len(w.bytes)-w.at) {
		w.fail()
		return 0
	}
	return n
}

func integer[T ~int | ~int64 | ~uint | ~uint32 | ~uint64](w *wire, n *T) {
	*n = T(w.number(uint64(*n)))
}

func (w *wire) flag(b *bool) {
	n := 0
	if *b {
		n = 1
	}
	*b = w.number(uint64(n)) == 1
}

func str[T ~string](w *wire, s *T) {
	n := w.length(len(*s))
	if !w.reading {
		w.bytes = append(w.bytes, *s...)
		return
	}
	*s = T(w.text[w.at : w.at+n])
	w.at += n
}

// list is a slice; one without elements is read as nil.
func list[T any](w *wire, l *[]T, one func(*T)) {
	n := w.length(len(*l))
	if w.reading && n > 0 {
		*l = make([]T, n)
	}
	for i := range *l {
		one(&(*l)[i])
	}
}

func strs[T ~string](w *wire, l *[]T) { list(w, l, func(s *T) { str(w, s) }) }

func (w *wire) octets(b *[]byte) {
	s := string(*b)
	if str(w, &s); w.reading && s != "" {
		*b = []byte(s)
	}
}

func pointer[T any](w *wire, p **T, one func(*T)) {
	there := *p != nil
	if w.flag(&there); !there {
		return
	}
	if w.reading {
		*p = new(T)
	}
	one(*p)
}

func dictionary(w *wire, m *map[string]string) {
	keys := slices.Sorted(maps.Keys(*m))
	strs(w, &keys)
	if w.reading && len(keys) > 0 {
		*m = make(map[string]string, len(keys))
	}
	for _, k := range keys {
		v := (*m)[k]
		str(w, &v)
		(*m)[k] = v
	}
}

func (w *wire) handover(h *handover) {
	list(w, &h.Rootfs, w.file)
	w.options(&h.Options)
	pointer(w, &h.spec, w.spec)
}

func (w *wire) file(f *spec.File) {
	str(w, &f.Path)
	mode := uint32(f.Mode)
	integer(w, &mode)
	f.Mode = fs.FileMode(mode)
	w.octets(&f.Content)
	str(w, &f.Target)
}

func (w *wire) options(o *Options) {
	str(w, &o.ID)
	w.octets(&o.Seccomp)
	w.flag(&o.Summary)
	strs(w, &o.Require)
	w.flag(&o.Strict)
	str(w, &o.LogLevel)
	str(w, &o.LogFormat)
	integer(w, &o.Log)
	dictionary(w, &o.Keys)
	w.octets(&o.Roots)
	str(w, &o.Cgroup)
}

func (w *wire) spec(s *specs.Spec) {
	str(w, &s.Version)
	str(w, &s.Hostname)
	dictionary(w, &s.Annotations)
	pointer(w, &s.Root, func(r *specs.Root) {
		str(w, &r.Path)
		w.flag(&r.Readonly)
	})
	pointer(w, &s.Process, w.process)
	list(w, &s.Mounts, w.mount)
	pointer(w, &s.Linux, w.linux)
	pointer(w, &s.Hooks, func(h *specs.Hooks) {
		for _, l := range []*[]specs.Hook{&h.CreateRuntime, &h.CreateContainer, &h.Poststop} {
			list(w, l, func(h *specs.Hook) {
				str(w, &h.Path)
				strs(w, &h.Args)
			})
		}
	})
}

func (w *wire) process(p *specs.Process) {
	w.flag(&p.Terminal)
	strs(w, &p.Args)
	strs(w, &p.Env)
	str(w, &p.Cwd)
	w.flag(&p.NoNewPrivileges)
	integer(w, &p.User.UID)
	integer(w, &p.User.GID)
	list(w, &p.User.AdditionalGids, func(n *uint32) { integer(w, n) })
	pointer(w, &p.Capabilities, func(c *specs.LinuxCapabilities) {
		for _, l := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted, &c.Inheritable, &c.Ambient} {
			strs(w, l)
		}
	})
	list(w, &p.Rlimits, func(l *specs.POSIXRlimit) {
		str(w, &l.Type)
		integer(w, &l.Hard)
		integer(w, &l.Soft)
	})
}

func (w *wire) mount(m *specs.Mount) {
	str(w, &m.Destination)
	str(w, &m.Type)
	str(w, &m.Source)
	strs(w, &m.Options)
}

func (w *wire) linux(l *specs.Linux) {
	strs(w, &l.MaskedPaths)
	strs(w, &l.ReadonlyPaths)
	list(w, &l.Namespaces, func(n *specs.LinuxNamespace) {
		str(w, &n.Type)
		str(w, &n.Path)
	})
	for _, ids := range []*[]specs.LinuxIDMapping{&l.UIDMappings, &l.GIDMappings} {
		list(w, ids, func(m *specs.LinuxIDMapping) {
			integer(w, &m.ContainerID)
			integer(w, &m.HostID)
			integer(w, &m.Size)
		})
	}
	number := func(n *int64) { integer(w, n) }
	pointer(w, &l.Resources, func(r *specs.LinuxResources) {
		pointer(w, &r.Memory, func(m *specs.LinuxMemory) {
			pointer(w, &m.Limit, number)
			pointer(w, &m.Swap, number)
		})
		pointer(w, &r.Pids, func(p *specs.LinuxPids) { pointer(w, &p.Limit, number) })
		pointer(w, &r.CPU, func(c *specs.LinuxCPU) {
			pointer(w, &c.Quota, number)
			pointer(w, &c.Period, func(n *uint64) { integer(w, n) })
		})
	})
	pointer(w, &l.Seccomp, w.seccomp)
}

func (w *wire) seccomp(s *specs.LinuxSeccomp) {
	str(w, &s.DefaultAction)
	number := func(n *uint) { integer(w, n) }
	pointer(w, &s.DefaultErrnoRet, number)
	strs(w, &s.Architectures)
	list(w, &s.Syscalls, func(c *specs.LinuxSyscall) {
		strs(w, &c.Names)
		str(w, &c.Action)
		pointer(w, &c.ErrnoRet, number)
		list(w, &c.Args, func(a *specs.LinuxSeccompArg) {
			integer(w, &a.Index)
			integer(w, &a.Value)
			integer(w, &a.ValueTwo)
			str(w, &a.Op)
		})
	})
}
