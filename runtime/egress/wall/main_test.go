package wall

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// partEnv: what this binary does when it starts itself.
const partEnv = "JAIL_TEST_PART"

// TestMain runs the tests as root of a user and network namespace of their own.
func TestMain(m *testing.M) {
	switch os.Getenv(partEnv) {
	case "inside":
		os.Exit(m.Run())
	case "nested":
		os.Exit(nested())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), partEnv+"=inside")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = newUser(unix.CLONE_NEWNET)
	err := c.Start()
	if err == nil {
		err = c.Wait()
	} else if why := "no user and network namespace: " + err.Error(); os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
		fmt.Fprintln(os.Stderr, "cannot run here:", why)
	} else {
		// m.Run is the only way to skip: every test asks for this.
		os.Setenv(cannotEnv, why)
		os.Exit(m.Run())
	}
	if err != nil {
		os.Exit(1)
	}
}

const cannotEnv = "JAIL_TEST_CANNOT"

func newUser(more uintptr) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | more,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
}

// jail is a network namespace, in which a thread of its own works.
type jail struct {
	netns *os.File
	calls chan func()
}

func newJail(t testing.TB) *jail {
	t.Helper()
	if why := os.Getenv(cannotEnv); why != "" {
		t.Skip(why)
	}
	j := &jail{calls: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			j.netns, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
		for call := range j.calls {
			call()
		}
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(j.calls); j.netns.Close() })
	return j
}

// do runs f in the jail's network namespace.
func (j *jail) do(f func()) {
	done := make(chan struct{})
	j.calls <- func() { defer close(done); f() }
	<-done
}

// dial connects from inside.
func (j *jail) dial(network, address string) (c net.Conn, err error) {
	j.do(func() { c, err = (&net.Dialer{Timeout: 5 * time.Second}).Dial(network, address) })
	return c, err
}

func (j *jail) build(t testing.TB, via string) *Wall {
	t.Helper()
	w, err := Build(j.netns, via, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// arrives connects to an address, and checks that the relay is told so: that it was to
// dst, unless that is empty, which is where the program sees itself connected.
func (j *jail) arrives(t *testing.T, relay net.Listener, how, to, dst string) {
	t.Helper()
	c, err := j.dial(how, to)
	if err != nil {
		t.Errorf("%s: %v", to, err)
		return
	}
	defer c.Close()
	_ = relay.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second)) // it went elsewhere
	in, err := relay.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if got, err := OriginalDst(in.(*net.TCPConn)); dst != "" && (err != nil || got.String() != dst) {
		t.Errorf("%s arrived as %s, %v", to, got, err)
	}
	if seen := c.RemoteAddr().String(); seen != cmp.Or(dst, to) {
		t.Errorf("%s: the program sees %s", to, seen)
	}
}

// nowhere checks that a datagram to an address fails, and at once.
func (j *jail) nowhere(t *testing.T, to string) {
	t.Helper()
	c, err := j.dial("udp", to)
	if err != nil {
		return
	}
	defer c.Close()
	if _, err = c.Write([]byte("x")); err == nil {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("udp %s: %v", to, err)
	}
}
