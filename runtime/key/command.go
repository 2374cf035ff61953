package key

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// pause is how long a command that failed is not asked again: whoever is in the
// jail decides how many requests there are.
const pause = 10 * time.Second

// Command is the key that a command prints, which is asked again when the key is
// older than its broker's ttl. One call is made at a time; requests wait for it.
type Command struct {
	from string
	life time.Duration
	ask  func() (string, error)
	now  func() time.Duration

	mu sync.Mutex
	// key is the last one, and at when its command was started: the key may be as
	// old as that.
	key string
	at  time.Duration
	// asked is the call that is under way; nil for none.
	asked *call
	// failed is when the last one did, and why.
	failed   time.Duration
	failedBy error
}

// call is one of the command, whose outcome stands when done is closed.
type call struct {
	done chan struct{}
	key  string
	err  error
}

// clock is the time since this machine was started, the time in which it slept
// included: a key ages then, and does not when somebody sets the clock.
func clock() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // since Linux 2.6.39
	}
	return time.Duration(t.Nano())
}

// stamped is a key and when its command was started, as they cross to whoever
// serves the broker.
func stamped(key string, at time.Duration) string { return fmt.Sprintf("%d %s", int64(at), key) }

func newCommand(b network.Broker, first string, ask func(string) (string, error)) *Command {
	c := &Command{from: b.From, life: time.Duration(b.Life()) * time.Second, ask: func() (string, error) { return ask(b.Name) }, now: clock}
	if at, key, ok := strings.Cut(first, " "); ok {
		n, _ := strconv.ParseInt(at, 10, 64)
		c.key, c.at = key, time.Duration(n)
	}
	return c
}

// Rejected does nothing: a service that refuses what the jail asks for would have
// the command run as often as the jail likes.
func (*Command) Rejected(string) {}

// Key is a key that is not older than it may be. No error has one in it.
func (c *Command) Key(ctx context.Context) (string, error) {
	c.mu.Lock()
	now := c.now()
	if c.key != "" && now-c.at < c.life {
		defer c.mu.Unlock()
		return c.key, nil
	}
	c.key = ""
	if c.asked == nil {
		if c.failedBy != nil && now-c.failed < pause {
			defer c.mu.Unlock()
			return "", c.failedBy
		}
		c.asked = &call{done: make(chan struct{})}
		go c.again(c.asked, now)
	}
	asked := c.asked
	c.mu.Unlock()
	select {
	case <-asked.done:
		return asked.key, asked.err
	case <-ctx.Done(): // this request is given up, the others wait on
		return "", ctx.Err()
	}
}

// again asks the command. It is not given up with the request that needs it.
func (c *Command) again(asked *call, at time.Duration) {
	key, err := c.ask()
	key = strings.TrimSpace(key)
	if err == nil {
		err = broker.CheckKey(key)
	}
	if err != nil {
		key, err = "", fmt.Errorf("the key is older than its ttl of %v, and %q gives no other: %w", c.life, c.from, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	asked.key, asked.err = key, err
	c.key, c.at, c.failed, c.failedBy, c.asked = key, at, c.now(), err, nil
	close(asked.done)
}

// errNoCommand is returned where nobody told which command is a broker's.
var errNoCommand = errors.New("there is no such command")

// Commands are those that are asked again while a jail runs, by the names of
// their brokers, and how.
type Commands struct {
	Lines map[string]string
	// Home and Project are those of a Caller, Never what the jail can write.
	Home, Project string
	Never         []string
}

// CommandsOf are those of brokers whose keys have a ttl; ok is false for none.
func CommandsOf(brokers []network.Broker) (lines map[string]string, ok bool) {
	for _, b := range brokers {
		if line, is := strings.CutPrefix(b.From, "command:"); is && b.TTL != "" {
			if lines == nil {
				lines = map[string]string{}
			}
			lines[b.Name] = line
		}
	}
	return lines, lines != nil
}

// Ask runs the command of a broker, in the environment env.
func (s Commands) Ask(ctx context.Context, broker string, env map[string]string) (string, error) {
	line, ok := s.Lines[broker]
	if !ok {
		return "", errNoCommand
	}
	c := Caller{Env: env, Home: s.Home, Project: s.Project, Never: s.Never}
	return c.command(ctx, line)
}
