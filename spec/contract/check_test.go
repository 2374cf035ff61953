package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Store paths of the goldens of package spec.
const (
	storeBash = "/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-bash-5.2"
	storeSelf = "/nix/store/6ggggggggggggggggggggggggggggggg-jailed-claude/bin/jailed-claude"
)

// built is a golden of package spec, with the profile that is kept beside it.
func built(t testing.TB, name string) *specs.Spec {
	t.Helper()
	s, profile := new(specs.Spec), "seccomp-keep"
	if name == "nesting" {
		profile = "seccomp-nesting"
	}
	readJSON(t, name+".json", s)
	readJSON(t, profile+"."+runtime.GOARCH+".json", &s.Linux.Seccomp)
	return s
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}

// clone goes through JSON, as a bundle does.
func clone(t testing.TB, s *specs.Spec) *specs.Spec {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c := new(specs.Spec)
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns the mount of a destination, for a change.
func at(s *specs.Spec, destination string) *specs.Mount {
	for i := range s.Mounts {
		if s.Mounts[i].Destination == destination {
			return &s.Mounts[i]
		}
	}
	panic("no mount on " + destination)
}

func bindAt(source, destination string, options ...string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Type: "bind", Source: source, Destination: destination, Options: options})
	}
}

func readOnly(source, destination string) func(*specs.Spec) {
	return bindAt(source, destination, "rbind", "ro", "rro", "nosuid", "nodev")
}

func readWrite(source, destination string) func(*specs.Spec) {
	return bindAt(source, destination, "rbind", "rw", "nosuid", "nodev")
}

func tmpfsAt(destination string, options ...string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: destination, Options: options})
	}
}

func rule(r specs.LinuxSyscall) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Seccomp.Syscalls = append(s.Linux.Seccomp.Syscalls, r) }
}

func allow(name string, args ...specs.LinuxSeccompArg) func(*specs.Spec) {
	return rule(specs.LinuxSyscall{Names: []string{name}, Action: specs.ActAllow, Args: args})
}

func option(destination, add string) func(*specs.Spec) {
	return func(s *specs.Spec) { at(s, destination).Options = append(at(s, destination).Options, add) }
}

func without(destination, drop string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		m := at(s, destination)
		n := len(m.Options)
		m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return o == drop || strings.HasPrefix(o, drop+"=") })
		if len(m.Options) == n {
			panic(drop + " is not there")
		}
	}
}

func argv(args ...string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Process.Args = args }
}

func env(e string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, e) }
}

