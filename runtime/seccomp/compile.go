package seccomp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// compile returns the profile as a program for seccomp(2): an array of struct
// sock_filter in the byte order of the machine.
//
// System calls that are newer than all that the profile names answer ENOSYS
// instead of the default action, as runc and crun do, so that a libc that
// tries a new call first falls back to the old one.
func compile(p *specs.LinuxSeccomp) ([]byte, error) {
	if p.DefaultAction != specs.ActErrno {
		return nil, fmt.Errorf("seccomp default action %q: only %s is supported", p.DefaultAction, specs.ActErrno)
	}
	refusal := action(p.DefaultAction, p.DefaultErrnoRet)
	filter, err := libseccomp.NewFilter(refusal)
	if err != nil {
		return nil, fmt.Errorf("new seccomp filter: %w", err)
	}
	defer filter.Release()
	if err := filter.SetNoNewPrivsBit(false); err != nil {
		return nil, fmt.Errorf("seccomp filter attribute: %w", err)
	}
	// A tree instead of a chain: the kernel runs it at every system call.
	if err := filter.SetOptimize(2); err != nil {
		return nil, fmt.Errorf("seccomp filter attribute: %w", err)
	}
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return nil, fmt.Errorf("native architecture: %w", err)
	}
	newest := libseccomp.ScmpSyscall(0)
	for _, rule := range p.Syscalls {
		for _, name := range rule.Names {
			nr, err := libseccomp.GetSyscallFromNameByArch(name, native)
			if err != nil || nr < 0 {
				continue // not on this architecture, or newer than this libseccomp
			}
			newest = max(newest, nr)
			if action(rule.Action, rule.ErrnoRet) == refusal {
				continue // libseccomp takes no rule that says what holds anyway
			}
			if err := addRule(filter, nr, rule); err != nil {
				return nil, fmt.Errorf("seccomp rule for %s: %w", name, err)
			}
		}
	}
	prog, err := export(filter)
	if err != nil {
		return nil, err
	}
	stub, err := unknownIsENOSYS(uint32(newest))
	if err != nil {
		return nil, err
	}
	return append(stub, prog...), nil
}

func action(a specs.LinuxSeccompAction, errno *uint) libseccomp.ScmpAction {
	code := int16(unix.EPERM)
	if errno != nil {
		code = int16(*errno)
	}
	switch a {
	case specs.ActAllow:
		return libseccomp.ActAllow
	case specs.ActKillProcess:
		return libseccomp.ActKillProcess
	case specs.ActErrno:
		return libseccomp.ActErrno.SetReturnCode(code)
	}
	return libseccomp.ActInvalid
}

func operator(op specs.LinuxSeccompOperator) libseccomp.ScmpCompareOp {
	switch op {
	case specs.OpNotEqual:
		return libseccomp.CompareNotEqual
	case specs.OpLessThan:
		return libseccomp.CompareLess
	case specs.OpLessEqual:
		return libseccomp.CompareLessOrEqual
	case specs.OpEqualTo:
		return libseccomp.CompareEqual
	case specs.OpGreaterEqual:
		return libseccomp.CompareGreaterEqual
	case specs.OpGreaterThan:
		return libseccomp.CompareGreater
	case specs.OpMaskedEqual:
		return libseccomp.CompareMaskedEqual
	}
	return libseccomp.CompareInvalid
}

// addRule adds one rule. As in runc, conditions on the same argument are
// alternatives, and conditions on different ones all have to hold.
func addRule(filter *libseccomp.ScmpFilter, nr libseccomp.ScmpSyscall, rule specs.LinuxSyscall) error {
	act := action(rule.Action, rule.ErrnoRet)
	if act == libseccomp.ActInvalid {
		return fmt.Errorf("action %q is not supported", rule.Action)
	}
	if len(rule.Args) == 0 {
		return filter.AddRule(nr, act)
	}
	var conds []libseccomp.ScmpCondition
	seen := map[uint]bool{}
	doubles := false
	for _, a := range rule.Args {
		op := operator(a.Op)
		if op == libseccomp.CompareInvalid {
			return fmt.Errorf("operator %q is not known", a.Op)
		}
		cond, err := libseccomp.MakeCondition(a.Index, op, a.Value, a.ValueTwo)
		if err != nil {
			return err
		}
		conds = append(conds, cond)
		doubles = doubles || seen[a.Index]
		seen[a.Index] = true
	}
	if !doubles {
		return filter.AddRuleConditional(nr, act, conds)
	}
	for _, c := range conds {
		if err := filter.AddRuleConditional(nr, act, []libseccomp.ScmpCondition{c}); err != nil {
			return err
		}
	}
	return nil
}

// export writes the program to memory that has a file descriptor: ExportBPF
// wants one.
func export(filter *libseccomp.ScmpFilter) ([]byte, error) {
	fd, err := unix.MemfdCreate("seccomp", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "seccomp")
	defer f.Close()
	if err := filter.ExportBPF(f); err != nil {
		return nil, fmt.Errorf("export seccomp filter: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	prog, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if len(prog) == 0 || len(prog)%filterSize != 0 {
		return nil, errors.New("export seccomp filter: libseccomp wrote no program")
	}
	return prog, nil
}

// filterSize is the size of struct sock_filter.
const filterSize = 8

// x32Bit marks the system calls of the x32 ABI on x86-64.
const x32Bit = 0x40000000

// unknownIsENOSYS is the prologue for native system calls above newest. Those
// of other architectures are left to the program behind it, which kills.
func unknownIsENOSYS(newest uint32) ([]byte, error) {
	const nrOffset, archOffset = 0, 4 // struct seccomp_data
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: auditArch, SkipTrue: 4},
		bpf.LoadAbsolute{Off: nrOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: x32Bit, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: newest, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	})
	if err != nil {
		return nil, fmt.Errorf("assemble seccomp prologue: %w", err)
	}
	var b bytes.Buffer
	for _, r := range raw {
		if err := binary.Write(&b, binary.NativeEndian, r); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
