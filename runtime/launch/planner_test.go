package launch

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// TestEndAhead: whoever plans can have the container ended, and gets an answer
// when it is.
func TestEndAhead(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fds[1])
	p := &Planner{socket: os.NewFile(uintptr(fds[0]), "planner"), pid: 1 << 30}
	none, err := os.Open("/dev/null")
	must(t, err)
	defer none.Close()
	ended := 0
	done := make(chan error)
	var got []int
	go func() {
		var err error
		got, _, err = p.receive(func() { ended++ })
		done <- err
	}()
	for want := range 2 {
		_, err = unix.Write(fds[1], message.EndContainer.Bytes())
		must(t, err)
		answer := make([]byte, 2)
		if n, err := unix.Read(fds[1], answer); n != 1 || err != nil || answer[0] != byte(message.ContainerEnded) || ended != want+1 {
			t.Fatalf("%d bytes, %v, ended %d times", n, err, ended)
		}
	}
	must(t, unix.Sendmsg(fds[1], message.Plan.Bytes(), unix.UnixRights(int(none.Fd())), nil, 0))
	must(t, <-done)
	if len(got) != 1 || ended != 2 {
		t.Errorf("taken %v, ended %d times", got, ended)
	}
	for _, fd := range got {
		unix.Close(fd)
	}
}
