package profile

import (
	"fmt"
	"runtime"
	"slices"

	profiles "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Arch is this machine in Docker's profile, which has Go's names.
const Arch = runtime.GOARCH

// Of is Docker's default profile for a container without capabilities, with
// these changes: only the native ABI; less of what an agent never needs; no file
// that gives whoever runs it the caller's rights; and one door for jailinit,
// which makes one user namespace for the agent and closes the door behind it.
// It is for one ABI, which Docker's profile calls moby. door: jailinit
// makes a user namespace; nesting: the agent does as well.
func Of(arch specs.Arch, moby string, door, nesting bool) (*specs.LinuxSeccomp, error) {
	s, err := dockerProfile(arch, moby)
	if err != nil {
		return nil, err
	}
	s.Syscalls = withoutSetID(withoutNeedless(s.Syscalls))
	if door {
		s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{
			Names: []string{"clone"}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 0, Value: contract.NamespaceFlags, ValueTwo: unix.CLONE_NEWUSER, Op: specs.OpMaskedEqual}},
		})
	}
	if nesting {
		s.Syscalls = append(s.Syscalls, forNesting()...)
	}
	return s, nil
}

// forNesting is what bubblewrap and Chromium need to make a sandbox: namespaces,
// by clone and then by unshare; mounts in them; and a root without what was there
// before. setns is not in it (its namespaces are new ones), nor the newer mount
// API.
func forNesting() []specs.LinuxSyscall {
	without := func(name string, flags uint64) specs.LinuxSyscall {
		return specs.LinuxSyscall{
			Names: []string{name}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 0, Value: flags, Op: specs.OpMaskedEqual}},
		}
	}
	return []specs.LinuxSyscall{
		without("clone", unix.CLONE_NEWCGROUP), // the bit of CLONE_NEWTIME is part of the exit signal
		without("unshare", contract.NotNested),
		{Names: slices.Clone(contract.MountCalls), Action: specs.ActAllow},
	}
}

// needless are system calls that Docker's profile allows, and no tool of an
// agent calls: modify_ldt makes 16-bit segments (Wine; CVE-2015-5157,
// CVE-2017-17053), and fanotify_mark is for whom fanotify_init is.
var needless = []string{"fanotify_mark", "modify_ldt"}

// families are the only address families of socket(2). Docker's profile has
// some thirty, of most of which the kernel loads a module at the first call:
// Bluetooth, CAN, NFC, RxRPC, TIPC, … Raw sockets need a capability anyway.
var families = []uint64{unix.AF_UNSPEC, unix.AF_UNIX, unix.AF_INET, unix.AF_INET6}

// netlinks are the protocols of AF_NETLINK: interfaces and addresses
// (getifaddrs, ip), sockets (ss), and devices that come (libudev). Of the
// others nf_tables, xfrm and what hides behind generic netlink have had holes
// for everyone who makes a user namespace (CVE-2022-34918, CVE-2024-1086).
var netlinks = []uint64{unix.NETLINK_ROUTE, unix.NETLINK_SOCK_DIAG, unix.NETLINK_KOBJECT_UEVENT}

func withoutNeedless(rules []specs.LinuxSyscall) []specs.LinuxSyscall {
	equal := func(arg uint, value uint64) specs.LinuxSeccompArg {
		return specs.LinuxSeccompArg{Index: arg, Value: value, Op: specs.OpEqualTo}
	}
	kept := withoutNames(rules, slices.Concat(needless, []string{"socket", "socketpair"}))
	allow := func(name string, args ...specs.LinuxSeccompArg) {
		kept = append(kept, specs.LinuxSyscall{Names: []string{name}, Action: specs.ActAllow, Args: args})
	}
	for _, f := range families {
		allow("socket", equal(0, f))
	}
	for _, p := range netlinks {
		allow("socket", equal(0, unix.AF_NETLINK), equal(2, p))
	}
	allow("socketpair", equal(0, unix.AF_UNIX)) // TIPC has pairs too
	return kept
}

