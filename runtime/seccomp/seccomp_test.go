package seccomp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// nesting, in place of who the agent is: it may make namespaces.
const nesting = "nesting"

// profile is that of a jail, with the caller's ids or as root.
func profile(t testing.TB, user string) *specs.LinuxSeccomp {
	t.Helper()
	p := policy.Default()
	if p.Identity.Nesting = user == nesting; !p.Identity.Nesting {
		p.Identity.User = user
	}
	j, err := spec.Build(spec.Input{
		Policy:  p,
		Closure: closure.Closure{Toolchain: closure.Host, Agent: "/usr/bin/true", Binds: []string{"/usr"}},
		Host: host.Facts{
			UID: 1000, GID: 1000, User: "ada", Group: "ada", Home: "/home/ada", RuntimeDir: "/run/user/1000",
			StateDir: "/home/ada/state", ProjectState: "/home/ada/state", Project: host.Project{Dir: "/srv/app"}, Executable: "/usr/bin/jailed-claude",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return j.Spec.Linux.Seccomp
}

// machine runs a program as the kernel does.
type machine struct{ vm *bpf.VM }

func assemble(t testing.TB, prog []byte) machine {
	t.Helper()
	raw := make([]bpf.RawInstruction, len(prog)/filterSize)
	if err := binary.Read(bytes.NewReader(prog), binary.NativeEndian, raw); err != nil {
		t.Fatal(err)
	}
	insns, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("the program holds an unknown instruction")
	}
	if len(insns) > 4096 { // BPF_MAXINSNS
		t.Errorf("%d instructions are more than the kernel takes", len(insns))
	}
	vm, err := bpf.NewVM(insns)
	if err != nil {
		t.Fatal(err)
	}
	return machine{vm}
}

func compiled(t testing.TB, p *specs.LinuxSeccomp) machine {
	t.Helper()
	prog, err := compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return assemble(t, prog)
}

// call is struct seccomp_data without the instruction pointer.
type call struct {
	nr   uint32
	arch uint32
	args [6]uint64
}

func native(nr int, args ...uint64) call {
	c := call{nr: uint32(nr), arch: auditArch}
	copy(c.args[:], args)
	return c
}

// run gives the program's verdict. The kernel loads words in the byte order of
// the machine, the VM in that of the network; the words lie where a
// little-endian machine has them.
func (m machine) run(t testing.TB, c call) uint32 {
	t.Helper()
	words := []uint32{c.nr, c.arch, 0, 0}
	for _, a := range c.args {
		words = append(words, uint32(a), uint32(a>>32))
	}
	var data []byte
	for _, w := range words {
		data = binary.BigEndian.AppendUint32(data, w)
	}
	v, err := m.vm.Run(data)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return uint32(v)
}

const (
	allowed = uint32(unix.SECCOMP_RET_ALLOW)
	eperm   = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
	enosys  = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOSYS)
)

// kills: the process or the thread ends.
func kills(v uint32) bool {
	return v == uint32(unix.SECCOMP_RET_KILL_PROCESS) || v == uint32(unix.SECCOMP_RET_KILL_THREAD)
}

func verdict(v uint32) string {
	switch {
	case v == allowed:
		return "allow"
	case kills(v):
		return "kill"
	case v&^0xffff == uint32(unix.SECCOMP_RET_ERRNO):
		return "errno " + unix.ErrnoName(unix.Errno(v&0xffff))
	}
	return fmt.Sprintf("%#x", v)
}

// reading is a profile as the OCI specification describes it, and nothing of
// libseccomp but the numbers of system calls.
type reading struct {
	rules    map[uint32][]specs.LinuxSyscall
	fallback uint32
	newest   uint32
}

func read(p *specs.LinuxSeccomp) *reading {
	r := &reading{rules: map[uint32][]specs.LinuxSyscall{}, fallback: eperm}
	if p.DefaultErrnoRet != nil {
		r.fallback = uint32(unix.SECCOMP_RET_ERRNO) | uint32(*p.DefaultErrnoRet)
	}
	for _, rule := range p.Syscalls {
		for _, name := range rule.Names {
			nr, err := libseccomp.GetSyscallFromName(name)
			if err != nil || nr < 0 {
				continue
			}
			r.rules[uint32(nr)] = append(r.rules[uint32(nr)], rule)
			r.newest = max(r.newest, uint32(nr))
		}
	}
	return r
}

func (r *reading) verdict(c call) uint32 {
	if c.arch != auditArch || c.nr >= x32Bit {
		return unix.SECCOMP_RET_KILL_THREAD
	}
	if c.nr > r.newest {
		return enosys
	}
	for _, rule := range r.rules[c.nr] {
		if !matches(rule.Args, c) {
			continue
		}
		switch rule.Action {
		case specs.ActAllow:
			return allowed
		case specs.ActKillProcess:
			return uint32(unix.SECCOMP_RET_KILL_PROCESS)
		case specs.ActErrno:
			if rule.ErrnoRet == nil {
				return eperm
			}
			return uint32(unix.SECCOMP_RET_ERRNO) | uint32(*rule.ErrnoRet)
		default:
			return uint32(unix.SECCOMP_RET_LOG)
		}
	}
	return r.fallback
}

// matches: all conditions hold; of several on one argument, one is enough.
func matches(args []specs.LinuxSeccompArg, c call) bool {
	indices := map[uint]bool{}
	hold, any := 0, false
	for _, a := range args {
		indices[a.Index] = true
		if holds(a, c.args[a.Index]) {
			hold, any = hold+1, true
		}
	}
	if len(indices) < len(args) {
		return any
	}
	return hold == len(args)
}

func holds(a specs.LinuxSeccompArg, v uint64) bool {
	switch a.Op {
	case specs.OpNotEqual:
		return v != a.Value
	case specs.OpLessThan:
		return v < a.Value
	case specs.OpLessEqual:
		return v <= a.Value
	case specs.OpEqualTo:
		return v == a.Value
	case specs.OpGreaterEqual:
		return v >= a.Value
	case specs.OpGreaterThan:
		return v > a.Value
	case specs.OpMaskedEqual:
		return v&a.Value == a.ValueTwo
	}
	return false
}

// same compares the program with the reading for one call.
func same(t *testing.T, m machine, r *reading, c call) {
	t.Helper()
	got, want := m.run(t, c), r.verdict(c)
	if got != want && (!kills(got) || !kills(want)) {
		name, _ := libseccomp.ScmpSyscall(c.nr).GetName()
		t.Errorf("%s (%d) arch %#x args %#x: %s, the profile says %s", name, c.nr, c.arch, c.args, verdict(got), verdict(want))
	}
}

// newFlags are the clone(2) flags that make namespaces.
var newFlags = map[string]uint64{
	"NEWNS": unix.CLONE_NEWNS, "NEWCGROUP": unix.CLONE_NEWCGROUP, "NEWUTS": unix.CLONE_NEWUTS, "NEWIPC": unix.CLONE_NEWIPC,
	"NEWUSER": unix.CLONE_NEWUSER, "NEWPID": unix.CLONE_NEWPID, "NEWNET": unix.CLONE_NEWNET,
}

// sigchld is what fork(3) gives to clone(2).
const sigchld = uint64(unix.SIGCHLD)

// threadFlags are what pthread_create(3) gives.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM |
	unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID

// interesting are values of an argument on both sides of every border.
func interesting() []uint64 {
	values := []uint64{
		0, 1, 2, 3, 7, 8, 9, 17, 37, 38, 39, 40, 41, 45, 46, 0x20000, 0x20008, 0x20009, 1 << 31, 1<<31 - 1,
		1<<32 - 1, 1 << 32, 1<<32 + 8, 1<<32 + 38, 1<<63 - 1, 1 << 63, 1<<64 - 1, sigchld, threadFlags, unix.CLONE_VFORK | unix.CLONE_VM | sigchld,
	}
	for i := range uint64(48) {
		values = append(values, i)
	}
	var all uint64
	for _, a := range newFlags {
		all |= a
		for _, b := range newFlags {
			values = append(values, a|b, a|b|sigchld, a|b|threadFlags, a|b|1<<32)
		}
	}
	return append(values, all, all|sigchld, all&^unix.CLONE_NEWUSER)
}

func TestAgainstTheProfile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, user := range []string{policy.UserKeep, policy.UserRoot, nesting} {
		t.Run(user, func(t *testing.T) {
			p := profile(t, user)
			m, r := compiled(t, p), read(p)
			if r.newest < 400 || len(r.rules) < 250 {
				t.Fatalf("a profile of %d calls up to %d", len(r.rules), r.newest)
			}
			for nr := range uint32(601) {
				same(t, m, r, call{nr: nr, arch: auditArch})
				for range 4 {
					c := call{nr: nr, arch: auditArch}
					for i := range c.args {
						c.args[i] = rng.Uint64() >> rng.UintN(64)
					}
					same(t, m, r, c)
				}
				for _, arch := range []uint32{0, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, unix.AUDIT_ARCH_S390X, auditArch ^ 1, auditArch ^ 0x80000000} {
					if v := m.run(t, call{nr: nr, arch: arch}); !kills(v) {
						t.Errorf("call %d of architecture %#x: %s", nr, arch, verdict(v))
					}
				}
				if v := m.run(t, native(int(nr|x32Bit))); !kills(v) {
					t.Errorf("call %d of x32: %s", nr, verdict(v))
				}
			}
			// Every rule with conditions, at every border.
			for nr, rules := range r.rules {
				for _, rule := range rules {
					for _, a := range rule.Args {
						for _, v := range append(interesting(), a.Value, a.Value-1, a.Value+1, a.ValueTwo, a.Value|1<<32) {
							c := call{nr: nr, arch: auditArch}
							c.args[a.Index] = v
							same(t, m, r, c)
						}
					}
				}
			}
			for _, nr := range []uint32{r.newest, r.newest + 1, x32Bit - 1} {
				same(t, m, r, call{nr: nr, arch: auditArch})
			}
			for _, nr := range []uint32{x32Bit, 0x7fffffff, 0x80000000, 0xfffffffe} {
				if v := m.run(t, native(int(nr))); !kills(v) {
					t.Errorf("call %#x: %s", nr, verdict(v))
				}
			}
		})
	}
}