// broken are valid configurations with one thing broken, and every violation
// that this is.
var broken = []struct {
	name string
	with func(*specs.Spec)
	want []string
}{
	// Completeness
	{"no process", func(s *specs.Spec) { s.Process = nil }, []string{"completeness: process, process.capabilities, root and linux are needed"}},
	{"no root", func(s *specs.Spec) { s.Root = nil }, []string{"completeness: process, process.capabilities, root and linux are needed"}},
	{"no linux", func(s *specs.Spec) { s.Linux = nil }, []string{"completeness: process, process.capabilities, root and linux are needed"}},
	{"capabilities left to the runtime", func(s *specs.Spec) { s.Process.Capabilities = nil }, []string{"completeness: process, process.capabilities, root and linux are needed"}},

	// Version
	{"newer version", func(s *specs.Spec) { s.Version = "1.3.0" }, []string{`version: ociVersion is "1.3.0", not "1.0.2"`}},

	// Root
	{"writable root", func(s *specs.Spec) { s.Root.Readonly = false }, []string{"root: the root file system is writable"}},
	{"the host's root", func(s *specs.Spec) { s.Root.Path = "/" }, []string{`root: root.path is "/": only the bundle's own rootfs is a root`}},
	{"a root beside the bundle", func(s *specs.Spec) { s.Root.Path = "../rootfs" }, []string{`root: root.path is "../rootfs": only the bundle's own rootfs is a root`}},

	// Namespaces
	{"somebody's pid namespace", func(s *specs.Spec) { s.Linux.Namespaces[2].Path = "/proc/1/ns/pid" }, []string{`namespaces: the pid namespace is somebody else's: "/proc/1/ns/pid"`}},
	{"a time namespace", func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	}, []string{"namespaces: one time namespace too many"}},
	{"two mount namespaces", func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.MountNamespace})
	}, []string{"namespaces: one mount namespace too many"}},

	// ID mappings
	{"no uid mapping", func(s *specs.Spec) { s.Linux.UIDMappings = nil }, []string{"id mappings: the uid mapping is not the caller's own id alone"}},
	{"a second gid", func(s *specs.Spec) {
		s.Linux.GIDMappings = append(s.Linux.GIDMappings, specs.LinuxIDMapping{ContainerID: 1, HostID: 998, Size: 1})
	}, []string{"id mappings: the gid mapping is not the caller's own id alone"}},
	{"all uids", func(s *specs.Spec) { s.Linux.UIDMappings[0].Size = 65536 }, []string{"id mappings: the uid mapping is not the caller's own id alone"}},
	{"uid 0 unmapped", func(s *specs.Spec) { s.Linux.UIDMappings[0].ContainerID = 1000 }, []string{"id mappings: the uid mapping is not the caller's own id alone"}},

	// Privilege
	{"new privileges", func(s *specs.Spec) { s.Process.NoNewPrivileges = false }, []string{"privilege: noNewPrivileges is off"}},
	{"another uid", func(s *specs.Spec) { s.Process.User.UID = 1 }, []string{"privilege: process.user is not 0:0 (jailinit gives the agent its ids)"}},
	{"another gid", func(s *specs.Spec) { s.Process.User.GID = 1 }, []string{"privilege: process.user is not 0:0 (jailinit gives the agent its ids)"}},
	{"a further group", func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{27} }, []string{"privilege: process.user is not 0:0 (jailinit gives the agent its ids)"}},
	{"bounding capability", func(s *specs.Spec) {
		s.Process.Capabilities.Bounding = []string{"CAP_SETFCAP", "CAP_SYS_ADMIN"}
	}, []string{"privilege: the bounding set holds CAP_SYS_ADMIN"}},
	{"effective capability", func(s *specs.Spec) { s.Process.Capabilities.Effective = []string{"CAP_NET_RAW"} }, []string{"privilege: the effective set holds CAP_NET_RAW"}},
	{"permitted capability", func(s *specs.Spec) { s.Process.Capabilities.Permitted = []string{"CAP_KILL"} }, []string{"privilege: the permitted set holds CAP_KILL"}},
	{"inheritable capability", func(s *specs.Spec) { s.Process.Capabilities.Inheritable = []string{"CAP_SETFCAP"} }, []string{"privilege: inheritable or ambient capabilities would reach the agent"}},
	{"ambient capability", func(s *specs.Spec) { s.Process.Capabilities.Ambient = []string{"CAP_SETFCAP"} }, []string{"privilege: inheritable or ambient capabilities would reach the agent"}},

	// Seccomp
	{"no seccomp", func(s *specs.Spec) { s.Linux.Seccomp = nil }, []string{"seccomp: there is no profile"}},
	{"default allow", func(s *specs.Spec) { s.Linux.Seccomp.DefaultAction = specs.ActAllow }, []string{"seccomp: the default action is SCMP_ACT_ALLOW, not a refusal"}},
	{"default log", func(s *specs.Spec) { s.Linux.Seccomp.DefaultAction = specs.ActLog }, []string{"seccomp: the default action is SCMP_ACT_LOG, not a refusal"}},
	{"a second ABI", func(s *specs.Spec) {
		s.Linux.Seccomp.Architectures = append(s.Linux.Seccomp.Architectures, specs.ArchX86)
	}, []string{fmt.Sprintf("seccomp: architectures [%s SCMP_ARCH_X86]: only the native ABI is filtered tightly", NativeArch)}},
	{"no ABI", func(s *specs.Spec) { s.Linux.Seccomp.Architectures = nil }, []string{"seccomp: architectures []: only the native ABI is filtered tightly"}},
	{"a logged rule", rule(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActLog}), []string{"seccomp: a rule has the action SCMP_ACT_LOG"}},
	{"a notified rule", rule(specs.LinuxSyscall{Names: []string{"mount"}, Action: specs.ActNotify}), []string{"seccomp: a rule has the action SCMP_ACT_NOTIFY", "seccomp: mount is allowed"}},
	{"clone3", allow("clone3"), []string{"seccomp: clone3 is allowed"}},
	{"mount with an argument", allow("mount", specs.LinuxSeccompArg{Index: 3, Op: specs.OpEqualTo}), []string{"seccomp: mount is allowed"}},
	{"clone", allow("clone"), []string{"seccomp: clone is allowed with any flags"}},
	{"clone, one bit not looked at", allow("clone", specs.LinuxSeccompArg{Value: NamespaceFlags &^ unix.CLONE_NEWNET, Op: specs.OpMaskedEqual}), []string{"seccomp: clone is allowed with any flags"}},
	{"clone with a network namespace", allow("clone", specs.LinuxSeccompArg{Value: NamespaceFlags, ValueTwo: unix.CLONE_NEWNET, Op: specs.OpMaskedEqual}), []string{"seccomp: clone is allowed with any flags"}},
	{"clone with two namespaces", allow("clone", specs.LinuxSeccompArg{Value: NamespaceFlags, ValueTwo: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Op: specs.OpMaskedEqual}), []string{"seccomp: clone is allowed with any flags"}},
	{"clone, another argument", allow("clone", specs.LinuxSeccompArg{Index: 1, Value: NamespaceFlags, Op: specs.OpMaskedEqual}), []string{"seccomp: clone is allowed with any flags"}},
	{"clone, another operator", allow("clone", specs.LinuxSeccompArg{Value: NamespaceFlags, Op: specs.OpNotEqual}), []string{"seccomp: clone is allowed with any flags"}},
	{"clone with an alternative", allow("clone", specs.LinuxSeccompArg{Value: NamespaceFlags, Op: specs.OpMaskedEqual},
		specs.LinuxSeccompArg{Op: specs.OpGreaterEqual}), []string{"seccomp: clone is allowed with any flags"}},

	// Mounts
	{"relative destination", readOnly("/srv/x", "srv/x"), []string{`mounts: destination "srv/x" is not an absolute, clean path below the root`}},
	{"destination with ..", readOnly("/srv/x", "/srv/../etc/x"), []string{`mounts: destination "/srv/../etc/x" is not an absolute, clean path below the root`}},
	{"destination with a slash behind", readOnly("/srv/x", "/srv/x/"), []string{`mounts: destination "/srv/x/" is not an absolute, clean path below the root`}},
	{"onto the root", readOnly("/srv/x", "/"), []string{`mounts: destination "/" is not an absolute, clean path below the root`}},
	{"NUL in a destination", readOnly("/srv/x", "/srv/x\x00y"), []string{`mounts: "/srv/x\x00y" is not valid UTF-8, or holds NUL`}},
	{"NUL in a source", readOnly("/srv/x\x00y", "/srv/x"), []string{`mounts: "/srv/x" is not valid UTF-8, or holds NUL`}},
	{"source that is not UTF-8", readOnly("/srv/\xff", "/srv/x"), []string{`mounts: "/srv/x" is not valid UTF-8, or holds NUL`}},
	{"sysfs", func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Type: "sysfs", Source: "sysfs", Destination: "/sys"})
	}, []string{`mounts: "/sys" is of type "sysfs"`}},
	{"cgroup", func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup"})
	}, []string{`mounts: "/sys/fs/cgroup" is of type "cgroup"`}},
	{"a bind without the type", func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Source: "/srv", Destination: "/srv", Options: []string{"rbind"}})
	}, []string{`mounts: "/srv" is of type ""`}},
	{"a bind that says it is a tmpfs", tmpfsAt("/srv", "nosuid", "nodev", "size=1m", "nr_inodes=1k", "rbind"), []string{`mounts: "/srv" has the option rbind`}},
	{"a bind that says it is proc", option("/proc", "bind"), []string{`mounts: "/proc" has the option bind`}},
	{"host paths copied in", option("/tmp", "tmpcopyup"), []string{`mounts: "/tmp" has the option tmpcopyup`}},
	{"shared propagation", option("/home/ada/src/app", "rshared"), []string{`mounts: "/home/ada/src/app" has the option rshared`}},
	{"suid after nosuid", option("/home/ada/src/app", "suid"), []string{`mounts: "/home/ada/src/app" has the option suid`}},
	{"dev after nodev", option("/tmp", "dev"), []string{`mounts: "/tmp" has the option dev`}},
	{"rrw after rro", option("/srv/data", "rrw"), []string{`mounts: "/srv/data" has the option rrw`}},
	{"remount", option("/srv/data", "remount"), []string{`mounts: "/srv/data" has the option remount`}},
	{"idmap", option("/home/ada/src/app", "idmap"), []string{`mounts: "/home/ada/src/app" has the option idmap`}},
	{"tmpfs of another owner", option("/tmp", "uid=1"), []string{`mounts: "/tmp" has the option uid=1`}},
	{"a second proc", func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Type: "proc", Source: "proc", Destination: "/proc2"})
	}, []string{`mounts: proc is mounted on "/proc2"`}},
	{"the host's terminals", without("/dev/pts", "newinstance"), []string{"mounts: devpts is not the jail's own"}},
	{"devpts elsewhere", func(s *specs.Spec) { at(s, "/dev/pts").Destination = "/srv/pts" }, []string{"mounts: devpts is not the jail's own"}},
	{"tmpfs without a size", without("/home/ada", "size"), []string{`mounts: the tmpfs "/home/ada" has no size`}},
	{"tmpfs without a number of files", without("/home/ada", "nr_inodes"), []string{`mounts: the tmpfs "/home/ada" takes any number of files`}},
	{"tmpfs with any number of files", option("/tmp", "nr_inodes=0"), []string{`mounts: the tmpfs "/tmp" takes any number of files`}},
	{"tmpfs of size 0", option("/tmp", "size=0"), []string{`mounts: the tmpfs "/tmp" has no size`}},
	{"tmpfs without nosuid", without("/tmp", "nosuid"), []string{`mounts: the tmpfs "/tmp" is not nosuid and nodev`}},
	{"tmpfs without nodev", without("/run/user/1000", "nodev"), []string{`mounts: the tmpfs "/run/user/1000" is not nosuid and nodev`}},
	{"/dev without nosuid", without("/dev", "nosuid"), []string{`mounts: the tmpfs "/dev" is not nosuid and nodev`}},
	{"tmpfs over proc", tmpfsAt("/proc/sys", "nosuid", "nodev", "size=1m", "nr_inodes=1k"), []string{`mounts: a tmpfs would be mounted on "/proc/sys"`}},
	{"tmpfs over PID 1", tmpfsAt("/.jail", "nosuid", "nodev", "size=1m", "nr_inodes=1k"), []string{`mounts: a tmpfs would be mounted on "/.jail"`}},
	{"writable tmpfs on /etc", tmpfsAt("/etc", "nosuid", "nodev", "size=1m", "nr_inodes=1k"), []string{`mounts: "/etc" is writable`}},
	{"writable tmpfs in the store", tmpfsAt("/nix/store/x", "nosuid", "nodev", "size=1m", "nr_inodes=1k"), []string{`mounts: "/nix/store/x" is writable`}},
	{"the whole host", readOnly("/", "/host"), []string{`mounts: "/" must never be in a jail`}},
	{"the host's proc", readOnly("/proc", "/host"), []string{`mounts: "/proc" must never be in a jail`}},
	{"a process of the host", readOnly("/proc/1/root", "/host"), []string{`mounts: "/proc/1/root" must never be in a jail`}},
	{"a file of sysfs", readOnly("/sys/fs/cgroup", "/host"), []string{`mounts: "/sys/fs/cgroup" must never be in a jail`}},
	{"a device", readOnly("/dev/kvm", "/srv/kvm"), []string{`mounts: "/dev/kvm" must never be in a jail`}},
	{"what holds the Nix database", readOnly("/nix/var/nix", "/nix/var/nix"), []string{`mounts: "/nix/var/nix" must never be in a jail`}},
	{"/nix", readOnly("/nix", "/srv/nix"), []string{`mounts: "/nix" must never be in a jail`}},
	{"root's keys", readOnly("/root/.ssh", "/srv/x"), []string{`mounts: "/root/.ssh" must never be in a jail`}},
	{"relative source", readOnly("srv", "/srv"), []string{`mounts: source "srv" is not an absolute, clean path`}},
	{"source with ..", readOnly("/srv/../x", "/srv"), []string{`mounts: source "/srv/../x" is not an absolute, clean path`}},
	{"a bind over proc", readOnly("/srv/x", "/proc/sys/kernel"), []string{`mounts: "/srv/x" would be mounted on "/proc/sys/kernel"`}},
	{"a bind on /dev", readOnly("/srv/x", "/dev/null"), []string{`mounts: "/srv/x" would be mounted on "/dev/null"`}},
	{"a bind beside PID 1", readOnly("/srv/x", "/.jail/x"), []string{`mounts: "/srv/x" would be mounted on "/.jail/x"`}},
	{"bind without nosuid", without("/home/ada/src/app", "nosuid"), []string{`mounts: "/home/ada/src/app" is not nosuid`}},
	{"bind without nodev", without("/home/ada/src/app", "nodev"), []string{`mounts: "/home/ada/src/app" is not nodev`}},
	{"rro is missing", bindAt("/srv/x", "/srv/x", "rbind", "ro", "nosuid", "nodev"), []string{`mounts: what is mounted below "/srv/x" stays writable (rro is missing)`}},
	{"neither ro nor rw", without("/home/ada/src/app", "rw"), []string{`mounts: "/home/ada/src/app" is not either ro or rw and either bind or rbind`}},
	{"rw after ro", option(storeBash, "rw"), []string{`mounts: "` + storeBash + `" is not either ro or rw and either bind or rbind`}},
	{"bind and rbind", option("/home/ada/src/app", "bind"), []string{`mounts: "/home/ada/src/app" is not either ro or rw and either bind or rbind`}},
	{"writable /etc", readWrite("/srv/etc", "/etc"), []string{`mounts: "/etc" is writable`}},
	{"writable file of /etc", readWrite("/srv/x", "/etc/motd"), []string{`mounts: "/etc/motd" is writable`}},
	{"writable store", readWrite("/nix/store", "/nix/store"), []string{`mounts: "/nix/store" is writable`}},
	{"writable store path", readWrite(storeBash, storeBash), []string{`mounts: "` + storeBash + `" is writable`}},
	{"writable /nix", readWrite("/srv/nix", "/nix"), []string{`mounts: "/nix" is writable`}},
	{"writable /usr/lib", readWrite("/usr/lib", "/usr/lib"), []string{`mounts: "/usr/lib" is writable`}},
	{"writable PID 1", readWrite("/srv/x", InitPath), []string{`mounts: "/.jail/init" is writable`}},

	// Process
	{"no arguments", argv(), []string{"process: process.args does not begin with /.jail/init", "process: process.args names no program after --"}},
	{"not PID 1 of ours", argv("/bin/sh", "--", "true"), []string{"process: process.args does not begin with /.jail/init"}},
	{"no program", argv(InitPath, "--"), []string{"process: process.args names no program after --"}},
	{"no dashes", argv(InitPath, "true"), []string{"process: process.args names no program after --"}},
	{"namespaces for the agent", argv(InitPath, "--nesting", "--", "true"), []string{
		`nesting: process.args has "--nesting", and the seccomp profile is not the one for it`,
		`nesting: "/home/ada/src/app/secrets" is hidden in a folder that can be written: who makes namespaces can move it to where it is seen`,
		`nesting: "/home/ada/src/app/web/.env" is hidden in a folder that can be written: who makes namespaces can move it to where it is seen`,
	}},
	{"the clipboard by PID 1's filter", argv(InitPath, "--uid=1", "--gid=1", FilterClipboardFlag, "--", "true"), []string{`process: process.args has "--filter-output=clipboard", which would widen the jail, for PID 1`}},
	{"another filter", argv(InitPath, "--uid=1", "--gid=1", "--seccomp-fd=0", "--", "true"), []string{`process: process.args has "--seccomp-fd=0", which would widen the jail, for PID 1`}},
	{"NUL in an argument", argv(InitPath, "--", "true", "a\x00b"), []string{"process: an argument is not valid UTF-8, or holds NUL"}},
	{"an argument that is not UTF-8", argv(InitPath, "--", "\xc3\x28"), []string{"process: an argument is not valid UTF-8, or holds NUL"}},
	{"relative cwd", func(s *specs.Spec) { s.Process.Cwd = "src" }, []string{`process: process.cwd "src" is not absolute`}},
	{"the pipe of libcontainer", env("_LIBCONTAINER_INITPIPE=3"), []string{`process: the variable "_LIBCONTAINER_INITPIPE" would speak to the runtime`}},
	{"a variable of the machinery", env("_JAIL_X=3"), []string{`process: the variable "_JAIL_X" would speak to the runtime`}},
	{"a variable without a value", env("SECRET"), []string{`process: the variable "SECRET" is malformed`}},
	{"a variable without a name", env("=x"), []string{`process: the variable "" is malformed`}},
	{"NUL in a value", env("A=secret\x00B=1"), []string{`process: the variable "A" is malformed`}},
	{"a value that is not UTF-8", env("A=\xff"), []string{`process: the variable "A" is malformed`}},
	{"core files", func(s *specs.Spec) { s.Process.Rlimits = nil }, []string{"process: core files are not off"}},
	{"core files up to a limit", func(s *specs.Spec) { s.Process.Rlimits[0].Hard = 1 }, []string{"process: core files are not off"}},

	// Network
	{"no rules", rulesOf(`{}`), []string{"network: network: mode is \"\", not one of [\"none\" \"filtered\" \"internet\"]\n" +
		"network: via is \"\", not one of [\"redirect\" \"proxy\"]\nnetwork: tls is \"\", not one of [\"strict\" \"any\"]"}},
	{
		"rules that are none", rulesOf(`{"mode":"filtered","via":"redirect","tls":"strict","allow":["com"]}`),
		[]string{`network: network.allow: "com" is no full name: write it with its domain`},
	},
	{
		"a rule that nobody knows", rulesOf(`{"mode":"filtered","via":"redirect","tls":"strict","magic":true}`),
		[]string{`network: network: json: unknown field "magic"`},
	},
	{"no JSON", rulesOf("x"), []string{"network: network: invalid character 'x' looking for beginning of value"}},
	{"rules of an unknown mode", rulesOf(`{"mode":"all","via":"redirect","tls":"strict"}`), []string{`network: network: mode is "all", not one of ["none" "filtered" "internet"]`}},
	{"rules for the host's network", func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
	}, []string{"network: there are rules, and the jail is in the network namespace of the host"}},
	{"the host's name servers", readOnly("/etc/resolv.conf", "/etc/resolv.conf"), []string{`network: "/etc/resolv.conf" is that of another network`}},
	{"the host's names", readOnly("/etc/hosts", "/etc/hosts"), []string{`network: "/etc/hosts" is that of another network`}},

	// Hooks
	{"empty hooks", withHooks(func(h *specs.Hooks) { *h = specs.Hooks{} }), []string{"hooks: there is not one hook each of createRuntime, createContainer and poststop"}},
	{"a network that nobody ends", withHooks(func(h *specs.Hooks) { h.Poststop = nil }), []string{"hooks: there is not one hook each of createRuntime, createContainer and poststop"}},
	{"a network that nobody joins", withHooks(func(h *specs.Hooks) { h.CreateContainer = nil }), []string{"hooks: there is not one hook each of createRuntime, createContainer and poststop"}},
	{
		"one more hook", withHooks(func(h *specs.Hooks) { h.CreateRuntime = append(h.CreateRuntime, h.CreateRuntime[0]) }),
		[]string{"hooks: there is not one hook each of createRuntime, createContainer and poststop"},
	},
	{
		"a hook that does something else", withHooks(func(h *specs.Hooks) { h.CreateRuntime[0].Args = []string{"jailed-claude", "run"} }),
		[]string{`hooks: the arguments ["jailed-claude" "run"], ["jailed-claude" "hook" "network-join"] and ["jailed-claude" "hook" "network-stop"] are not those that start, join and end the network`},
	},
	{
		"a hook in the wrong place", withHooks(func(h *specs.Hooks) { h.CreateRuntime, h.Poststop = h.Poststop, h.CreateRuntime }),
		[]string{`hooks: the arguments ["jailed-claude" "hook" "network-stop"], ["jailed-claude" "hook" "network-join"] and ["jailed-claude" "hook" "network-start"] are not those that start, join and end the network`},
	},
	{
		"another program at the end", withHooks(func(h *specs.Hooks) { h.Poststop[0].Path = "/bin/sh" }),
		[]string{`hooks: more than one program are hooks: "` + storeSelf + `", "` + storeSelf + `" and "/bin/sh"`},
	},
	{
		"a hook by its name alone", withHooks(hooksAt("jailed-claude")),
		[]string{`hooks: "jailed-claude" is not an absolute, clean path`},
	},
	{
		"a hook that the agent can replace", withHooks(hooksAt("/home/ada/src/app/bin/jailed-claude")),
		[]string{`hooks: the jail can change "/home/ada/src/app/bin/jailed-claude" by way of "/home/ada/src", and it runs outside: install jailed-claude elsewhere`},
	},
	{"hooks for nothing", func(s *specs.Spec) {
		withHooks(func(*specs.Hooks) {})(s)
		delete(s.Annotations, NetworkAnnotation)
	}, []string{"hooks: there are hooks, and no network for them to start"}},

	// Side doors
	{
		"another hook", withHooks(func(h *specs.Hooks) { h.StartContainer = []specs.Hook{{Path: "/bin/sh"}} }),
		[]string{"side doors: hooks.startContainer is set: no jail has it"},
	},
	{
		"a hook's environment", withHooks(func(h *specs.Hooks) { h.Poststop[0].Env = []string{"LD_PRELOAD=/x"} }),
		[]string{"side doors: hooks.poststop.env is set: no jail has it"},
	},
	{"devices", func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kvm"}} }, []string{"side doors: linux.devices is set: no jail has it"}},
	{"device cgroup rules", func(s *specs.Spec) {
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true}}
	}, []string{"side doors: linux.resources.devices is set: no jail has it"}},
	{"cgroup files", func(s *specs.Spec) { s.Linux.Resources.Unified = map[string]string{"memory.max": "max"} }, []string{"side doors: linux.resources.unified is set: no jail has it"}},
	{"sysctl", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} }, []string{"side doors: linux.sysctl is set: no jail has it"}},
	{"a cgroup of the host", func(s *specs.Spec) { s.Linux.CgroupsPath = "/user.slice" }, []string{"side doors: linux.cgroupsPath is set: no jail has it"}},
	{"propagation of the root", func(s *specs.Spec) { s.Linux.RootfsPropagation = "shared" }, []string{"side doors: linux.rootfsPropagation is set: no jail has it"}},
	{"a listener for system calls", func(s *specs.Spec) { s.Linux.Seccomp.ListenerPath = "/run/x" }, []string{"side doors: linux.seccomp.listenerPath is set: no jail has it"}},
	{"no mitigations", func(s *specs.Spec) {
		s.Linux.Seccomp.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow}
	}, []string{"side doors: linux.seccomp.flags is set: no jail has it"}},
	{"a network device of the host", func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}} }, []string{"side doors: linux.netDevices is set: no jail has it"}},
	{"another security profile", func(s *specs.Spec) { s.Process.ApparmorProfile = "unconfined" }, []string{"side doors: process.apparmorProfile is set: no jail has it"}},
	{"another label", func(s *specs.Spec) { s.Process.SelinuxLabel = "spc_t" }, []string{"side doors: process.selinuxLabel is set: no jail has it"}},
	{"killed last", func(s *specs.Spec) { s.Process.OOMScoreAdj = new(-1000) }, []string{"side doors: process.oomScoreAdj is set: no jail has it"}},
	{"mapped mount", func(s *specs.Spec) { s.Mounts[0].UIDMappings = []specs.LinuxIDMapping{{Size: 1}} }, []string{"side doors: mounts.uidMappings is set: no jail has it"}},
	{"another platform", func(s *specs.Spec) { s.VM = &specs.VM{} }, []string{"side doors: vm is set: no jail has it"}},
	{"crun's own filter", func(s *specs.Spec) { s.Annotations["run.oci.seccomp_bpf_data"] = "BgAAAAAA/38=" }, []string{`side doors: the annotation "run.oci.seccomp_bpf_data" may speak to a runtime`}},
	{"the clipboard read", func(s *specs.Spec) { s.Annotations[TerminalAnnotation] = `{"clipboard":"read"}` }, []string{`side doors: the annotation "io.github.jailed-claude.terminal" is "{\"clipboard\":\"read\"}", not {"clipboard":"write"}`}},
	{"systemd's properties", func(s *specs.Spec) { s.Annotations["org.systemd.property.DeviceAllow"] = "[]" }, []string{`side doors: the annotation "org.systemd.property.DeviceAllow" may speak to a runtime`}},
}

