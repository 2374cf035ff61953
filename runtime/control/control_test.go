package control

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// peerVariable is the descriptor that leads to a server, of a process that TestMain
// has be a peer.
const peerVariable = "PEER"

// serverVariable is the folder in which a process that TestMain has be a server listens.
const serverVariable = "SERVER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serverVariable); dir != "" {
		s, err := Listen(dir)
		fmt.Println(err)
		if err == nil {
			s.Serve()
		}
		return
	}
	if fd := os.Getenv(peerVariable); fd != "" {
		fmt.Println(peer(fd))
		return
	}
	os.Exit(m.Run())
}

// peer is what the server says to this process.
func peer(fd string) string {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join("/proc/self/fd", fd), Net: "unix"})
	if err != nil {
		return err.Error()
	}
	// The server may have hung up before it was asked.
	_, _ = c.Write([]byte(`{"do":"echo"}` + "\n"))
	in := receiver{conn: c}
	line, _, err := in.line()
	return fmt.Sprintf("%s %v", line, err)
}

// passed is a process of this program that a server was passed to.
func passed(s *Server, attr *syscall.SysProcAttr) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), peerVariable+"=3")
	c.ExtraFiles, c.SysProcAttr = []*os.File{s.place}, attr
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// served is a server in a folder that is gone as soon as it listens.
func served(t *testing.T) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	must(t, err)
	s, err := Listen(dir)
	must(t, err)
	must(t, os.Remove(dir)) // which also says that nothing is left in it
	t.Cleanup(s.Close)
	s.Handle("echo", func(r *Request) (any, error) {
		var text struct{ Text string }
		err := r.Decode(&text)
		return text, err
	})
	go s.Serve()
	return s
}

func dialed(t *testing.T) *Conn {
	t.Helper()
	c, err := Dial(os.Getpid())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCall(t *testing.T) {
	s := served(t)
	s.Handle("fail", func(*Request) (any, error) { return nil, hint.Add(errors.New("no"), "do that") })
	c := dialed(t)
	for _, text := range []string{"", "a\nb", strings.Repeat("x", 1<<20)} {
		var got struct{ Text string }
		_, err := c.Call("echo", map[string]string{"Text": text}, &got)
		if err != nil || got.Text != text {
			t.Fatalf("%d bytes for %d, %v", len(got.Text), len(text), err)
		}
	}
	_, err := c.Call("fail", nil, nil)
	if h, ok := errors.AsType[*hint.Error](err); !ok || err.Error() != "no" || len(h.Lines) != 1 {
		t.Errorf("%v", err)
	}
	if _, err = c.Call("other", nil, nil); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("%v", err)
	}
	if _, err = c.Call("echo", map[string]int{"unknown": 1}, nil); err == nil {
		t.Error("an argument that nobody knows passed")
	}
}

// TestFiles: descriptors go both ways, and none stays open here.
func TestFiles(t *testing.T) {
	s := served(t)
	s.Handle("swap", func(r *Request) (any, error) {
		if len(r.Files) != 2 {
			return nil, errors.New("not two")
		}
		r.Send, r.Files = []*os.File{r.Files[1], r.Files[0]}, nil
		return nil, nil
	})
	s.Handle("refuse", func(r *Request) (any, error) {
		r.Send, r.Files = r.Files, nil
		return nil, errors.New("no")
	})
	c := dialed(t)
	a, b, err := os.Pipe()
	must(t, err)
	defer a.Close()
	defer b.Close()
	_, err = c.Call("echo", nil, nil) // it is accepted
	must(t, err)
	before := open(t)
	got, err := c.Call("swap", nil, nil, a, b)
	must(t, err)
	_, err = got[0].WriteString("hello")
	must(t, err)
	text := make([]byte, 5)
	if _, err := io.ReadFull(got[1], text); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
	closeAll(got)
	for range 3 {
		if got, err := c.Call("refuse", nil, nil, a, b); err == nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := c.Call("unknown", nil, nil, a, b); err == nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	}
	closed(t, before)
}

func open(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(fds)
}

// closed waits until no more is open than before.
func closed(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); open(t) > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors are open, %d before", open(t), before)
		}
	}
}