// withoutNames takes system calls out of all rules.
func withoutNames(rules []specs.LinuxSyscall, names []string) []specs.LinuxSyscall {
	var kept []specs.LinuxSyscall
	for _, r := range rules {
		r.Names = slices.DeleteFunc(slices.Clone(r.Names), func(name string) bool { return slices.Contains(names, name) })
		if len(r.Names) > 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

// dockerProfile is github.com/moby/profiles/seccomp without what depends on
// capabilities, on other architectures, or on the running kernel: the rules
// for kernels before 4.8 are of no use here.
func dockerProfile(arch specs.Arch, moby string) (*specs.LinuxSeccomp, error) {
	p := profiles.DefaultProfile()
	if p.DefaultAction != specs.ActErrno {
		return nil, fmt.Errorf("the default action of Docker's profile is %s, not a refusal", p.DefaultAction)
	}
	s := &specs.LinuxSeccomp{
		DefaultAction:   p.DefaultAction,
		DefaultErrnoRet: p.DefaultErrnoRet,
		Architectures:   []specs.Arch{arch},
	}
	for _, c := range p.Syscalls {
		if f := c.Includes; f != nil && (len(f.Caps) > 0 || len(f.Arches) > 0 && !slices.Contains(f.Arches, moby)) {
			continue
		}
		// No capability is held, so an exclusion by capability never applies.
		if f := c.Excludes; f != nil && (slices.Contains(f.Arches, moby) || f.MinKernel != nil) {
			continue
		}
		s.Syscalls = append(s.Syscalls, c.LinuxSyscall)
	}
	return s, nil
}

// setID are the mode bits of inode(7) that no file of a jail gets. Inside they
// do nothing, no mount honours them; on the host, such a file in the project
// runs with the caller's rights, whoever starts it. Nix forbids them in builds.
const setID = unix.S_ISUID | unix.S_ISGID

// setsMode are the system calls that give a file its mode, with the argument
// that holds it. mkdir(2) drops the bits by itself.
var setsMode = []struct {
	name string
	mode uint
}{{"chmod", 1}, {"creat", 1}, {"fchmod", 1}, {"fchmodat", 2}, {"fchmodat2", 2}, {"mknod", 1}, {"mknodat", 2}}

// opens are those whose mode counts only where their flags make a file; where
// not, it is whatever was in the register.
var opens = []struct {
	name  string
	flags uint
}{{"open", 1}, {"openat", 2}}

// makesFile are the flags of open(2) with which it takes a mode: O_CREAT, and
// O_TMPFILE less its O_DIRECTORY.
const makesFile = unix.O_CREAT | unix.O_TMPFILE&^unix.O_DIRECTORY

// withoutSetID lets files be made and changed only without the bits of setID.
// openat2(2) hides its mode in memory, where a filter cannot look, so it does
// not exist: programs then use openat.
func withoutSetID(rules []specs.LinuxSyscall) []specs.LinuxSyscall {
	unset := func(arg uint, bits uint64) specs.LinuxSeccompArg {
		return specs.LinuxSeccompArg{Index: arg, Value: bits, Op: specs.OpMaskedEqual}
	}
	var added []specs.LinuxSyscall
	taken := []string{"openat2"}
	allow := func(name string, args ...specs.LinuxSeccompArg) {
		taken = append(taken, name)
		added = append(added, specs.LinuxSyscall{Names: []string{name}, Action: specs.ActAllow, Args: args})
	}
	for _, c := range setsMode {
		allow(c.name, unset(c.mode, setID))
	}
	for _, c := range opens {
		allow(c.name, unset(c.flags, makesFile))
		allow(c.name, unset(c.flags+1, setID))
	}
	enosys := uint(unix.ENOSYS)
	added = append(added, specs.LinuxSyscall{Names: []string{"openat2"}, Action: specs.ActErrno, ErrnoRet: &enosys})
	return append(withoutNames(rules, taken), added...)
}