// rulesOf replaces what the annotation says.
func rulesOf(text string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Annotations[NetworkAnnotation] = text }
}

// hooksAt is another program for all of them.
func hooksAt(p string) func(*specs.Hooks) {
	return func(h *specs.Hooks) {
		h.CreateRuntime[0].Path, h.CreateContainer[0].Path, h.Poststop[0].Path = p, p, p
	}
}

// withHooks changes the hooks of an exported bundle.
func withHooks(with func(*specs.Hooks)) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Hooks = Hooks(storeSelf)
		with(s.Hooks)
	}
}

// rows adds to broken what is one row for each element of a list.
func rows() []row {
	var all []row
	for _, b := range broken {
		all = append(all, row{b.name, b.with, b.want})
	}
	for _, n := range namespaces {
		all = append(all, row{"no " + string(n) + " namespace", func(s *specs.Spec) {
			s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(have specs.LinuxNamespace) bool { return have.Type == n })
		}, []string{fmt.Sprintf("namespaces: there is no %s namespace", n)}})
	}
	for _, n := range dangerous {
		if n != "clone3" { // has a row above
			all = append(all, row{n, allow(n), []string{"seccomp: " + n + " is allowed"}})
		}
	}
	for _, p := range maskedPaths {
		all = append(all, row{p, func(s *specs.Spec) {
			s.Linux.MaskedPaths = slices.DeleteFunc(s.Linux.MaskedPaths, func(have string) bool { return have == p })
		}, []string{"proc: " + p + " is not masked"}})
	}
	for _, p := range readonlyPaths {
		all = append(all, row{p, func(s *specs.Spec) {
			s.Linux.ReadonlyPaths = slices.DeleteFunc(s.Linux.ReadonlyPaths, func(have string) bool { return have == p })
		}, []string{"proc: " + p + " is not read-only"}})
	}
	return all
}

