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
// with two changes: only the native ABI, and one door for jailinit, which
// makes one user namespace for the agent and closes the door behind it.
func (b *builder) seccomp() error {
	s, err := dockerProfile()
	if err != nil {
		return err
	}
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
