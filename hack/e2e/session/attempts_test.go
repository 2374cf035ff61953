package session

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// attempt is one way to a control channel, or to what is between a further program
// and the command that wanted it. Without an error it is one.
type attempt struct {
	name string
	try  func() error
}

// channel is how descriptors name a control channel.
const channel = "jailed-claude.control"

// attempts are all ways to the supervisors pids, and to what is above this process.
func attempts(pids []int) (all []attempt) {
	add := func(name string, try func() error) { all = append(all, attempt{name, try}) }
	places, _ := filepath.Glob("/proc/[0-9]*")
	for _, pid := range pids {
		places = append(places, "/proc/"+strconv.Itoa(pid))
	}
	// Where a descriptor leads to a channel, by each way that there is to one.
	for name, at := range map[string]string{
		"descriptors": "fd/%d", "descriptors of threads": "task/SELF/fd/%d", "descriptors by the root": "root/proc/SELF/fd/%d",
		"descriptors by the folder": "cwd/proc/SELF/fd/%d", "descriptors by a thread's root": "task/SELF/root/proc/SELF/fd/%d",
	} {
		add(name, func() error {
			for _, dir := range places {
				for fd := range 64 {
					p := filepath.Join(dir, strings.ReplaceAll(fmt.Sprintf(at, fd), "SELF", filepath.Base(dir)))
					if to, _ := os.Readlink(p); strings.Contains(to, channel) || strings.Contains(to, "memfd:jailed-claude") {
						return nil
					}
				}
			}
			return unix.ENOENT
		})
	}
	for name, file := range map[string]string{"its own descriptors": "/proc/self/fd", "its thread's": "/proc/thread-self/fd", "those of /dev": "/dev/fd"} {
		add(name, func() error {
			for fd := range 1024 {
				to, _ := os.Readlink(filepath.Join(file, strconv.Itoa(fd)))
				// This program's own are of Go's runtime, and the test's streams.
				if strings.Contains(to, "jailed-claude") || fd > 2 && strings.HasPrefix(to, "socket:") {
					return nil
				}
			}
			return unix.ENOENT
		})
	}
	dial := func(name string) error {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
		if err == nil {
			c.Close()
		}
		return err
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("HOME"), os.Getenv("TMPDIR"), ".", "/tmp", "/var/tmp", "/run", "/dev/shm", "/.jail", "/proc/1/root/tmp", "/proc/1/cwd"} {
		add("a file in "+dir, func() error { return dial(filepath.Join(dir, channel)) })
	}
	for _, name := range []string{"@" + channel, "@jailed-claude", "@/tmp/" + channel} {
		add("the abstract name "+name, func() error { return dial(name) })
	}
	for _, args := range [][]string{{"list", "--json"}, {"exec", "--", "true"}, {"stop", "--grace", "0s"}, {"wait"}, {"logs"}, {"allow", "example.org"}, {"ports", "3000"}} {
		add("the program itself: "+args[0], func() error {
			// It is PID 1 of each jail, by another name.
			self := "/.jail/./init"
			if _, err := os.Lstat(self); err != nil {
				self = os.Getenv("JAIL_TEST_BIN")
			}
			out, err := exec.Command(self, args...).CombinedOutput()
			if args[0] == "list" && err == nil && strings.TrimSpace(string(out)) == "[]" {
				return errors.New("no jail is listed")
			}
			return err
		})
	}
	// The process above this one: in a jail its leader, or PID 1; and the first one.
	for what, pid := range map[string]int{"the process above": os.Getppid(), "PID 1": 1} {
		dir := "/proc/" + strconv.Itoa(pid)
		for _, name := range []string{"mem", "environ", "maps", "ns/user", "map_files", "exe", "fd/3", "fdinfo/3", "stack", "syscall"} {
			add(what+": "+name, func() error {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if errors.Is(err, unix.EISDIR) || name == "mem" && errors.Is(err, unix.EIO) {
					_, err = os.ReadDir(filepath.Join(dir, name))
				}
				if err == nil && len(text) == 0 {
					return errors.New("empty")
				}
				return err
			})
		}
		add(what+": pidfd_getfd", func() error {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			for i := range 64 {
				if _, err = unix.PidfdGetfd(fd, i, 0); err == nil {
					return nil
				}
			}
			return err
		})
		add(what+": ptrace", func() error {
			err := unix.PtraceSeize(pid)
			if err == nil {
				_ = unix.PtraceDetach(pid)
			}
			return err
		})
		add(what+": process_vm_readv", func() error {
			b := make([]byte, 8)
			_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 8}}, 0)
			return err
		})
		add(what+": its namespaces", func() error {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Setns(fd, unix.CLONE_NEWNS|unix.CLONE_NEWPID)
		})
	}
	return all
}

// tried is a part: it makes all attempts and says what was found. Arguments: the
// supervisors that there are.
func tried(args []string) int {
	var pids []int
	for _, a := range args {
		n, _ := strconv.Atoi(a)
		pids = append(pids, n)
	}
	all := attempts(pids)
	for _, a := range all {
		if err := a.try(); err == nil {
			fmt.Printf("FOUND %s\n", a.name)
		}
	}
	fmt.Printf("%d attempts\n", len(all))
	return 0
}

// TestNoControlByFurther: neither the agent nor a further program of a jail finds the
// channel of its own supervisor, nor one of another, nor what joins a further program
// to the command that wanted it; outside there are such ways.
func TestNoControlByFurther(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := begin(w, w.Base("exec sleep 1000"))
	for name, flags := range map[string][]string{"none": nil, "host": {"--net", "host"}, "root": {"--user", "root"}} {
		t.Run(name, func(t *testing.T) {
			c := w.Part("tried", flags...)
			c.Args = append(c.Args, world.Itoa(other.PID), world.Itoa(os.Getpid()))
			nothing(t, "the agent", world.Finish(t, c))

			c = w.Part("tried", flags...)
			c.Args = append(c.Args[:len(c.Args)-1], "bash", "-c", "exec sleep 1000")
			j := begin(w, c)
			nothing(t, "a further program", in(w, j, self, world.Itoa(other.PID), world.Itoa(j.PID)))
			// With a terminal it has a leader that is not like it.
			p := world.NewPTY(t)
			c = w.Command("exec", j.ID, "--", self, world.Itoa(other.PID), world.Itoa(j.PID))
			c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
			p.Attach(c)
			if err := c.Run(); err != nil {
				t.Error(err)
			}
			world.WaitFor(t, "the end", func() bool { return strings.Contains(p.Shown(), " attempts") })
			nothing(t, "a further program with a terminal", world.Result{Out: p.Shown()})
		})
	}
	c := exec.Command(self, world.Itoa(other.PID))
	c.Env, c.Dir = append(w.Environ(), world.PartEnv+"=tried", "JAIL_TEST_BIN="+world.RequireVariable(t, "BIN")), w.Project
	r := world.Finish(t, c)
	for _, name := range []string{"descriptors", "descriptors by the root", "the program itself: list", "the process above: maps"} {
		if !strings.Contains(r.Out, "FOUND "+name+"\n") {
			t.Errorf("outside there is no way by %s: %s", name, r)
		}
	}
}

func nothing(t *testing.T, who string, r world.Result) {
	t.Helper()
	n := 0
	for line := range strings.Lines(r.Out) {
		_, _ = fmt.Sscanf(line, "%d attempts", &n)
	}
	if r.Status != 0 || n < 40 || strings.Contains(r.Out, "FOUND") {
		t.Errorf("%s: %d attempts: %s", who, n, r)
	}
}