type row struct {
	name string
	with func(*specs.Spec)
	want []string
}

// violations of a fresh valid configuration with one thing broken.
func (r row) violations(s *specs.Spec) []string {
	r.with(s)
	var got []string
	for _, v := range Check(s) {
		got = append(got, v.String())
	}
	return got
}

func TestCheck(t *testing.T) {
	base := built(t, "everything")
	seen := map[string]bool{}
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			if seen[r.name] {
				t.Error("two rows have this name")
			}
			seen[r.name] = true
			if got := r.violations(clone(t, base)); !slices.Equal(got, r.want) {
				t.Errorf("violations\n got %q\nwant %q", got, r.want)
			}
		})
	}
}

// TestCheckBehindStorePath: what is said of a store path holds for the next one,
// and for nothing else that has the same options.
func TestCheckBehindStorePath(t *testing.T) {
	const hash = "00000000000000000000000000000000"
	good := specs.Mount{Type: "bind", Source: "/nix/store/" + hash + "-a", Destination: "/nix/store/" + hash + "-a", Options: []string{"bind", "ro", "nosuid", "nodev"}}
	with := func(change func(m *specs.Mount)) specs.Mount {
		m := good
		m.Options = slices.Clone(good.Options)
		change(&m)
		return m
	}
	for name, tt := range map[string]struct {
		m   specs.Mount
		bad bool
	}{
		"another one":      {with(func(m *specs.Mount) { m.Source = "/nix/store/" + hash + "-b"; m.Destination = m.Source }), false},
		"another source":   {with(func(m *specs.Mount) { m.Source = "/proc" }), true},
		"another place":    {with(func(m *specs.Mount) { m.Destination = "/proc/x" }), true},
		"of the database":  {with(func(m *specs.Mount) { m.Source = "/nix/var/nix/db"; m.Destination = m.Source }), true},
		"not clean":        {with(func(m *specs.Mount) { m.Source = "/nix/store/../etc"; m.Destination = m.Source }), true},
		"another type":     {with(func(m *specs.Mount) { m.Type = "overlay" }), true},
		"writable":         {with(func(m *specs.Mount) { m.Options[1] = "rw" }), true},
		"an option more":   {with(func(m *specs.Mount) { m.Options = append(m.Options, "suid") }), true},
		"an option less":   {with(func(m *specs.Mount) { m.Options = m.Options[:3] }), true},
		"mapped otherwise": {with(func(m *specs.Mount) { m.UIDMappings = []specs.LinuxIDMapping{{Size: 1}} }), true},
	} {
		t.Run(name, func(t *testing.T) {
			alone, behind := built(t, "everything"), built(t, "everything")
			alone.Mounts = append(alone.Mounts, tt.m)
			behind.Mounts = append(behind.Mounts, good, tt.m)
			want, got := Check(alone), Check(behind)
			if !slices.Equal(got, want) || len(want) > 0 != tt.bad {
				t.Errorf("%q behind a store path, and %q alone", got, want)
			}
		})
	}
	first := built(t, "everything")
	first.Mounts = append(first.Mounts, with(func(m *specs.Mount) { m.Options[1] = "rw" }), with(func(m *specs.Mount) { m.Options[1] = "rw" }))
	if len(Check(first)) == 0 {
		t.Error("two that are alike are not looked at")
	}
}

