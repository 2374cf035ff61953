package contract

import (
	"path"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// OCIVersion is the lowest that the used features allow: runc 1.1 and crun 1.8
// refuse newer ones.
const OCIVersion = "1.0.2"

// reserved are places that the runtime itself fills; a mount there could hide
// what is masked.
var reserved = []string{"/proc", "/dev", path.Dir(InitPath)}

// namespaces are those that every jail has of its own.
var namespaces = []specs.LinuxNamespaceType{
	specs.UserNamespace, specs.MountNamespace, specs.PIDNamespace,
	specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace,
}

// Identity is who the caller is, and who the agent will be.
type Identity struct {
	// UID and GID are the caller's.
	UID, GID int
	// Keep gives the agent these ids, in a user namespace that PID 1 makes.
	// Otherwise it is uid 0 of the container.
	Keep bool
}

// Nested reports whether the agent gets a user namespace of its own, in which
// the caller's ids stand for uid and gid 0 of the container. Root needs none.
func (i Identity) Nested() bool { return i.Keep && (i.UID != 0 || i.GID != 0) }

// Base is what all jails of an identity have in common: namespaces, id
// mappings, capabilities, /proc and /dev.
func Base(id Identity, terminal bool) *specs.Spec {
	caps := []string{}
	if id.Nested() {
		// For jailinit alone: since kernel 5.12 mapping uid 0 into a nested
		// user namespace needs it. The agent never has it.
		caps = []string{"CAP_SETFCAP"}
	}
	s := &specs.Spec{
		Version:  OCIVersion,
		Hostname: "jail",
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{NoNewPrivileges: true, Terminal: terminal, Capabilities: &specs.LinuxCapabilities{
			Bounding: caps, Effective: caps, Permitted: caps, Inheritable: []string{}, Ambient: []string{},
		}},
		Linux: &specs.Linux{
			UIDMappings:   []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(id.UID), Size: 1}},
			GIDMappings:   []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(id.GID), Size: 1}},
			MaskedPaths:   slices.Clone(maskedPaths),
			ReadonlyPaths: slices.Clone(readonlyPaths),
		},
		// The device nodes are the OCI default ones (config-linux.md, "Default
		// Devices"); every runtime makes them itself.
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "strictatime", "mode=755", "size=64k", "nr_inodes=1k"}},
			// No gid=5: the group tty is not mapped.
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=256m", "nr_inodes=16k"}},
		},
	}
	for _, t := range namespaces {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t})
	}
	return s
}

// maskedPaths and readonlyPaths are Docker's and Podman's, less what lies in
// /sys, which a jail has not, and with the files of which the kernel trusts
// uid 0 without a capability: a jail of root's has that uid.
var (
	maskedPaths = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/kmsg",
		"/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats", "/proc/pagetypeinfo", "/proc/sched_debug", "/proc/scsi", "/proc/slabinfo", "/proc/timer_list", "/proc/timer_stats",
		"/proc/vmallocinfo",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// AddNetworkNamespace gives a jail a network of its own.
func AddNetworkNamespace(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
}

// BindOne mounts a host path that has no mounts below it, read-only: a store
// path, or a file.
func BindOne(source, destination string) specs.Mount {
	return specs.Mount{Destination: destination, Type: "bind", Source: source, Options: []string{"bind", "ro", "nosuid", "nodev"}}
}

// Hooks start, join and end the network of an exported bundle, by the program
// at a host path.
func Hooks(program string) *specs.Hooks {
	return &specs.Hooks{
		CreateRuntime: []specs.Hook{{Path: program, Args: slices.Clone(startHook)}},
		// Inside of the namespaces, but with the host's files.
		CreateContainer: []specs.Hook{{Path: program, Args: slices.Clone(joinHook)}},
		Poststop:        []specs.Hook{{Path: program, Args: slices.Clone(stopHook)}},
	}
}

// Arguments of the hooks that start and end the network of an exported bundle.
var (
	startHook = []string{"jailed-claude", "hook", "network-start"}
	joinHook  = []string{"jailed-claude", "hook", "network-join"}
	stopHook  = []string{"jailed-claude", "hook", "network-stop"}
)
