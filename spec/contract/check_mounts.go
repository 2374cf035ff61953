package contract

import (
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// forbidden are host folders that are never a mount source, nor is what holds
// them. Of /proc, /sys and /dev nothing is.
var forbidden = []string{"/proc", "/sys", "/dev", "/boot", "/root/.ssh", "/nix/var/nix/db"}

// sealed are places where nothing can be written: programs and configuration
// that every program inside believes. Projects can lie in the exceptions.
var (
	sealed   = []string{"/etc", storepath.Dir, "/usr"}
	unsealed = []string{"/usr/src", "/usr/local/src", "/usr/home"}
)

// mountOptions are all that a mount of a type may have, nil if there is no such
// type; "=" at the end stands for any value. An unknown option is refused:
// runtimes give meanings of their own to many, and "bind" makes a bind mount of
// any type.
func mountOptions(kind string) []string {
	switch kind {
	case "bind":
		return bindOptions
	case "tmpfs":
		return tmpfsOptions
	case "proc":
		return procOptions
	case "devpts":
		return devptsOptions
	case layerType:
		return layerOptions
	}
	return nil
}

var (
	bindOptions   = []string{"bind", "rbind", "ro", "rw", "rro", "nosuid", "nodev", "noexec"}
	tmpfsOptions  = []string{"ro", "nosuid", "nodev", "noexec", "strictatime", "mode=", "size=", "nr_inodes="}
	procOptions   = []string{"ro", "nosuid", "nodev", "noexec"}
	devptsOptions = []string{"nosuid", "noexec", "newinstance", "mode=", "ptmxmode="}
)

func checkMounts(s *specs.Spec, bad report) {
	for i, m := range s.Mounts {
		if i > 0 && sameStoreMount(m, s.Mounts[i-1]) {
			continue
		}
		if !path.IsAbs(m.Destination) || path.Clean(m.Destination) != m.Destination || m.Destination == "/" {
			bad("destination %q is not an absolute, clean path below the root", m.Destination)
		}
		if !printable(m.Destination) || !printable(m.Source) {
			bad("%q is not valid UTF-8, or holds NUL", m.Destination)
		}
		known := mountOptions(m.Type)
		if known == nil {
			bad("%q is of type %q", m.Destination, m.Type)
			continue
		}
		for _, o := range m.Options {
			name, _, value := strings.Cut(o, "=")
			if value {
				name += "="
			}
			if !slices.Contains(known, name) {
				bad("%q has the option %s", m.Destination, o)
			}
		}
		switch m.Type {
		case "bind":
			checkBind(m, bad)
		case "tmpfs":
			checkTmpfs(m, bad)
		case layerType:
			checkLayer(m, s.Mounts, bad)
		case "proc":
			if m.Destination != "/proc" {
				bad("proc is mounted on %q", m.Destination)
			}
		case "devpts":
			if m.Destination != "/dev/pts" || !slices.Contains(m.Options, "newinstance") {
				bad("devpts is not the jail's own")
			}
		}
	}
}

// sameStoreMount: both mount a store path on itself and differ in nothing but its
// name, so that what was said of one holds for the other. A store has hundreds.
func sameStoreMount(m, before specs.Mount) bool {
	isStorePath := func(m specs.Mount) bool {
		return strings.HasPrefix(m.Source, storepath.Dir+"/") && m.Destination == m.Source && storepath.Check(m.Source) == nil
	}
	return isStorePath(m) && isStorePath(before) && m.Type == before.Type && slices.Equal(m.Options, before.Options)
}

func checkTmpfs(m specs.Mount, bad report) {
	if m.Destination != "/dev" && m.Destination != "/dev/shm" {
		for _, r := range reserved {
			if paths.Below(m.Destination, r) {
				bad("a tmpfs would be mounted on %q", m.Destination)
			}
		}
	}
	if !slices.Contains(m.Options, "nosuid") || (m.Destination != "/dev" && !slices.Contains(m.Options, "nodev")) {
		bad("the tmpfs %q is not nosuid and nodev", m.Destination)
	}
	// Size 0 stands for no limit.
	if !slices.ContainsFunc(m.Options, func(o string) bool { return strings.HasPrefix(o, "size=") }) || slices.Contains(m.Options, "size=0") {
		bad("the tmpfs %q has no size", m.Destination)
	}
	if !slices.ContainsFunc(m.Options, func(o string) bool { return strings.HasPrefix(o, "nr_inodes=") }) || slices.Contains(m.Options, "nr_inodes=0") {
		bad("the tmpfs %q takes any number of files", m.Destination)
	}
	if isSealed(m.Destination) && !slices.Contains(m.Options, "ro") {
		bad("%q is writable", m.Destination)
	}
}

func checkBind(m specs.Mount, bad report) {
	if !path.IsAbs(m.Source) || path.Clean(m.Source) != m.Source {
		bad("source %q is not an absolute, clean path", m.Source)
	}
	checkSource(m.Source, bad)
	checkPlace(m.Source, m.Destination, bad)
	for _, o := range []string{"nosuid", "nodev"} {
		if !slices.Contains(m.Options, o) {
			bad("%q is not %s", m.Destination, o)
		}
	}
	ro, rbind := slices.Contains(m.Options, "ro"), slices.Contains(m.Options, "rbind")
	if ro == slices.Contains(m.Options, "rw") || rbind == slices.Contains(m.Options, "bind") {
		bad("%q is not either ro or rw and either bind or rbind", m.Destination)
	}
	if !ro && (isSealed(m.Destination) || m.Destination == InitPath) {
		bad("%q is writable", m.Destination)
	}
	if ro && rbind && !slices.Contains(m.Options, "rro") {
		bad("what is mounted below %q stays writable (rro is missing)", m.Destination)
	}
}

// checkSource refuses a folder of the host that no jail may have.
func checkSource(p string, bad report) {
	kernel := paths.Below(p, "/proc") || paths.Below(p, "/sys") || paths.Below(p, "/dev")
	if kernel || slices.ContainsFunc(forbidden, func(f string) bool { return paths.Below(f, p) }) {
		bad("%q must never be in a jail", p)
	}
}

// checkPlace refuses a place that is the jail's own.
func checkPlace(source, place string, bad report) {
	for _, r := range reserved {
		if paths.Below(place, r) && place != InitPath {
			bad("%q would be mounted on %q", source, place)
		}
	}
}

// isSealed: the path is, holds or lies in a place where nothing can be written.
func isSealed(p string) bool {
	for _, u := range unsealed {
		if p != u && paths.Below(p, u) {
			return false
		}
	}
	return slices.ContainsFunc(sealed, func(s string) bool { return paths.Below(p, s) || paths.Below(s, p) })
}