// TestEveryCheckCounts: without any one of the checks a row above fails, so
// none can be lost unnoticed.
func TestEveryCheckCounts(t *testing.T) {
	base := built(t, "everything")
	whole := checks
	defer func() { checks = whole }()
	for i, c := range whole {
		checks = slices.Delete(slices.Clone(whole), i, i+1)
		if !slices.ContainsFunc(rows(), func(r row) bool { return !slices.Equal(r.violations(clone(t, base)), r.want) }) {
			t.Errorf("no row fails without the check %q", c.name)
		}
	}
}

// TestCheckReportsAll: all violations together, in the same order every time.
func TestCheckReportsAll(t *testing.T) {
	s := built(t, "everything")
	s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
	s.Process.Capabilities.Bounding = []string{"CAP_A"}
	s.Process.Capabilities.Effective = []string{"CAP_B"}
	s.Annotations["b"], s.Annotations["a"] = "", ""
	s.Root.Readonly = false
	want := "the configuration breaks the promises of a jail: root: the root file system is writable; " +
		"id mappings: the uid mapping is not the caller's own id alone; id mappings: the gid mapping is not the caller's own id alone; " +
		"privilege: the bounding set holds CAP_A; privilege: the effective set holds CAP_B; " +
		`side doors: the annotation "a" may speak to a runtime; side doors: the annotation "b" may speak to a runtime`
	for range 20 {
		if got := (&CheckError{Check(s)}).Error(); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// TestCheckKeepsSecrets: no value of a variable is in a violation.
func TestCheckKeepsSecrets(t *testing.T) {
	s := built(t, "nix")
	s.Process.Env = append(s.Process.Env, "TOKEN=hunter2\x00", "_JAIL_TOKEN=hunter2", "=hunter2", "OTHER=\xffhunter2")
	s.Process.Args = append(s.Process.Args, "hunter2\x00")
	v := Check(s)
	if text := (&CheckError{v}).Error(); len(v) != 5 || strings.Contains(text, "hunter2") {
		t.Errorf("%d violations: %s", len(v), text)
	}
}

// TestCheckAllows what somebody may well change in a config.json.
func TestCheckAllows(t *testing.T) {
	for name, with := range map[string]func(*specs.Spec){
		"hooks of an exported bundle": withHooks(func(*specs.Hooks) {}),
		"a hook that is covered": func(s *specs.Spec) {
			const p = "/home/ada/src/app/bin"
			withHooks(func(h *specs.Hooks) {
				h.CreateRuntime[0].Path, h.CreateContainer[0].Path, h.Poststop[0].Path = p+"/jailed-claude", p+"/jailed-claude", p+"/jailed-claude"
			})(s)
			readWrite("/srv/bin", p)(s)
		},
		"a hook in the project, held": func(s *specs.Spec) {
			const p = "/home/ada/src/app/bin"
			withHooks(hooksAt(p + "/jailed-claude"))(s)
			readOnly(p, p)(s)
		},
		"a socket that the policy grants": readOnly("/run/docker.sock", "/run/docker.sock"),
		"a project in /usr/src":           readWrite("/usr/src/app", "/usr/src/app"),
		"a project in /etcetera":          readWrite("/etcetera", "/etcetera"),
		"noexec":                          option("/home/ada/src/app", "noexec"),
		"empty lists": func(s *specs.Spec) {
			s.Linux.Devices, s.Linux.Sysctl = []specs.LinuxDevice{}, map[string]string{}
		},
		"one more refusal": rule(specs.LinuxSyscall{Names: []string{"ptrace", "mount"}, Action: specs.ActKillProcess}),
		"no capability":    func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} },
		"a program that looks like a flag": func(s *specs.Spec) {
			s.Process.Args = []string{InitPath, "--", "prog", "--nesting", "--", "x"}
		},
	} {
		s := built(t, "nix")
		with(s)
		if v := Check(s); len(v) > 0 {
			t.Errorf("%s: %v", name, v)
		}
	}
}

