package spec

import (
	"fmt"
	"slices"

	profiles "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// namespaceFlags are the clone(2) flags that make namespaces; Docker's profile
// wants all of them unset.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// seccomp is Docker's default profile for a container without capabilities,
// with three changes: only the native ABI; no file that gives whoever runs it
// the caller's rights; and one door for jailinit, which makes one user namespace
// for the agent and closes the door behind it.
func (b *builder) seccomp() error {
	s, err := dockerProfile()
	if err != nil {
		return err
	}
	s.Syscalls = withoutSetID(s.Syscalls)
	if b.nested() {
		s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{
			Names: []string{"clone"}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 0, Value: namespaceFlags, ValueTwo: unix.CLONE_NEWUSER, Op: specs.OpMaskedEqual}},
		})
	}
	b.spec.Linux.Seccomp = s
	return nil
}

// dockerProfile is github.com/moby/profiles/seccomp without what depends on
// capabilities, on other architectures, or on the running kernel: the rules
// for kernels before 4.8 are of no use here.
func dockerProfile() (*specs.LinuxSeccomp, error) {
	p := profiles.DefaultProfile()
	if p.DefaultAction != specs.ActErrno {
		return nil, fmt.Errorf("the default action of Docker's profile is %s, not a refusal", p.DefaultAction)
	}
	s := &specs.LinuxSeccomp{
		DefaultAction:   p.DefaultAction,
		DefaultErrnoRet: p.DefaultErrnoRet,
		Architectures:   []specs.Arch{nativeArch},
	}
	for _, c := range p.Syscalls {
		if f := c.Includes; f != nil && (len(f.Caps) > 0 || len(f.Arches) > 0 && !slices.Contains(f.Arches, mobyArch)) {
			continue
		}
		// No capability is held, so an exclusion by capability never applies.
		if f := c.Excludes; f != nil && (slices.Contains(f.Arches, mobyArch) || f.MinKernel != nil) {
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
	taken := map[string]bool{"openat2": true}
	allow := func(name string, args ...specs.LinuxSeccompArg) {
		taken[name] = true
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
	var kept []specs.LinuxSyscall
	for _, r := range rules {
		r.Names = slices.DeleteFunc(slices.Clone(r.Names), func(name string) bool { return taken[name] })
		if len(r.Names) > 0 {
			kept = append(kept, r)
		}
	}
	return append(kept, added...)
}
