package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// leftMount is a mount point in the world that a bundle leaves.
const leftMount = "run/left"

// auditSecret is the variable in which the audit puts its secret.
const auditSecret = "JAILED_CLAUDE_AUDIT_SECRET"

// weakBundle is the configuration that is changed, and the caller's folders.
type weakBundle struct {
	*specs.Spec
	dir, home, project, run string
	// flags of runc run.
	flags []string
}

// bind adds a bind of the host at the same place.
func (b *weakBundle) bind(p string, options ...string) {
	b.Mounts = append(b.Mounts, specs.Mount{Destination: p, Type: "bind", Source: p, Options: append([]string{"rbind"}, options...)})
}

// instead puts a bind of the host in the place of another mount, in its order.
func (b *weakBundle) instead(p string, options ...string) {
	i := b.mount(p)
	b.Mounts[i] = specs.Mount{Destination: p, Type: "bind", Source: p, Options: append([]string{"rbind"}, options...)}
}

func (b *weakBundle) mount(p string) int {
	i := slices.IndexFunc(b.Mounts, func(m specs.Mount) bool { return m.Destination == p })
	if i < 0 {
		panic("there is no mount " + p)
	}
	return i
}

// protected are the mounts that keep the project's files as they are.
func (b *weakBundle) protected(m specs.Mount) bool {
	return strings.HasPrefix(m.Destination, b.project+"/") && slices.Contains(m.Options, "ro")
}

// pin is a mount of a folder on itself, so that it cannot be moved.
func (b *weakBundle) pin(m specs.Mount) bool {
	return strings.HasPrefix(m.Destination, b.project+"/") && slices.Contains(m.Options, "rw")
}

func (b *weakBundle) options(of func(specs.Mount) bool, change func([]string) []string) {
	for i, m := range b.Mounts {
		if of(m) {
			b.Mounts[i].Options = change(slices.Clone(m.Options))
		}
	}
}

func (b *weakBundle) without(of func(specs.Mount) bool) { b.Mounts = slices.DeleteFunc(b.Mounts, of) }

func drop(prefixes ...string) func([]string) []string {
	return func(o []string) []string {
		return slices.DeleteFunc(o, func(s string) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return s == p || strings.HasSuffix(p, "=") && strings.HasPrefix(s, p) })
		})
	}
}

func at(paths ...string) func(specs.Mount) bool {
	return func(m specs.Mount) bool { return slices.Contains(paths, m.Destination) }
}

// below: mounts under a folder.
func below(dir string) func(specs.Mount) bool {
	return func(m specs.Mount) bool { return strings.HasPrefix(m.Destination, dir+"/") }
}

func (b *weakBundle) noNamespace(kinds ...specs.LinuxNamespaceType) {
	b.Linux.Namespaces = slices.DeleteFunc(b.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return slices.Contains(kinds, n.Type) })
}

// unmask shows what is masked at and below a path.
func (b *weakBundle) unmask(dir string) {
	b.Linux.MaskedPaths = slices.DeleteFunc(b.Linux.MaskedPaths, func(p string) bool { return strings.HasPrefix(p, dir+"/") })
}

func allowed(names ...string) func(*weakBundle) { return func(b *weakBundle) { b.allow(names...) } }

// allow lets system calls through the profile, whatever their arguments.
func (b *weakBundle) allow(names ...string) {
	s := b.Linux.Seccomp
	var rules []specs.LinuxSyscall
	for _, r := range s.Syscalls {
		r.Names = slices.DeleteFunc(slices.Clone(r.Names), func(n string) bool { return slices.Contains(names, n) })
		if len(r.Names) > 0 {
			rules = append(rules, r)
		}
	}
	s.Syscalls = append(rules, specs.LinuxSyscall{Names: names, Action: specs.ActAllow})
}

// attacker is the program that is attacked with, and its arguments.
func (b *weakBundle) attacker() []string {
	return b.Process.Args[slices.Index(b.Process.Args, "--")+1:]
}

// program is one that the agent can write.
func (b *weakBundle) program(name string, text []byte) string {
	p := filepath.Join(b.project, "bin", name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		panic(err)
	}
	if err := os.WriteFile(p, text, 0o700); err != nil {
		panic(err)
	}
	return p
}

// capabilities gives every one that the caller could give.
func (b *weakBundle) capabilities() {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), "CapBnd:\t")
	bounding, _ := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	i := -1
	names := slices.DeleteFunc(strings.Fields(allCapabilities), func(string) bool { i++; return bounding>>i&1 == 0 })
	b.Process.Capabilities = &specs.LinuxCapabilities{Bounding: names, Effective: names, Permitted: names, Inheritable: names, Ambient: names}
}

// roomy takes the limits from a temporary file system.
func roomy(p string) func(*weakBundle) {
	return func(b *weakBundle) {
		b.options(at(p), func(o []string) []string { return append(drop("size=", "nr_inodes=")(o), "size=0", "nr_inodes=0") })
	}
}

