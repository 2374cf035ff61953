package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// ProcessAttacks reach for processes outside: the supervisor, PID 1, and those
// of the caller.
func ProcessAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "processes", Promise: attack.PromiseProcesses, Source: source, Success: success, Run: run})
	}
	add("see-processes", "hidepid in proc(5)", "a process of the caller outside the jail is in /proc", func(e *attack.Env) attack.Result {
		if outsideVisible(e) {
			return attack.Through("process %d of the caller is there, with %d others", e.PID, len(attack.Processes()))
		}
		return attack.HeldBy("%d processes, all of the jail", len(attack.Processes()))
	})
	add("read-environments", "proc_pid_environ(5)", "the environment of a process outside is read", func(e *attack.Env) attack.Result {
		return scan(e, "environ")
	})
	add("read-arguments", "proc_pid_cmdline(5)", "the arguments of a process outside are read", func(e *attack.Env) attack.Result {
		if !outsideVisible(e) {
			return attack.HeldBy("no process outside is visible")
		}
		return attack.Through("the arguments of %d processes are readable", len(attack.Processes()))
	})
	add("read-memory", "proc_pid_mem(5)", "the memory of a process of the caller is read", func(e *attack.Env) attack.Result {
		f, err := os.Open(fmt.Sprintf("/proc/%d/mem", e.PID))
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer f.Close()
		b := make([]byte, attack.SecretLen)
		_, err = f.ReadAt(b, int64(e.Address))
		return e.GotSecret(b, err)
	})
	add("process-vm-readv", "process_vm_readv(2)", "the memory of a process of the caller is read", func(e *attack.Env) attack.Result {
		b := make([]byte, attack.SecretLen)
		_, err := unix.ProcessVMReadv(e.PID, []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}, []unix.RemoteIovec{{Base: uintptr(e.Address), Len: len(b)}}, 0)
		return e.GotSecret(b, err)
	})
	add("process-vm-writev", "process_vm_writev(2)", "the memory of a process of the caller is written", func(e *attack.Env) attack.Result {
		if !outsideVisible(e) {
			return attack.HeldBy("it is not there")
		}
		b := []byte{0} // over the zero that is there
		_, err := unix.ProcessVMWritev(e.PID, []unix.Iovec{{Base: &b[0], Len: 1}}, []unix.RemoteIovec{{Base: uintptr(e.Address) + uintptr(attack.SecretLen), Len: 1}}, 0)
		return attack.Unless(err, "a byte was written")
	})
	add("pidfd-getfd", "pidfd_getfd(2), Linux 5.6", "a descriptor of a process of the caller is taken", func(e *attack.Env) attack.Result {
		pidfd, err := unix.PidfdOpen(e.PID, 0)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer unix.Close(pidfd)
		fd, err := unix.PidfdGetfd(pidfd, e.FD, 0)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer unix.Close(fd)
		b := make([]byte, attack.SecretLen)
		_, err = unix.Pread(fd, b, 0)
		return e.GotSecret(b, err)
	})
	add("read-descriptor", "proc_pid_fd(5)", "a descriptor of a process of the caller is opened", func(e *attack.Env) attack.Result {
		return e.Reads(fmt.Sprintf("/proc/%d/fd/%d", e.PID, e.FD))
	})
	add("ptrace", "ptrace(2)", "a process of the caller is traced", func(e *attack.Env) attack.Result { return traces(e.PID, outsideVisible(e)) })
	add("ptrace-pid-1", "ptrace(2)", "PID 1 is traced", func(*attack.Env) attack.Result { return traces(1, os.Getpid() != 1) })
	for _, s := range []struct {
		name, source string
		send         func(pid int) error
	}{
		{"signal-kill", "kill(2)", func(pid int) error { return unix.Kill(pid, unix.SIGUSR1) }},
		{"signal-tgkill", "tgkill(2)", func(pid int) error { return unix.Tgkill(pid, pid, unix.SIGUSR1) }},
		{"signal-pidfd", "pidfd_send_signal(2), Linux 5.1", func(pid int) error {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.PidfdSendSignal(fd, unix.SIGUSR1, nil, 0)
		}},
		{"signal-queue", "rt_sigqueueinfo(2)", func(pid int) error {
			info := new([128]byte)
			*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
			*(*int32)(unsafe.Pointer(&info[0])) = int32(unix.SIGUSR1)
			return attack.Forked(attack.Sys(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGUSR1), attack.Keep(info)))
		}},
	} {
		all = append(all, attack.Attack{
			Name: s.name, Class: "processes", Promise: attack.PromiseProcesses, Source: s.source, Success: "a process of the caller gets a signal",
			Run: func(e *attack.Env) attack.Result {
				if !outsideVisible(e) && attack.Exists(fmt.Sprintf("/proc/%d", e.PID)) {
					return attack.HeldBy("the number is that of a process of the jail")
				}
				return attack.Unless(s.send(e.PID), "sent")
			},
			Judge: func(sc attack.Witness, r attack.Result) attack.Result {
				if r.Verdict == attack.GotThrough && !sc.Signalled() {
					return attack.HeldBy("it went to somebody else")
				}
				return r
			},
		})
	}
	add("limit-others", "prlimit(2)", "the limits of a process of the caller are set", func(e *attack.Env) attack.Result {
		var old unix.Rlimit
		if !outsideVisible(e) {
			return attack.HeldBy("it is not there")
		}
		if err := unix.Prlimit(e.PID, unix.RLIMIT_CORE, nil, &old); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		return attack.Unless(unix.Prlimit(e.PID, unix.RLIMIT_CORE, &old, nil), "they were set, to what they were")
	})
	add("schedule-others", "sched_setaffinity(2)", "the processors of a process of the caller are set", func(e *attack.Env) attack.Result {
		if !outsideVisible(e) {
			return attack.HeldBy("it is not there")
		}
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(e.PID, &set); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		return attack.Unless(unix.SchedSetaffinity(e.PID, &set), "they were set, to what they were")
	})
	add("oom-score", "proc_pid_oom_score_adj(5)", "the kernel is told to kill a process of the caller first", func(e *attack.Env) attack.Result {
		p := fmt.Sprintf("/proc/%d/oom_score_adj", e.PID)
		if !outsideVisible(e) {
			return attack.HeldBy("it is not there")
		}
		return attack.Opens(p, os.O_WRONLY)
	})
	for _, name := range []string{"environ", "mem", "maps", "auxv", "syscall", "stack", "root/etc/passwd", "fd/0", "exe"} {
		add("pid-1-"+strings.ReplaceAll(name, "/", "-"), "proc(5)", "/proc/1/"+name+" is readable", func(*attack.Env) attack.Result {
			if os.Getpid() == 1 {
				return attack.Inapplicable("this is PID 1")
			}
			f, err := os.Open("/proc/1/" + name)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			defer f.Close()
			if name == "mem" || name == "fd/0" {
				return attack.Through("it is open")
			}
			n, err := f.Read(make([]byte, 64))
			// The stack of a process that just runs is empty.
			for i := 0; i < 50 && name == "stack" && errors.Is(err, io.EOF); i++ {
				time.Sleep(time.Millisecond)
				_, _ = f.Seek(0, io.SeekStart)
				n, err = f.Read(make([]byte, 64))
			}
			if n == 0 && err == nil {
				return attack.HeldBy("it is empty")
			}
			return attack.Unless(err, "it has contents")
		})
	}
	return all
}

// outsideVisible: the number of the caller's process is that of the caller's
// process, and not of one inside.
func outsideVisible(e *attack.Env) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", e.PID))
	return err == nil && slices.Contains(strings.Split(string(text), "\x00"), attack.TargetArg+e.Mark)
}

// scan reads a file of every process.
func scan(e *attack.Env, name string) attack.Result {
	for _, pid := range attack.Processes() {
		if pid == os.Getpid() {
			continue
		}
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if e.IsSecret(text) {
			return attack.Through("the secret is in that of process %d", pid)
		}
	}
	return attack.HeldBy("the secret is in none of %d", len(attack.Processes()))
}

func traces(pid int, there bool) attack.Result {
	if !there {
		return attack.HeldBy("it is not there")
	}
	// The tracer ends, and with it the tracing.
	return attack.Unless(attack.Forked(attack.Sys(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0)), "process %d was traced", pid)
}
