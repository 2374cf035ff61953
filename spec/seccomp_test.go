package spec

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/profile"
)

// TestProfiles compares the profiles of all architectures, whichever this is.
func TestProfiles(t *testing.T) {
	for _, arch := range []struct {
		arch specs.Arch
		moby string
	}{{specs.ArchX86_64, "amd64"}, {specs.ArchAARCH64, "arm64"}} {
		for _, kind := range []struct {
			name          string
			door, nesting bool
		}{{"root", false, false}, {"keep", true, false}, {"nesting", true, true}} {
			p, err := profile.Of(arch.arch, arch.moby, kind.door, kind.nesting)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "seccomp-"+kind.name+"."+arch.moby+".json", render(t, p))
		}
	}
}

// allows says whether a profile lets a call through: a rule for it has only
// conditions that hold.
func allows(p *specs.LinuxSeccomp, name string, args ...uint64) bool {
	args = append(args, make([]uint64, 6)...)
	return slices.ContainsFunc(p.Syscalls, func(r specs.LinuxSyscall) bool {
		return r.Action == specs.ActAllow && slices.Contains(r.Names, name) && !slices.ContainsFunc(r.Args, func(a specs.LinuxSeccompArg) bool {
			switch v := args[a.Index]; a.Op {
			case specs.OpEqualTo:
				return v != a.Value
			case specs.OpMaskedEqual:
				return v&a.Value != a.ValueTwo
			default:
				t := "an operator that no rule of ours has: " + string(a.Op)
				panic(t)
			}
		})
	})
}

// TestProfileAllows: what the documentation says of the profile
// (docs/security.md), for both architectures.
func TestProfileAllows(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		plain, err := profile.Of(contract.NativeArch, arch, true, false)
		if err != nil {
			t.Fatal(err)
		}
		nest, err := profile.Of(contract.NativeArch, arch, true, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			call          string
			args          []uint64
			plain, nested bool
		}{
			{"read", nil, true, true},
			{"openat", []uint64{0, 0, unix.O_CREAT, 0o644}, true, true},
			{"openat", []uint64{0, 0, unix.O_CREAT, 0o4755}, false, false},
			{"openat2", nil, false, false},
			{"fchmodat", []uint64{0, 0, 0o755}, true, true},
			{"fchmodat", []uint64{0, 0, 0o2755}, false, false},
			{"fchmodat2", []uint64{0, 0, 0o4755}, false, false},
			{"mknodat", []uint64{0, 0, unix.S_IFREG | 0o4755}, false, false},
			{"ptrace", nil, true, true},
			{"fanotify_mark", nil, false, false},
			{"modify_ldt", nil, false, false},

			{"socket", []uint64{unix.AF_UNIX}, true, true},
			{"socket", []uint64{unix.AF_INET, unix.SOCK_STREAM}, true, true},
			{"socket", []uint64{unix.AF_INET6, unix.SOCK_DGRAM}, true, true},
			{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, true, true},
			{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, false, false},
			{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC}, false, false},
			{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_XFRM}, false, false},
			{"socket", []uint64{unix.AF_PACKET}, false, false},
			{"socket", []uint64{unix.AF_ALG}, false, false},
			{"socket", []uint64{unix.AF_VSOCK}, false, false},
			{"socket", []uint64{unix.AF_BLUETOOTH}, false, false},
			{"socket", []uint64{unix.AF_TIPC}, false, false},
			{"socket", []uint64{unix.AF_KEY}, false, false},
			{"socket", []uint64{unix.AF_XDP}, false, false},
			{"socketpair", []uint64{unix.AF_UNIX}, true, true},
			{"socketpair", []uint64{unix.AF_TIPC}, false, false},

			{"clone", []uint64{unix.CLONE_VM}, true, true},
			{"clone", []uint64{unix.CLONE_NEWUSER}, true, true}, // jailinit's second filter forbids it to the agent
			{"clone", []uint64{unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID}, false, true},
			{"clone", []uint64{unix.CLONE_NEWUSER | unix.CLONE_NEWCGROUP}, false, false},
			{"clone3", nil, false, false},
			{"unshare", []uint64{unix.CLONE_NEWUSER}, false, true},
			{"unshare", []uint64{unix.CLONE_NEWCGROUP}, false, false},
			{"unshare", []uint64{unix.CLONE_NEWTIME}, false, false},
			{"setns", nil, false, false},
			{"mount", nil, false, true},
			{"umount2", nil, false, true},
			{"pivot_root", nil, false, true},
			{"chroot", nil, false, true},
			{"fsopen", nil, false, false},
			{"open_tree", nil, false, false},
			{"mount_setattr", nil, false, false},
		} {
			if got := allows(plain, c.call, c.args...); got != c.plain {
				t.Errorf("%s: %s%x is allowed: %v", arch, c.call, c.args, got)
			}
			if got := allows(nest, c.call, c.args...); got != c.nested {
				t.Errorf("%s, with nesting: %s%x is allowed: %v", arch, c.call, c.args, got)
			}
		}
	}
}
