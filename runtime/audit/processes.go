package audit

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
)

// processAttacks reach for processes outside: the supervisor, PID 1, and those
// of the caller.
func processAttacks() []Attack {
	var all []Attack
	add := func(name, source, success string, run func(*Env) Result) {
		all = append(all, Attack{Name: name, Class: "processes", Promise: promiseProcesses, Source: source, Success: success, Run: run})
	}
	add("see-processes", "hidepid in proc(5)", "a process of the caller outside the jail is in /proc", func(e *Env) Result {
		if e.outsideVisible() {
			return through("process %d of the caller is there, with %d others", e.PID, len(processes()))
		}
		return held("%d processes, all of the jail", len(processes()))
	})
	add("read-environments", "proc_pid_environ(5)", "the environment of a process outside is read", func(e *Env) Result {
		return e.scan("environ")
	})
	add("read-arguments", "proc_pid_cmdline(5)", "the arguments of a process outside are read", func(e *Env) Result {
		if !e.outsideVisible() {
			return held("no process outside is visible")
		}
		return through("the arguments of %d processes are readable", len(processes()))
	})
	add("read-memory", "proc_pid_mem(5)", "the memory of a process of the caller is read", func(e *Env) Result {
		f, err := os.Open(fmt.Sprintf("/proc/%d/mem", e.PID))
		if err != nil {
			return held("%s", plain(err))
		}
		defer f.Close()
		b := make([]byte, secretLen)
		_, err = f.ReadAt(b, int64(e.Address))
		return e.gotSecret(b, err)
	})
	add("process-vm-readv", "process_vm_readv(2)", "the memory of a process of the caller is read", func(e *Env) Result {
		b := make([]byte, secretLen)
		_, err := unix.ProcessVMReadv(e.PID, []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}, []unix.RemoteIovec{{Base: uintptr(e.Address), Len: len(b)}}, 0)
		return e.gotSecret(b, err)
	})
	add("process-vm-writev", "process_vm_writev(2)", "the memory of a process of the caller is written", func(e *Env) Result {
		if !e.outsideVisible() {
			return held("it is not there")
		}
		b := []byte{0} // over the zero that is there
		_, err := unix.ProcessVMWritev(e.PID, []unix.Iovec{{Base: &b[0], Len: 1}}, []unix.RemoteIovec{{Base: uintptr(e.Address) + uintptr(secretLen), Len: 1}}, 0)
		return unless(err, "a byte was written")
	})
	add("pidfd-getfd", "pidfd_getfd(2), Linux 5.6", "a descriptor of a process of the caller is taken", func(e *Env) Result {
		pidfd, err := unix.PidfdOpen(e.PID, 0)
		if err != nil {
			return held("%s", plain(err))
		}
		defer unix.Close(pidfd)
		fd, err := unix.PidfdGetfd(pidfd, e.FD, 0)
		if err != nil {
			return held("%s", plain(err))
		}
		defer unix.Close(fd)
		b := make([]byte, secretLen)
		_, err = unix.Pread(fd, b, 0)
		return e.gotSecret(b, err)
	})
	add("read-descriptor", "proc_pid_fd(5)", "a descriptor of a process of the caller is opened", func(e *Env) Result {
		return e.reads(fmt.Sprintf("/proc/%d/fd/%d", e.PID, e.FD))
	})
	add("ptrace", "ptrace(2)", "a process of the caller is traced", func(e *Env) Result { return traces(e.PID, e.outsideVisible()) })
	add("ptrace-pid-1", "ptrace(2)", "PID 1 is traced", func(*Env) Result { return traces(1, os.Getpid() != 1) })
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
			return forked(sys(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGUSR1), keep(info)))
		}},
	} {
		all = append(all, Attack{Name: s.name, Class: "processes", Promise: promiseProcesses, Source: s.source, Success: "a process of the caller gets a signal",
			Run: func(e *Env) Result {
				if !e.outsideVisible() && exists(fmt.Sprintf("/proc/%d", e.PID)) {
					return held("the number is that of a process of the jail")
				}
				return unless(s.send(e.PID), "sent")
			},
			Judge: func(sc *Scene, r Result) Result {
				if r.Verdict == GotThrough && !sc.signalled {
					return held("it went to somebody else")
				}
				return r
			}})
	}
	add("limit-others", "prlimit(2)", "the limits of a process of the caller are set", func(e *Env) Result {
		var old unix.Rlimit
		if !e.outsideVisible() {
			return held("it is not there")
		}
		if err := unix.Prlimit(e.PID, unix.RLIMIT_CORE, nil, &old); err != nil {
			return held("%s", plain(err))
		}
		return unless(unix.Prlimit(e.PID, unix.RLIMIT_CORE, &old, nil), "they were set, to what they were")
	})
	add("schedule-others", "sched_setaffinity(2)", "the processors of a process of the caller are set", func(e *Env) Result {
		if !e.outsideVisible() {
			return held("it is not there")
		}
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(e.PID, &set); err != nil {
			return held("%s", plain(err))
		}
		return unless(unix.SchedSetaffinity(e.PID, &set), "they were set, to what they were")
	})
	add("oom-score", "proc_pid_oom_score_adj(5)", "the kernel is told to kill a process of the caller first", func(e *Env) Result {
		p := fmt.Sprintf("/proc/%d/oom_score_adj", e.PID)
		if !e.outsideVisible() {
			return held("it is not there")
		}
		return opens(p, os.O_WRONLY)
	})
	for _, name := range []string{"environ", "mem", "maps", "auxv", "syscall", "stack", "root/etc/passwd", "fd/0", "exe"} {
		add("pid-1-"+strings.ReplaceAll(name, "/", "-"), "proc(5)", "/proc/1/"+name+" is readable", func(*Env) Result {
			if os.Getpid() == 1 {
				return notApplicable("this is PID 1")
			}
			f, err := os.Open("/proc/1/" + name)
			if err != nil {
				return held("%s", plain(err))
			}
			defer f.Close()
			if name == "mem" || name == "fd/0" {
				return through("it is open")
			}
			n, err := f.Read(make([]byte, 64))
			// The stack of a process that just runs is empty.
			for i := 0; i < 50 && name == "stack" && errors.Is(err, io.EOF); i++ {
				time.Sleep(time.Millisecond)
				_, _ = f.Seek(0, io.SeekStart)
				n, err = f.Read(make([]byte, 64))
			}
			if n == 0 && err == nil {
				return held("it is empty")
			}
			return unless(err, "it has contents")
		})
	}
	return all
}

// outsideVisible: the number of the caller's process is that of the caller's
// process, and not of one inside.
func (e *Env) outsideVisible() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", e.PID))
	return err == nil && slices.Contains(strings.Split(string(text), "\x00"), targetArg+e.Mark)
}

// targetArg begins the argument by which the bait process is known.
const targetArg = "--target="

func (e *Env) gotSecret(b []byte, err error) Result {
	if err != nil {
		return held("%s", plain(err))
	}
	if !e.isSecret(b) {
		return held("it is another process")
	}
	return through("the secret was read")
}

// scan reads a file of every process.
func (e *Env) scan(name string) Result {
	for _, pid := range processes() {
		if pid == os.Getpid() {
			continue
		}
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if e.isSecret(text) {
			return through("the secret is in that of process %d", pid)
		}
	}
	return held("the secret is in none of %d", len(processes()))
}

func traces(pid int, there bool) Result {
	if !there {
		return held("it is not there")
	}
	// The tracer ends, and with it the tracing.
	return unless(forked(sys(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, 0)), "process %d was traced", pid)
}
