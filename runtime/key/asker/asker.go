package asker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/key"
)

// name is what the process is called as.
const name = "jailed-claude-keys"

// Is reports whether this program was called as an asker.
func Is(argv0 string) bool { return filepath.Base(argv0) == name }

// first is the descriptor of its end of the socket.
const first = 3

// maxMessage is more than a message ever has: the longest key, as JSON.
const maxMessage = 128 << 10

// answer is what a command gave. No error has a key in it.
type answer struct {
	Broker string `json:"broker"`
	Key    string `json:"key,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Start starts an asker of some commands and returns the supervisor's end of its
// socket.
func Start(commands key.Commands) (supervisor *os.File, err error) {
	s, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	supervisor = os.NewFile(uintptr(s[0]), "asker")
	end := os.NewFile(uintptr(s[1]), "supervisor")
	defer end.Close()
	// Not by its arguments, which every user can read.
	text, err := json.Marshal(commands)
	if err == nil {
		_, err = supervisor.Write(text)
	}
	if err != nil {
		return nil, errors.Join(err, supervisor.Close())
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, supervisor.Close())
	}
	defer null.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{name}, &os.ProcAttr{
		Files: []*os.File{null, null, null, end},
		// Of no terminal: a key that ends the jail is not for it.
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, errors.Join(err, supervisor.Close())
	}
	return supervisor, p.Release()
}

// Main serves a supervisor until that ends. Commands that run end with it.
func Main() int {
	unix.CloseOnExec(first)
	// Keys pass through this process: no core file has them.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return 1
	}
	c := os.NewFile(first, "supervisor")
	buffer := make([]byte, maxMessage)
	n, err := c.Read(buffer)
	var commands key.Commands
	if err != nil || json.Unmarshal(buffer[:n], &commands) != nil {
		return 1
	}
	env := map[string]string{}
	for _, e := range os.Environ() {
		if name, value, ok := strings.Cut(e, "="); ok {
			env[name] = value
		}
	}
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer end()
	for {
		n, err := c.Read(buffer)
		if err != nil || n == 0 {
			return 0
		}
		broker := string(buffer[:n])
		running.Go(func() {
			a := answer{Broker: broker}
			var err error
			if a.Key, err = commands.Ask(ctx, broker, env); err != nil {
				a.Key, a.Error = "", err.Error()
			}
			if text, err := json.Marshal(a); err == nil {
				_, _ = c.Write(text) // or nobody waits for it
			}
		})
	}
}

// Client is the supervisor's side.
type Client struct {
	mu      sync.Mutex
	socket  *os.File
	waiting map[string]chan answer
	ended   error
}

// NewClient speaks to the asker at the other end of a descriptor that Start has
// returned; 0 is none.
func NewClient(fd int) *Client {
	c := &Client{waiting: map[string]chan answer{}, ended: errors.New("nobody asks commands for keys")}
	if fd == 0 {
		return c
	}
	unix.CloseOnExec(fd)
	c.socket, c.ended = os.NewFile(uintptr(fd), "asker"), nil
	go c.hear()
	return c
}

// hear hands answers to those who wait for them.
func (c *Client) hear() {
	buffer := make([]byte, maxMessage)
	for {
		var a answer
		n, err := c.socket.Read(buffer)
		if err == nil {
			err = json.Unmarshal(buffer[:n], &a)
		}
		c.mu.Lock()
		if err != nil {
			c.ended = errors.New("the process that asks commands for keys has ended")
			for _, w := range c.waiting {
				close(w)
			}
			c.waiting = nil
			c.mu.Unlock()
			return
		}
		if w := c.waiting[a.Broker]; w != nil {
			delete(c.waiting, a.Broker)
			w <- a
		}
		c.mu.Unlock()
	}
}

// Ask has the command of a broker run, once at a time for each, and returns what
// it printed.
func (c *Client) Ask(broker string) (string, error) {
	c.mu.Lock()
	if c.ended != nil {
		defer c.mu.Unlock()
		return "", c.ended
	}
	w := make(chan answer, 1)
	c.waiting[broker] = w
	_, err := c.socket.Write([]byte(broker))
	c.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("ask for a key: %w", err)
	}
	a, ok := <-w
	switch {
	case !ok:
		c.mu.Lock()
		defer c.mu.Unlock()
		return "", c.ended
	case a.Error != "":
		return "", errors.New(a.Error)
	}
	return a.Key, nil
}