// TestVerdicts states what a jail promises, without reading its profile.
func TestVerdicts(t *testing.T) {
	keep, root := compiled(t, profile(t, policy.UserKeep)), compiled(t, profile(t, policy.UserRoot))
	both := func(want uint32, calls map[string]call) {
		t.Helper()
		for name, c := range calls {
			for who, m := range map[string]machine{"keep": keep, "root": root} {
				if got := m.run(t, c); got != want {
					t.Errorf("%s as %s: %s, not %s", name, who, verdict(got), verdict(want))
				}
			}
		}
	}
	both(allowed, map[string]call{
		"read": native(unix.SYS_READ), "execve": native(unix.SYS_EXECVE), "openat": native(unix.SYS_OPENAT), "futex": native(unix.SYS_FUTEX),
		"a thread": native(unix.SYS_CLONE, threadFlags), "a process": native(unix.SYS_CLONE, sigchld),
		"AF_UNIX": native(unix.SYS_SOCKET, unix.AF_UNIX), "AF_INET": native(unix.SYS_SOCKET, unix.AF_INET), "AF_INET6": native(unix.SYS_SOCKET, unix.AF_INET6),
		"AF_NETLINK": native(unix.SYS_SOCKET, unix.AF_NETLINK), "personality 0": native(unix.SYS_PERSONALITY, 0),
		"personality query": native(unix.SYS_PERSONALITY, 0xffffffff), "seccomp": native(unix.SYS_SECCOMP), "landlock": native(unix.SYS_LANDLOCK_RESTRICT_SELF),
	})
	both(eperm, map[string]call{
		"mount": native(unix.SYS_MOUNT), "umount2": native(unix.SYS_UMOUNT2), "unshare": native(unix.SYS_UNSHARE), "setns": native(unix.SYS_SETNS),
		"bpf": native(unix.SYS_BPF), "keyctl": native(unix.SYS_KEYCTL), "add_key": native(unix.SYS_ADD_KEY), "perf_event_open": native(unix.SYS_PERF_EVENT_OPEN),
		"userfaultfd": native(unix.SYS_USERFAULTFD), "io_uring_setup": native(unix.SYS_IO_URING_SETUP), "open_tree": native(unix.SYS_OPEN_TREE),
		"move_mount": native(unix.SYS_MOVE_MOUNT), "fsopen": native(unix.SYS_FSOPEN), "mount_setattr": native(unix.SYS_MOUNT_SETATTR),
		"chroot": native(unix.SYS_CHROOT), "pivot_root": native(unix.SYS_PIVOT_ROOT), "pidfd_getfd": native(unix.SYS_PIDFD_GETFD), "kcmp": native(unix.SYS_KCMP),
		"kexec_load": native(unix.SYS_KEXEC_LOAD), "init_module": native(unix.SYS_INIT_MODULE), "reboot": native(unix.SYS_REBOOT), "swapon": native(unix.SYS_SWAPON),
		"open_by_handle_at": native(unix.SYS_OPEN_BY_HANDLE_AT), "syslog": native(unix.SYS_SYSLOG), "settimeofday": native(unix.SYS_SETTIMEOFDAY),
		"AF_ALG": native(unix.SYS_SOCKET, unix.AF_ALG), "AF_VSOCK": native(unix.SYS_SOCKET, unix.AF_VSOCK),
		"AF_BLUETOOTH": native(unix.SYS_SOCKET, unix.AF_BLUETOOTH), "AF_TIPC": native(unix.SYS_SOCKET, unix.AF_TIPC), "AF_PACKET": native(unix.SYS_SOCKET, unix.AF_PACKET),
		"nf_tables": native(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER), "pairs of TIPC": native(unix.SYS_SOCKETPAIR, unix.AF_TIPC),
		"generic netlink": native(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC), "fanotify_mark": native(unix.SYS_FANOTIFY_MARK),
		"AF_ALG with a high bit": native(unix.SYS_SOCKET, 1<<32|unix.AF_ALG), "AF_INET with a high bit": native(unix.SYS_SOCKET, 1<<32|unix.AF_INET),
		"a socket of no family": native(unix.SYS_SOCKET, 1<<64-1), "READ_IMPLIES_EXEC": native(unix.SYS_PERSONALITY, 0x0400000),
		"ADDR_NO_RANDOMIZE": native(unix.SYS_PERSONALITY, 0x0040000),
	})
	both(allowed, map[string]call{
		"fchmodat 0777": native(unix.SYS_FCHMODAT, 0, 0, 0o1777), "openat that makes no file": native(unix.SYS_OPENAT, 0, 0, unix.O_RDWR, 1<<64-1),
		"openat that makes one": native(unix.SYS_OPENAT, 0, 0, unix.O_CREAT|unix.O_WRONLY, 0o1777), "mknodat": native(unix.SYS_MKNODAT, 0, 0, unix.S_IFIFO|0o666),
		"a temporary file": native(unix.SYS_OPENAT, 0, 0, unix.O_TMPFILE|unix.O_RDWR, 0o600), "a folder": native(unix.SYS_OPENAT, 0, 0, unix.O_DIRECTORY, unix.S_ISUID),
	})
	for name, bit := range map[string]uint64{"S_ISUID": unix.S_ISUID, "S_ISGID": unix.S_ISGID, "both": unix.S_ISUID | unix.S_ISGID, "S_ISUID with a high bit": 1<<40 | unix.S_ISUID} {
		both(eperm, map[string]call{
			"fchmod " + name: native(unix.SYS_FCHMOD, 0, bit|0o755), "fchmodat " + name: native(unix.SYS_FCHMODAT, 0, 0, bit), "mknodat " + name: native(unix.SYS_MKNODAT, 0, 0, bit|unix.S_IFREG),
			"openat O_CREAT " + name: native(unix.SYS_OPENAT, 0, 0, unix.O_CREAT|unix.O_WRONLY, bit|0o755), "openat O_TMPFILE " + name: native(unix.SYS_OPENAT, 0, 0, unix.O_TMPFILE|unix.O_RDWR, bit),
		})
	}
	both(enosys, map[string]call{"openat2": native(unix.SYS_OPENAT2), "clone3": native(unix.SYS_CLONE3), "call 600": native(600), "call 1000": native(1000)})

	for name, flag := range newFlags {
		for _, with := range []uint64{0, sigchld, threadFlags, 1 << 32} {
			if v := root.run(t, native(unix.SYS_CLONE, flag|with)); v != eperm {
				t.Errorf("clone(%s|%#x) as root: %s", name, with, verdict(v))
			}
			want := eperm
			if name == "NEWUSER" {
				want = allowed // jailinit's one door; it closes it behind itself
			}
			if v := keep.run(t, native(unix.SYS_CLONE, flag|with)); v != want {
				t.Errorf("clone(%s|%#x): %s", name, with, verdict(v))
			}
			if name == "NEWUSER" {
				continue
			}
			if v := keep.run(t, native(unix.SYS_CLONE, flag|with|unix.CLONE_NEWUSER)); v != eperm {
				t.Errorf("clone(NEWUSER|%s|%#x): %s", name, with, verdict(v))
			}
		}
	}
}