// TestCheckNesting: of what is dangerous a jail for sandboxes has what these need
// and no more, and it needs the flag.
func TestCheckNesting(t *testing.T) {
	nest := built(t, "nesting")
	masked := func(value, flags uint64) specs.LinuxSeccompArg {
		return specs.LinuxSeccompArg{Value: value, ValueTwo: flags, Op: specs.OpMaskedEqual}
	}
	rows := []row{
		{"the flag is gone", argv(InitPath, "--", "true", "--nesting"), []string{
			"seccomp: clone is allowed with any flags", "seccomp: unshare is allowed",
			"seccomp: chroot is allowed", "seccomp: mount is allowed", "seccomp: pivot_root is allowed", "seccomp: umount2 is allowed",
		}},
		{"unshare with any flags", allow("unshare"), []string{"seccomp: unshare is allowed"}},
		{"unshare with a cgroup namespace", allow("unshare", masked(unix.CLONE_NEWTIME, 0)), []string{"seccomp: unshare is allowed"}},
		{"unshare with a time namespace", allow("unshare", masked(unix.CLONE_NEWCGROUP, 0)), []string{"seccomp: unshare is allowed"}},
		{"unshare with a cgroup namespace alone", allow("unshare", masked(NotNested, unix.CLONE_NEWCGROUP)), []string{"seccomp: unshare is allowed"}},
		{"unshare with another operator", allow("unshare", specs.LinuxSeccompArg{Value: NotNested, Op: specs.OpNotEqual}), []string{"seccomp: unshare is allowed"}},
		{"unshare with another argument", allow("unshare", specs.LinuxSeccompArg{Index: 1, Value: NotNested, Op: specs.OpMaskedEqual}), []string{"seccomp: unshare is allowed"}},
		{"unshare with two conditions", allow("unshare", masked(NotNested, 0), masked(NotNested, 0)), []string{"seccomp: unshare is allowed"}},
		{"clone with a cgroup namespace", allow("clone", masked(unix.CLONE_NEWNS, 0)), []string{"seccomp: clone is allowed with any flags"}},
		{"a hidden file that can be moved", func(s *specs.Spec) {
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/home/ada/src/app/.env")
		}, []string{`nesting: "/home/ada/src/app/.env" is hidden in a folder that can be written: who makes namespaces can move it to where it is seen`}},
		{"one whose folder can be moved", func(s *specs.Spec) {
			readWrite("/srv", "/srv")(s)
			readOnly("/srv/a", "/srv/a")(s)
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/srv/a/.env")
		}, []string{`nesting: "/srv/a/.env" is hidden in a folder that can be written: who makes namespaces can move it to where it is seen`}},
		{"one that cannot", func(s *specs.Spec) {
			readOnly("/srv/a", "/srv/a")(s)
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/srv/a/.env")
		}, nil},
	}
	for _, n := range dangerous {
		if n != "unshare" && !slices.Contains(MountCalls, n) {
			rows = append(rows, row{n, allow(n), []string{"seccomp: " + n + " is allowed"}})
		}
	}
	for _, r := range rows {
		if got := r.violations(clone(t, nest)); !slices.Equal(got, r.want) {
			t.Errorf("%s: violations\n got %q\nwant %q", r.name, got, r.want)
		}
	}
}

