package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/descriptors"
	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// errNone is returned where the process has no socket. It is no supervisor, or not yet or no
// longer one of a running jail.
var errNone = errors.New("there is no control channel")

// patience is how long Dial waits for a jail that is being started.
const patience = 5 * time.Second

// Conn is a connection to a supervisor.
type Conn struct {
	conn *net.UnixConn
	// rest came behind an answer.
	rest []byte
}

// Dial connects to the supervisor with this PID, and waits a while where it is
// still starting.
func Dial(pid int) (*Conn, error) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := dial(pid)
		switch {
		case !errors.Is(err, errNone) || time.Now().After(end):
			return c, err
		case unix.Kill(pid, 0) != nil:
			return nil, fmt.Errorf("the jail has ended: %w", err)
		}
	}
}

func dial(pid int) (*Conn, error) {
	place, ok := place(pid)
	if !ok {
		return nil, errNone
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: place, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control channel: %w", err)
	}
	cred, err := credentials(c)
	if err == nil && int(cred.Pid) != pid {
		err = fmt.Errorf("process %d answers for process %d", cred.Pid, pid)
	}
	// The number may be another process's since the jail was found, and one of a jail's
	// is sent nothing: a descriptor of the caller's might go along.
	if err == nil && !outside(pid) {
		err = fmt.Errorf("process %d is in a jail itself", pid)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control channel: %w", err), c.Close())
	}
	return &Conn{conn: c}, nil
}

// place is what leads to the socket of a process.
func place(pid int) (string, bool) {
	return descriptors.Find(pid, func(file string) bool { return strings.HasSuffix(file, "/"+name+" (deleted)") })
}

// Call asks for something, and decodes the answer into answer unless that is nil.
// Descriptors go along; those that come back are the caller's.
func (c *Conn) Call(do string, args, answer any, files ...*os.File) ([]*os.File, error) {
	q := request{Do: do}
	if args != nil {
		text, err := json.Marshal(args)
		if err != nil {
			return nil, err
		}
		q.Args = text
	}
	// Who hung up before it was asked may have said why.
	if err := send(c.conn, q, files); err != nil && !errors.Is(err, unix.EPIPE) {
		return nil, fmt.Errorf("control channel: %w", err)
	}
	in := receiver{conn: c.conn, keep: true}
	line, got, err := in.line()
	c.rest = in.rest
	if err != nil {
		return nil, fmt.Errorf("control channel: the jail has ended: %w", err)
	}
	var a reply
	if err = json.Unmarshal(line, &a); err == nil && a.Error != "" {
		err = errors.New(a.Error)
		if len(a.Hints) > 0 {
			err = hint.Add(err, a.Hints...)
		}
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(a.Answer, answer)
	}
	if err != nil {
		closeAll(got)
		return nil, err
	}
	return got, nil
}

// Read and Write are for what follows an answer whose handler took the connection.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	return c.conn.Read(p)
}

// Write writes to the connection.
func (c *Conn) Write(p []byte) (int, error) { return c.conn.Write(p) }

// Close hangs up.
func (c *Conn) Close() error { return c.conn.Close() }