// TestOtherProfiles: operators, conditions and actions that the profile of a
// jail does not use.
func TestOtherProfiles(t *testing.T) {
	borders := []uint64{0, 1, 5, 6, 1<<32 - 1, 1 << 32, 1<<32 + 5, 1<<40 + 6, 1 << 63, 1<<64 - 1}
	for _, op := range []specs.LinuxSeccompOperator{
		specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo,
		specs.OpGreaterEqual, specs.OpGreaterThan,
	} {
		for _, value := range borders {
			p := minimal(specs.LinuxSyscall{Names: []string{"kill"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 1, Op: op, Value: value}}})
			m, r := compiled(t, p), read(p)
			for _, v := range borders {
				for _, d := range []uint64{0, 1, ^uint64(0)} {
					same(t, m, r, native(unix.SYS_KILL, 0, v+d))
				}
			}
		}
	}
	errno := func(n uint) *uint { return &n }
	for name, rules := range map[string][]specs.LinuxSyscall{
		"masked": {{Names: []string{"kill"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 0, Op: specs.OpMaskedEqual, Value: 1<<40 | 6, ValueTwo: 1<<40 | 4}}}},
		"two arguments": {{Names: []string{"kill"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{
			{Index: 0, Op: specs.OpEqualTo, Value: 5}, {Index: 1, Op: specs.OpGreaterThan, Value: 5},
		}}},
		"one argument twice": {{Names: []string{"kill"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{
			{Index: 0, Op: specs.OpEqualTo, Value: 5}, {Index: 0, Op: specs.OpEqualTo, Value: 1 << 32},
		}}},
		"kill and errno": {{Names: []string{"kill"}, Action: specs.ActKillProcess}, {Names: []string{"tkill"}, Action: specs.ActErrno, ErrnoRet: errno(95)}},
		"what holds anyway": {
			{Names: []string{"kill"}, Action: specs.ActErrno},
			{Names: []string{"tkill"}, Action: specs.ActErrno, ErrnoRet: errno(1)},
			{Names: []string{"tgkill"}, Action: specs.ActAllow},
		},
		"nothing known":   {{Names: []string{"no_such_call"}, Action: specs.ActAllow}},
		"nothing at all":  nil,
		"the newest call": {{Names: []string{"kill", "openat2"}, Action: specs.ActErrno}},
	} {
		t.Run(name, func(t *testing.T) {
			p := minimal(rules...)
			m, r := compiled(t, p), read(p)
			for nr := range 601 {
				same(t, m, r, native(nr, 5, 6))
			}
			for _, nr := range []int{unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL} {
				for _, a := range borders {
					for _, b := range borders {
						same(t, m, r, native(nr, a, b))
					}
				}
			}
		})
	}
	p := minimal(specs.LinuxSyscall{Names: []string{"kill", "openat2"}, Action: specs.ActAllow})
	p.DefaultErrnoRet = errno(13)
	if v := compiled(t, p).run(t, native(unix.SYS_MOUNT)); v != uint32(unix.SECCOMP_RET_ERRNO)|13 {
		t.Errorf("another default: %s", verdict(v))
	}
}