// TestTake: a handler may keep the connection.
func TestTake(t *testing.T) {
	s := served(t)
	s.Handle("take", func(r *Request) (any, error) {
		r.Take = func(c *net.UnixConn) {
			_, _ = io.WriteString(c, "behind the answer\n")
			_, _ = io.Copy(c, c)
		}
		return "yours", nil
	})
	c := dialed(t)
	var yours string
	_, err := c.Call("take", nil, &yours)
	must(t, err)
	_, err = c.Write([]byte("no line, \x00 and no JSON"))
	must(t, err)
	text := make([]byte, len("behind the answer\nno line, \x00 and no JSON"))
	if _, err := io.ReadFull(c, text); err != nil || yours != "yours" || string(text) != "behind the answer\nno line, \x00 and no JSON" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestNonsense: what is no request is refused, and the next peer is served.
func TestNonsense(t *testing.T) {
	served(t)
	null, err := os.Open("/dev/null")
	must(t, err)
	defer null.Close()
	many := make([]int, maxFiles+4)
	for i := range many {
		many[i] = int(null.Fd())
	}
	for what, text := range map[string]string{
		"no JSON": "x\n", "an array": "[]\n", "unknown": `{"do":"echo","x":1}` + "\n", "no name": "{}\n", "two lines": "{}\n{}\n", "two on one": "{} {}\n",
		"an empty line": "\n", "NUL": "\x00\n", "deep": strings.Repeat("[", 100000) + "\n", "endless": strings.Repeat("x", maxLine+1),
	} {
		c := dialed(t)
		_, err := c.conn.Write([]byte(text))
		if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		in := receiver{conn: c.conn}
		if line, _, err := in.line(); err == nil && !strings.Contains(string(line), `"error"`) {
			t.Errorf("%s: %s", what, line)
		}
		c.Close()
	}
	c := dialed(t)
	_, err = c.Call("echo", nil, nil)
	must(t, err)
	before := open(t)
	c.Close()
	c = dialed(t)
	_, _, err = c.conn.WriteMsgUnix([]byte("{}\n"), unix.UnixRights(many...), nil)
	must(t, err)
	_, _ = io.ReadAll(c.conn)
	c.Close()
	c = dialed(t)
	if _, err := c.Call("echo", nil, nil); err != nil {
		t.Error(err)
	}
	c.Close()
	closed(t, before)
}

// TestClose: nobody is left waiting.
func TestClose(t *testing.T) {
	s := served(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	s.Handle("wait", func(r *Request) (any, error) {
		r.Take = func(c *net.UnixConn) {
			close(begun)
			_, _ = io.Copy(io.Discard, c)
			close(ended)
		}
		return nil, nil
	})
	c := dialed(t)
	_, err := c.Call("wait", nil, nil)
	must(t, err)
	<-begun
	s.Close()
	<-ended
	if _, err := dial(os.Getpid()); !errors.Is(err, errNone) {
		t.Errorf("%v", err)
	}
}

// TestHungUp: who is sent away before it asks is told why; and where nobody says
// anything, that the jail has ended.
func TestHungUp(t *testing.T) {
	for said, want := range map[string]string{`{"error":"go away"}` + "\n": "go away", "": "the jail has ended"} {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		_, err = unix.Write(fds[1], []byte(said))
		must(t, errors.Join(err, unix.Close(fds[1])))
		f := os.NewFile(uintptr(fds[0]), "conn")
		conn, err := net.FileConn(f)
		must(t, errors.Join(err, f.Close()))
		c := &Conn{conn: conn.(*net.UnixConn)}
		if _, err := c.Call("echo", nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
		c.Close()
	}
}

// TestMany: peers do not wait for each other.
func TestMany(t *testing.T) {
	served(t)
	var all sync.WaitGroup
	for range 50 {
		c := dialed(t)
		all.Go(func() {
			for range 20 {
				if _, err := c.Call("echo", nil, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestInside: a process of the same user that is in a PID namespace of its own, as
// all that runs in a jail is, gets nothing, though the socket was passed to it.
func TestInside(t *testing.T) {
	s := served(t)
	out, err := passed(s, nil).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"Text":""`) {
		t.Fatalf("outside: %v: %s", err, out)
	}
	out, err = passed(s, &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
	}).CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this host makes no user namespaces: ", err)
	}
	if err != nil || !strings.Contains(string(out), "not from inside of a jail") {
		t.Errorf("inside: %v: %s", err, out)
	}
}

// TestNotTheServer: what leads to a server is found in a process that has it open,
// and is not believed there.
func TestNotTheServer(t *testing.T) {
	s := served(t)
	fi, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", s.place.Fd()))
	must(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("others may connect: %s", fi.Mode())
	}
	c := exec.Command("sleep", "1000")
	c.ExtraFiles = []*os.File{s.place}
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if _, err := dial(c.Process.Pid); err == nil || !strings.Contains(err.Error(), "answers for process") {
		t.Error(err)
	}
}

// TestServerInside: a process that is in a PID namespace of its own, as all that runs in
// a jail is, is no supervisor, though it serves such a socket.
func TestServerInside(t *testing.T) {
	for name, c := range map[string]struct {
		flags uintptr
		want  string
	}{"outside": {}, "inside": {syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID, "is in a jail itself"}} {
		p := exec.Command("/proc/self/exe")
		p.Env = append(os.Environ(), serverVariable+"="+t.TempDir())
		p.SysProcAttr = &syscall.SysProcAttr{Cloneflags: c.flags}
		if c.flags != 0 {
			p.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		}
		out, err := p.StdoutPipe()
		must(t, err)
		if err := p.Start(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
			t.Skip("this host makes no user namespaces: ", err)
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
		text := make([]byte, len("<nil>\n"))
		if _, err := io.ReadFull(out, text); err != nil || string(text) != "<nil>\n" {
			t.Fatalf("%s: %q, %v", name, text, err)
		}
		conn, err := dial(p.Process.Pid)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOther: another user finds no socket, and gets nothing from one that was
// passed to it.
func TestOther(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	s := served(t)
	must(t, os.Chmod(fmt.Sprintf("/proc/self/fd/%d", s.place.Fd()), 0o777)) // as if the first wall were gone
	peer := passed(s, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}})
	if out, err := peer.CombinedOutput(); err != nil || !strings.Contains(string(out), "of another user") {
		t.Errorf("%v: %s", err, out)
	}
}