// TestProfiles: no profile of ours, of whichever architecture, has a rule that
// allows what is dangerous.
func TestProfiles(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		for _, kind := range []string{"root", "keep"} {
			p := new(specs.LinuxSeccomp)
			readJSON(t, "seccomp-"+kind+"."+arch+".json", p)
			if len(p.Syscalls) < 10 {
				t.Fatalf("only %d rules", len(p.Syscalls))
			}
			for _, r := range p.Syscalls {
				for _, name := range r.Names {
					if r.Action == specs.ActAllow && slices.Contains(dangerous, name) {
						t.Errorf("%s, %s: %s is allowed", arch, kind, name)
					}
				}
			}
		}
	}
}

// TestKnownFields: each name is one of the specification's.
func TestKnownFields(t *testing.T) {
	s := built(t, "everything")
	whole := knownFields
	defer func() { knownFields = whole }()
	// All that a configuration may set is set, so each must be missed.
	mask := uint32(1)
	s.Process.User = specs.User{UID: 1, GID: 1, AdditionalGids: []uint32{1}, Umask: &mask}
	s.Process.Capabilities.Inheritable, s.Process.Capabilities.Ambient = []string{"x"}, []string{"x"}
	s.Process.Rlimits = []specs.POSIXRlimit{{Type: "x", Hard: 1, Soft: 1}}
	withHooks(func(*specs.Hooks) {})(s)
	s.Linux.Namespaces[0].Path = "x"
	s.Linux.UIDMappings[0].ContainerID, s.Linux.GIDMappings[0].ContainerID = 1, 1
	s.Linux.Seccomp.DefaultErrnoRet = new(uint(1))
	allow("x", specs.LinuxSeccompArg{Index: 1})(s)
	for i, name := range whole {
		knownFields = slices.Delete(slices.Clone(whole), i, i+1)
		if got := unknownFields(s); !slices.Contains(got, name) {
			t.Errorf("%s is in the list, but no field of a configuration (got %v)", name, got)
		}
	}
	if knownFields = whole; len(unknownFields(s)) > 0 {
		t.Error(unknownFields(s))
	}
}