func minimal(rules ...specs.LinuxSyscall) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: rules}
}

func TestCompileRefuses(t *testing.T) {
	one := func(r specs.LinuxSyscall) *specs.LinuxSeccomp { return minimal(r) }
	for _, r := range []struct {
		p    *specs.LinuxSeccomp
		want string
	}{
		{&specs.LinuxSeccomp{DefaultAction: specs.ActAllow}, `seccomp default action "SCMP_ACT_ALLOW": only SCMP_ACT_ERRNO is supported`},
		{&specs.LinuxSeccomp{}, `seccomp default action "": only SCMP_ACT_ERRNO is supported`},
		{one(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActNotify}), `seccomp rule for read: action "SCMP_ACT_NOTIFY" is not supported`},
		{one(specs.LinuxSyscall{Names: []string{"read"}}), `seccomp rule for read: action "" is not supported`},
		{
			one(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Op: "SCMP_CMP_LIKE"}}}),
			`seccomp rule for read: operator "SCMP_CMP_LIKE" is not known`,
		},
		{
			one(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}),
			"seccomp rule for read: syscalls only have up to 6 arguments (6 given)",
		},
	} {
		prog, err := compile(r.p)
		if err == nil || err.Error() != r.want || prog != nil {
			t.Errorf("%d bytes, error %v\n           want %s", len(prog), err, r.want)
		}
		dir := t.TempDir()
		if prog, _, err := Cached(dir, r.p); err == nil || prog != nil {
			t.Errorf("cached: %d bytes, error %v", len(prog), err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("a refused profile is in the cache: %v, %v", list, err)
		}
	}
}