// allCapabilities are the names in the order of their numbers, capabilities(7).
const allCapabilities = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW " +
	"CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL " +
	"CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE"

// hook runs a command outside when the container has started.
func (b *weakBundle) hook(command string) {
	b.Hooks = &specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", command}}}}
}

// protections are what can be taken out of a bundle, by name.
var protections = map[string]func(*weakBundle){
	// Files.
	"read-only binds": func(b *weakBundle) {
		b.options(b.protected, func(o []string) []string { return append(drop("ro", "rro")(o), "rw") })
	},
	"binds of protected files":       func(b *weakBundle) { b.without(b.protected) },
	"binds of folders on themselves": func(b *weakBundle) { b.without(b.pin) },
	"masks of hidden files":          func(b *weakBundle) { b.unmask(b.project) },
	"masked paths":                   func(b *weakBundle) { b.unmask("/proc") },
	"read-only paths":                func(b *weakBundle) { b.Linux.ReadonlyPaths = nil },
	"read-only root":                 func(b *weakBundle) { b.Root.Readonly = false },
	"read-only project": func(b *weakBundle) {
		b.options(at(b.project), func(o []string) []string { return append(drop("ro", "rro")(o), "rw") })
	},
	// As it is granted, and nothing in it held.
	"no further folder": func(b *weakBundle) {
		all, _ := filepath.Glob(filepath.Join(filepath.Dir(b.project), ".jailed-claude-audit-*-further"))
		for _, p := range all {
			b.bind(p, "rw")
		}
	},
	"own home": func(b *weakBundle) { b.without(cached); b.instead(b.home) },
	"own home, read-only": func(b *weakBundle) {
		b.without(cached)
		b.without(at(b.home + "/.claude"))
		b.instead(b.home, "ro")
	},
	"own /tmp":           func(b *weakBundle) { b.instead("/tmp") },
	"own /var/tmp":       func(b *weakBundle) { b.instead("/var/tmp") },
	"own /dev/shm":       func(b *weakBundle) { b.instead("/dev/shm") },
	"own /dev":           func(b *weakBundle) { b.without(at("/dev/pts", "/dev/shm")); b.instead("/dev") },
	"own /etc":           func(b *weakBundle) { b.without(below("/etc")); b.bind("/etc") },
	"no XDG_RUNTIME_DIR": func(b *weakBundle) { b.bind(b.run) },
	"own XDG_RUNTIME_DIR": func(b *weakBundle) {
		b.instead(fmt.Sprintf("/run/user/%d", os.Getuid()))
		b.Mounts[b.mount(fmt.Sprintf("/run/user/%d", os.Getuid()))].Source = b.run
	},
	"no /var":        func(b *weakBundle) { b.bind("/var/log"); b.bind("/var/lib"); b.bind("/var/spool") },
	"no other homes": func(b *weakBundle) { b.bind("/home", "ro"); b.bind("/root", "ro") },
	"no /sys":        func(b *weakBundle) { b.bind("/sys") },
	"closure":        func(b *weakBundle) { b.bind("/nix") },
	"no /usr":        func(b *weakBundle) { b.bind("/usr") },
	"no /run":        func(b *weakBundle) { b.without(below("/run")); b.bind("/run") },
	"no disk": func(b *weakBundle) {
		b.Mounts = append(b.Mounts, specs.Mount{Destination: "/mnt/host", Type: "bind", Source: "/", Options: []string{"rbind", "ro"}})
	},
	"environment": func(b *weakBundle) {
		b.Process.Env = append(b.Process.Env, auditSecret+"="+os.Getenv(auditSecret), "SSH_AUTH_SOCK=/x")
	},
	"programs that are read-only": func(b *weakBundle) {
		p := b.program("cat", nil)
		b.Process.Env = append(b.Process.Env, "PATH="+filepath.Dir(p))
	},
	"mount points that are there": func(b *weakBundle) {
		b.Mounts = append(b.Mounts, specs.Mount{Destination: b.project + "/stub", Type: "bind", Source: "/dev/null", Options: []string{"bind", "ro"}})
	},
	"mounts of the project":     func(b *weakBundle) { b.without(at(b.project)); b.without(below(b.project)) },
	"own settings of the agent": func(b *weakBundle) { b.without(at(b.home + "/.claude")) },
	"no /var, writable":         func(b *weakBundle) { b.without(at("/var/tmp")); b.bind("/var") },
	"nosuid":                    func(b *weakBundle) { b.options(at(b.project), drop("nosuid")) },
	"nodev":                     func(b *weakBundle) { b.options(at(b.project), drop("nodev")) },

	// Namespaces.
	"network namespace": func(b *weakBundle) { b.noNamespace(specs.NetworkNamespace) },
	"ipc namespace":     func(b *weakBundle) { b.noNamespace(specs.IPCNamespace) },
	"pid namespace":     func(b *weakBundle) { b.noNamespace(specs.PIDNamespace); b.instead("/proc") },
	"user namespace": func(b *weakBundle) {
		b.noNamespace(specs.UserNamespace)
		b.Linux.UIDMappings, b.Linux.GIDMappings = nil, nil
	},

	// Privileges.
	"profile":                    func(b *weakBundle) { b.Linux.Seccomp = nil },
	"second filter and Landlock": func(b *weakBundle) { b.Process.Args = slices.Insert(b.Process.Args, 1, "--nesting") },
	"init":                       func(b *weakBundle) { b.Process.Args = b.attacker() },
	"init that nobody reads": func(b *weakBundle) {
		b.Process.Args = append([]string{"bash", "-c", `"$@"; exit $?`, "bash"}, b.attacker()...)
	},
	"init that is read-only": func(b *weakBundle) {
		text, err := os.ReadFile("/bin/bash")
		if err != nil {
			panic(err)
		}
		for _, p := range []string{"/lib", "/lib64", "/usr"} {
			b.bind(p, "ro")
		}
		b.Process.Args = append([]string{b.program("bash", text), "-c", `"$@"; exit $?`, "bash"}, b.attacker()...)
	},
	"no capabilities":     func(b *weakBundle) { b.capabilities() },
	"no_new_privs":        func(b *weakBundle) { b.Process.NoNewPrivileges = false },
	"own ids":             func(b *weakBundle) { b.Process.User.UID, b.Process.User.GID = 65532, 65532 },
	"one group":           func(b *weakBundle) { b.Process.User.AdditionalGids = []uint32{1, 2} },
	"own session keyring": func(b *weakBundle) { b.flags = append(b.flags, "--no-new-keyring") },
	"closed descriptors":  func(b *weakBundle) { b.flags = append(b.flags, "--preserve-fds=2") },
	"device rules": func(b *weakBundle) {
		b.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}}
	},
	"keys":        allowed("keyctl", "add_key", "request_key"),
	"io_uring":    allowed("io_uring_setup", "io_uring_enter", "io_uring_register"),
	"userfaultfd": allowed("userfaultfd"),
	"perf":        allowed("perf_event_open"),
	"personality": allowed("personality"),
	"sockets":     allowed("socket", "socketpair"),
	"modes":       allowed("chmod", "fchmod", "fchmodat", "fchmodat2", "creat", "open", "openat", "openat2", "mknod", "mknodat"),
	"namespaces":  allowed("clone", "clone3", "unshare", "setns"),
	"mounts":      allowed("mount", "umount2", "pivot_root", "chroot", "open_tree", "fsopen", "fspick", "mount_setattr", "move_mount"),
	"other ABI": func(b *weakBundle) {
		b.Linux.Seccomp.Architectures = append(b.Linux.Seccomp.Architectures, specs.ArchX86, specs.ArchX32)
	},

	// Limits.
	"size of /tmp": roomy("/tmp"), "size of /var/tmp": roomy("/var/tmp"), "size of /dev/shm": roomy("/dev/shm"), "size of /dev": roomy("/dev"),
	"size of the home":           func(b *weakBundle) { roomy(b.home)(b) },
	"size of the runtime folder": func(b *weakBundle) { roomy(fmt.Sprintf("/run/user/%d", os.Getuid()))(b) },
	"core limit":                 func(b *weakBundle) { b.Process.Rlimits = nil },
	"cgroup limits":              func(b *weakBundle) { b.Linux.Resources, b.Linux.CgroupsPath = nil, "" },

	// What only a fault could leave.
	"no mount left": func(b *weakBundle) {
		b.hook("mkdir " + filepath.Join(b.dir, leftMount) + " && mount -t tmpfs x " + filepath.Join(b.dir, leftMount))
	},
	"no cgroup left": func(b *weakBundle) {
		roots, _ := filepath.Glob("/sys/fs/cgroup/unified")
		b.hook("mkdir " + append(roots, "/sys/fs/cgroup")[0] + "/jailed-claude-left-" + filepath.Base(b.dir))
	},
	"no file left": func(b *weakBundle) { b.hook("touch " + b.run + "/jailed-claude-left") },
	"a small supervisor": func(*weakBundle) {
		all := make([]byte, 160<<20)
		for i := 0; i < len(all); i += os.Getpagesize() {
			all[i] = 1
		}
	},
	// Not in config.json: the terminal filter and the report at the end are our
	// runtime's, and runc has neither.
	"our runtime": func(*weakBundle) {},
	underCrun:     func(*weakBundle) {},
}

// cached: a mount of a project's own caches, which lie over the home's.
func cached(m specs.Mount) bool {
	return strings.Contains(m.Source, "/jailed-claude/projects/") && strings.Contains(m.Source, "/cache/")
}
