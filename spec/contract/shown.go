package contract

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// Shown is what of the host is at a path.
type Shown struct {
	// Source is the host's path; empty for what is the jail's own.
	Source   string
	Writable bool
	// nosuid, nodev and noexec.
	Flags [3]bool
}

func (s Shown) String() string {
	switch {
	case s.Source == "":
		return "the jail's own"
	case s.Writable:
		return strconv.Quote(s.Source) + " rw"
	}
	return strconv.Quote(s.Source) + " ro"
}

// Within reports whether s grants nothing that t does not.
func (s Shown) Within(t Shown) bool {
	for i := range s.Flags {
		if t.Flags[i] && !s.Flags[i] && (s.Source != "" || i < 2) {
			return false
		}
	}
	return s.Source == "" || s.Source == t.Source && (t.Writable || !s.Writable)
}

// ShownAt is what the last mount that covers p shows there.
func ShownAt(list []specs.Mount, p string) Shown {
	s := Shown{Flags: [3]bool{true, true, true}} // the rootfs
	for _, m := range list {
		if !paths.Below(p, m.Destination) {
			continue
		}
		s = Shown{}
		for i, o := range []string{"nosuid", "nodev", "noexec"} {
			s.Flags[i] = slices.Contains(m.Options, o)
		}
		switch m.Type {
		case "tmpfs", "proc", "devpts", "mqueue":
		case "bind":
			s.Source = path.Join(m.Source, strings.TrimPrefix(p, m.Destination))
			s.Writable = !slices.Contains(m.Options, "ro")
		case layerType:
			// Nothing of what is written there reaches it.
			s.Source = path.Join(m.Destination, strings.TrimPrefix(p, m.Destination))
		default:
			// The kernel's own, sysfs or cgroup: there is one for all.
			s.Source = m.Type
			s.Writable = !slices.Contains(m.Options, "ro")
		}
	}
	return s
}