func TestCompileIsDeterministic(t *testing.T) {
	p := profile(t, policy.UserKeep)
	before, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	a, errA := compile(p)
	b, errB := compile(p)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two programs of one profile differ")
	}
	if after, err := json.Marshal(p); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the profile was changed (%v)", err)
	}
}

// small is a profile that compiles fast.
func small() *specs.LinuxSeccomp {
	return minimal(specs.LinuxSyscall{Names: []string{"read", "write"}, Action: specs.ActAllow})
}

// cached fills a new cache with the program of small and returns the entry.
func cached(t *testing.T) (dir, entry string, prog []byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "new", "cache")
	prog, cacheErr, err := Cached(dir, small())
	if err := errors.Join(cacheErr, err); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 { // no temporary file either
		t.Fatalf("entries %v, error %v", list, err)
	}
	return dir, filepath.Join(dir, list[0].Name()), prog
}

func TestCacheHit(t *testing.T) {
	dir, entry, prog := cached(t)
	if want, err := compile(small()); err != nil || !bytes.Equal(prog, want) {
		t.Errorf("not the program that Compile makes (%v)", err)
	}
	for p, mode := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, entry: 0o600} {
		if fi, err := os.Stat(p); err != nil || fi.Mode() != mode {
			t.Errorf("%s: mode %v, error %v", p, fi.Mode(), err)
		}
	}
	// An entry of another program under this key: if that comes back, nothing
	// was compiled.
	other := append(slices.Clone(prog), prog[:filterSize]...)
	sum := digest(entry, other)
	if err := os.WriteFile(entry, append(sum[:], other...), 0o600); err != nil {
		t.Fatal(err)
	}
	got, cacheErr, err := Cached(dir, small())
	if err := errors.Join(cacheErr, err); err != nil || !bytes.Equal(got, other) {
		t.Errorf("compiled anew, error %v", err)
	}
}