// TestJailCheck: the network that goes with a configuration is the one that it
// says, or none.
func TestJailCheck(t *testing.T) {
	s := built(t, "net-filtered")
	n, err := Open(s)
	if err != nil || n == nil || n.Rules() == nil {
		t.Fatalf("%+v, %v", n, err)
	}
	if v := (&Jail{Spec: s, Network: n}).Check(); len(v) > 0 {
		t.Errorf("what was parsed is not what is written: %v", v)
	}
	for name, with := range map[string]func(j *Jail){
		"a rule more":  func(j *Jail) { j.Network.Allow = append(slices.Clone(n.Allow), "example.org") },
		"another mode": func(j *Jail) { j.Network.Mode = "internet" },
		"a rule less": func(j *Jail) {
			j.Spec.Annotations[NetworkAnnotation] = strings.Replace(j.Spec.Annotations[NetworkAnnotation], `"*.github.com",`, "", 1)
		},
		"no annotation":   func(j *Jail) { delete(j.Spec.Annotations, NetworkAnnotation) },
		"a broken one":    func(j *Jail) { j.Spec.Annotations[NetworkAnnotation] = "{" },
		"an unknown rule": func(j *Jail) { j.Spec.Annotations[NetworkAnnotation] = `{"magic":true}` },
	} {
		other := *n
		j := &Jail{Spec: clone(t, s), Network: &other}
		with(j)
		if v := j.Check(); len(v) == 0 {
			t.Errorf("%s: no violation", name)
		}
	}
	s.Process.Env = append(s.Process.Env, "_JAIL_X=1")
	if _, err := Open(s); !errors.As(err, new(*CheckError)) {
		t.Errorf("error %v", err)
	}
}
