package desk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
)

// name is what the process is called as.
const name = "jailed-claude-desk"

// Is reports whether this program was called as a desk.
func Is(argv0 string) bool { return filepath.Base(argv0) == name }

// first is the descriptor of its end of the socket.
const first = 3

// Start starts a desk that executes nothing below a folder of never, which jails
// can write, and returns the supervisor's end of its socket.
func Start(never []string) (supervisor *os.File, err error) {
	s, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	supervisor = os.NewFile(uintptr(s[0]), "desk")
	end := os.NewFile(uintptr(s[1]), "supervisor")
	defer end.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, supervisor.Close())
	}
	defer null.Close()
	p, err := os.StartProcess("/proc/self/exe", append([]string{name}, never...), &os.ProcAttr{
		Files: []*os.File{null, null, null, end},
		// Of no terminal: a key that ends the jail is not for it.
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, errors.Join(err, supervisor.Close())
	}
	return supervisor, p.Release()
}

// Main serves a supervisor until that ends.
func Main(never []string) int {
	unix.CloseOnExec(first)
	newHost(never).serve(os.NewFile(first, "supervisor"))
	return 0
}

// serve does what a supervisor asks for, until it ends, or asks for what is none.
func (h host) serve(c io.ReadWriter) {
	in := bufio.NewReaderSize(c, bridge.MaxRequest)
	for {
		r, err := bridge.ReadRequest(in)
		if err != nil {
			return
		}
		a, err := h.do(r)
		if err != nil {
			a = bridge.Answer{Error: err.Error()}
		}
		if a.Write(c) != nil {
			return
		}
	}
}

// Client is the supervisor's side.
type Client struct {
	mu   sync.Mutex
	conn net.Conn
}

// NewClient speaks to the desk at the other end of a descriptor that Start has
// returned; 0 is none.
func NewClient(fd int) (*Client, error) {
	if fd == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	f := os.NewFile(uintptr(fd), "desk")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("the desktop: %w", err)
	}
	return &Client{conn: c}, nil
}

// Do has the host do what is asked for. After an error there is no second try:
// the next answer could be that of this request.
func (c *Client) Do(ctx context.Context, r bridge.Request) (a bridge.Answer, err error) {
	if c == nil {
		return a, errors.New("nothing speaks to the desktop")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return a, errors.New("the desktop does not answer any more")
	}
	if ctx.Err() != nil { // while others were served; nothing was asked yet
		return a, errors.New("the desktop was busy")
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	line, err := json.Marshal(r)
	if err == nil {
		_, err = c.conn.Write(append(line, '\n'))
	}
	if err == nil {
		a, err = bridge.ReadAnswer(c.conn)
	}
	if !stop() || err != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
	return a, err
}