func TestCacheRefuses(t *testing.T) {
	write := func(change func([]byte) []byte) func(*testing.T, string) error {
		return func(t *testing.T, entry string) error {
			b, err := os.ReadFile(entry)
			if err != nil {
				return err
			}
			return os.WriteFile(entry, change(b), 0o600)
		}
	}
	for _, r := range []struct {
		name string
		with func(*testing.T, string) error
		want string
	}{
		{"one bit of the program", write(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), " is damaged"},
		{"one bit of the digest", write(func(b []byte) []byte { b[0] ^= 0x80; return b }), " is damaged"},
		{"truncated", write(func(b []byte) []byte { return b[:len(b)-filterSize] }), " is damaged"},
		{"longer", write(func(b []byte) []byte { return append(b, make([]byte, filterSize)...) }), " is damaged"},
		{"half a digest", write(func(b []byte) []byte { return b[:16] }), " is damaged"},
		{"empty", write(func([]byte) []byte { return nil }), " is damaged"},
		{"a program for every call", write(func([]byte) []byte {
			// The plain digest of the content is not enough.
			prog := make([]byte, filterSize)
			sum := digest("another.bpf", prog)
			return append(sum[:], prog...)
		}), " is damaged"},
		{"no program", func(_ *testing.T, entry string) error {
			sum := digest(entry, nil)
			return os.WriteFile(entry, sum[:], 0o600)
		}, " is damaged"},
		{"others may write", func(_ *testing.T, entry string) error { return os.Chmod(entry, 0o606) }, "others may write "},
		{"the group may write", func(_ *testing.T, entry string) error { return os.Chmod(entry, 0o660) }, "others may write "},
		{"another user's", func(t *testing.T, entry string) error {
			if os.Getuid() != 0 {
				t.Skip("giving a file away takes root")
			}
			return os.Chown(entry, 65534, -1)
		}, " belongs to another user"},
		{"a symlink to a good entry", func(_ *testing.T, entry string) error {
			return errors.Join(os.Rename(entry, entry+".real"), os.Symlink(entry+".real", entry))
		}, "too many levels of symbolic links"},
		{"a dangling symlink", func(_ *testing.T, entry string) error {
			return errors.Join(os.Remove(entry), os.Symlink("/nonexistent", entry))
		}, "too many levels of symbolic links"},
		{"a FIFO", func(_ *testing.T, entry string) error {
			return errors.Join(os.Remove(entry), unix.Mkfifo(entry, 0o600))
		}, " is no file"},
		{"the entry of another profile", func(_ *testing.T, entry string) error {
			_, cacheErr, err := Cached(filepath.Dir(entry), minimal())
			list, errDir := os.ReadDir(filepath.Dir(entry))
			for _, e := range list {
				if p := filepath.Join(filepath.Dir(entry), e.Name()); p != entry {
					err = errors.Join(err, os.Rename(p, entry))
				}
			}
			return errors.Join(cacheErr, err, errDir)
		}, " is damaged"},
	} {
		t.Run(r.name, func(t *testing.T) {
			dir, entry, want := cached(t)
			if err := r.with(t, entry); err != nil {
				t.Fatal(err)
			}
			got, cacheErr, err := Cached(dir, small())
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("not a good program; error %v", err)
			}
			if cacheErr == nil || !strings.Contains(cacheErr.Error(), r.want) {
				t.Errorf("\n got %v\nwant %s", cacheErr, r.want)
			}
			// The entry is whole again.
			got, cacheErr, err = Cached(dir, small())
			if err := errors.Join(cacheErr, err); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the next time: %v", err)
			}
			if fi, err := os.Lstat(entry); err != nil || fi.Mode() != 0o600 {
				t.Errorf("mode %v, error %v", fi.Mode(), err)
			}
			for _, p := range []string{entry + ".real", entry} {
				if b, err := os.ReadFile(p); err == nil && !bytes.Equal(b[len(b)-len(want):], want) {
					t.Errorf("%s was changed", p)
				}
			}
		})
	}
}

