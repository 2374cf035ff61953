package announcement

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// supervisorVariable is set in a process that TestMain has announce a jail.
const supervisorVariable = "SUPERVISOR"

var announced = Jail{ID: "0123456789ab", Started: time.Unix(1700000000, 0), Project: "/a project/\xff", Agent: "claude"}

func TestMain(m *testing.M) {
	if os.Getenv(supervisorVariable) != "" {
		if err := supervise(); err != nil {
			fmt.Println(err)
		}
		return
	}
	os.Exit(m.Run())
}

// supervise does what it is told, a line each.
func supervise() error {
	f, err := Make(announced)
	if err != nil {
		return err
	}
	fmt.Println(f.file.Fd())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println("done") {
		switch in.Text() {
		case "publish":
			f.Publish(Constant{Network: "filtered(6)", Detached: true, LayerName: "parser", Layers: []string{"7", "12"}})
		case "long":
			f.Publish(Constant{Network: "internet", LayerName: string(make([]byte, atJail))})
		case "work":
			f.Shown.Now()
			f.Called.Now()
			f.Refused.Store(3)
			f.Viewers.Store(2)
		case "over":
			f.Over()
		}
	}
	return f.Close()
}

// supervisor is such a process.
type supervisor struct {
	t    *testing.T
	c    *exec.Cmd
	file string
	in   io.Writer
	out  *bufio.Scanner
}

func begun(t *testing.T) *supervisor {
	t.Helper()
	s := &supervisor{t: t, c: exec.Command("/proc/self/exe")}
	s.c.Env = append(os.Environ(), supervisorVariable+"=1")
	in, err := s.c.StdinPipe()
	out, failed := s.c.StdoutPipe()
	if err := errors.Join(err, failed, s.c.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.c.Process.Kill(); _ = s.c.Wait() })
	s.in, s.out = in, bufio.NewScanner(out)
	s.file = fmt.Sprintf("/proc/%d/fd/%s", s.c.Process.Pid, s.said())
	return s
}

func (s *supervisor) said() string {
	s.t.Helper()
	if !s.out.Scan() {
		s.t.Fatal("it ended")
	}
	return s.out.Text()
}

func (s *supervisor) does(what string) Seen {
	s.t.Helper()
	if _, err := io.WriteString(s.in, what+"\n"); err != nil {
		s.t.Fatal(err)
	}
	if said := s.said(); said != "done" {
		s.t.Fatal(said)
	}
	return s.read()
}

func (s *supervisor) read() Seen {
	s.t.Helper()
	seen, err := Read(s.file, s.c.Process.Pid)
	if err != nil {
		s.t.Fatal(err)
	}
	return seen
}

// TestRead: what a supervisor says is read, as it is at that moment.
func TestRead(t *testing.T) {
	s := begun(t)
	seen := s.read()
	if !reflect.DeepEqual(seen.Jail, announced) || seen.Constant != nil || seen.Shown >= 0 || seen.Typed >= 0 || seen.Called >= 0 {
		t.Errorf("it is starting: %+v", seen)
	}
	if seen = s.does("long"); seen.Constant != nil {
		t.Errorf("too long: %+v", seen.Constant)
	}
	want := &Constant{Network: "filtered(6)", Detached: true, LayerName: "parser", Layers: []string{"7", "12"}}
	if seen = s.does("publish"); !reflect.DeepEqual(seen.Constant, want) || seen.Shown >= 0 {
		t.Errorf("it runs: %+v", seen)
	}
	seen = s.does("work")
	if seen.Shown < 0 || seen.Shown > time.Hour || seen.Called < 0 || seen.Called > seen.Shown || seen.Typed >= 0 || seen.Refused != 3 || seen.Viewers != 2 {
		t.Errorf("it works: %+v", seen)
	}
	if seen = s.does("over"); seen.Constant != nil || seen.ID != announced.ID {
		t.Errorf("it is ending: %+v", seen)
	}
}

// TestSealed: whoever opens the file, which the same user can, changes nothing of it.
func TestSealed(t *testing.T) {
	probe, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	_, err = unix.FcntlInt(uintptr(probe), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE)
	unix.Close(probe)
	if err != nil {
		t.Skip("F_SEAL_FUTURE_WRITE, since Linux 5.1: ", err)
	}
	s := begun(t)
	want := s.does("publish")
	for _, flags := range []int{unix.O_RDWR, unix.O_RDONLY} {
		fd, err := unix.Open(s.file, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if _, err := unix.Pwrite(fd, []byte("x"), atConstant); err == nil {
			t.Error("it was written")
		}
		if err := unix.Ftruncate(fd, 0); err == nil {
			t.Error("it was cut off")
		}
		if page, err := unix.Mmap(fd, 0, atJail, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
			t.Error("it is mapped to be written")
			_ = unix.Munmap(page)
		}
	}
	if got := s.read(); !reflect.DeepEqual(got.Constant, want.Constant) {
		t.Errorf("it became %+v", got)
	}
}

// TestPassedOn: a process that has got such a file from elsewhere, open or inherited,
// is not taken for a supervisor, and neither is one with a file of that name.
func TestPassedOn(t *testing.T) {
	s := begun(t)
	theirs, err := os.Open(s.file)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	fd, err := unix.MemfdCreate(Name, unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	copied := os.NewFile(uintptr(fd), Name)
	defer copied.Close()
	if _, err := io.Copy(copied, theirs); err != nil {
		t.Fatal(err)
	}
	for what, f := range map[string]*os.File{"passed on": theirs, "a copy": copied} {
		c := exec.Command("sleep", "1000")
		c.ExtraFiles = []*os.File{f}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		if seen, err := Read(fmt.Sprintf("/proc/%d/fd/3", c.Process.Pid), c.Process.Pid); err == nil {
			t.Errorf("%s: %+v", what, seen)
		}
	}
	s.read() // it still is one
}

// TestDecode: nothing that a file may hold is too much.
func TestDecode(t *testing.T) {
	page := func() []byte { return append(make([]byte, atJail), "id\x001\x00/p\x00a"...) }
	for what, change := range map[string]func([]byte){
		"a length beyond it": func(p []byte) { p[47] = 0x7f }, "a negative one": func(p []byte) { p[40], p[47] = 1, 0xff },
		"one of nothing": func(p []byte) { p[40] = 200 }, "a moment to come": func(p []byte) { p[7] = 0x7f }, "one long ago": func(p []byte) { p[7] = 0xff },
	} {
		p := page()
		change(p)
		if seen, err := decode(p, 1); err != nil || seen.Constant != nil || seen.Shown > 0 {
			t.Errorf("%s: %+v, %v", what, seen, err)
		}
	}
	for _, names := range []string{"", "id", "id\x001\x00/p\x00a\x00b"} {
		if seen, err := decode(append(make([]byte, atJail), names...), 1); err == nil {
			t.Errorf("%q: %+v", names, seen)
		}
	}
}