// TestCacheMissing: without a cache there is a program all the same.
func TestCacheMissing(t *testing.T) {
	want, err := compile(small())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"below a file": filepath.Join(file, "cache"), "a file": file, "a folder of the kernel's": "/proc/sys/kernel", "read-only": closed} {
		if dir == closed && os.Getuid() == 0 {
			continue // root can write it
		}
		prog, cacheErr, err := Cached(dir, small())
		if err != nil || !bytes.Equal(prog, want) {
			t.Errorf("%s: no good program; error %v", name, err)
		}
		if cacheErr == nil || !strings.Contains(cacheErr.Error(), "seccomp cache: ") {
			t.Errorf("%s: cache error %v", name, cacheErr)
		}
	}
	t.Run("an entry that is a folder", func(t *testing.T) {
		dir, entry, want := cached(t)
		if err := errors.Join(os.Remove(entry), os.MkdirAll(filepath.Join(entry, "x"), 0o700)); err != nil {
			t.Fatal(err)
		}
		prog, cacheErr, err := Cached(dir, small())
		if err != nil || !bytes.Equal(prog, want) || cacheErr == nil {
			t.Errorf("error %v, cache error %v", err, cacheErr)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
			t.Errorf("left behind: %v, %v", list, err)
		}
	})
}

func TestKeys(t *testing.T) {
	dir, _, _ := cached(t)
	for n, p := range []*specs.LinuxSeccomp{
		minimal(), minimal(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActAllow}),
		minimal(specs.LinuxSyscall{Names: []string{"write", "read"}, Action: specs.ActAllow}),
		profile(t, policy.UserKeep), profile(t, policy.UserRoot),
	} {
		if _, cacheErr, err := Cached(dir, p); cacheErr != nil || err != nil {
			t.Fatal(cacheErr, err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != n+2 {
			t.Errorf("profile %d: %d entries, error %v", n, len(list), err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	p := profile(b, policy.UserKeep)
	for b.Loop() {
		if _, err := compile(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCached(b *testing.B) {
	p, dir := profile(b, policy.UserKeep), b.TempDir()
	if _, _, err := Cached(dir, p); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, cacheErr, err := Cached(dir, p); cacheErr != nil || err != nil {
			b.Fatal(cacheErr, err)
		}
	}
}
