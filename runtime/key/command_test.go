package key

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// aging is a key of a minute at a time that tests set, and how often its command
// ran. The command prints what next returns.
func aging(next func(n int) (string, error)) (c *Command, now *atomic.Int64, runs *atomic.Int64) {
	now, runs = new(atomic.Int64), new(atomic.Int64)
	c = newCommand(network.Broker{Name: "a", From: "command:print", TTL: "1m"}, stamped("key-number-0", 0), func(string) (string, error) {
		return next(int(runs.Add(1)))
	})
	c.now = func() time.Duration { return time.Duration(now.Load()) }
	return c, now, runs
}

func numbered(n int) (string, error) { return fmt.Sprintf("key-number-%d\n", n), nil }

// TestCommandAges: a key is used until its time is over, and not longer.
func TestCommandAges(t *testing.T) {
	c, now, runs := aging(numbered)
	for _, at := range []struct {
		after time.Duration
		want  string
		runs  int64
	}{{0, "0", 0}, {59 * time.Second, "0", 0}, {time.Minute, "1", 1}, {119 * time.Second, "1", 1}, {time.Hour, "2", 2}} {
		now.Store(int64(at.after))
		if key, err := c.Key(t.Context()); key != "key-number-"+at.want || err != nil || runs.Load() != at.runs {
			t.Errorf("after %v: %q, %v, %d runs", at.after, key, err, runs.Load())
		}
		c.Rejected("key-number-" + at.want)
	}
}

// TestCommandOnce: requests that need another key at once wait for one call, and
// one that is given up takes it from nobody.
func TestCommandOnce(t *testing.T) {
	asked, print := make(chan bool, 100), make(chan bool)
	c, now, runs := aging(func(n int) (string, error) {
		asked <- true
		<-print
		return numbered(n)
	})
	now.Store(int64(time.Hour))
	var came atomic.Int64 // under the lock, before they wait
	c.now = func() time.Duration { came.Add(1); return time.Hour }
	ctx, giveUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := c.Key(ctx)
		gone <- err
	}()
	<-asked
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the request that was given up: %v", err)
	}
	var waiting sync.WaitGroup
	for range 50 {
		waiting.Go(func() {
			if key, err := c.Key(t.Context()); key != "key-number-1" || err != nil {
				t.Errorf("%q, %v", key, err)
			}
		})
	}
	for came.Load() < 51 {
		runtime.Gosched()
	}
	close(print)
	waiting.Wait()
	if runs.Load() != 1 {
		t.Errorf("the command ran %d times", runs.Load())
	}
}

// TestCommandFails: an old key is not used when there is no other, the reason is
// said without a key, and requests do not run the command as often as they come.
func TestCommandFails(t *testing.T) {
	answers := map[string]error{secret + "\n" + secret: nil, "": nil, "short": nil, secret: errors.New("exit status 3")}
	for printed, failure := range answers {
		c, now, runs := aging(func(n int) (string, error) {
			if n == 2 {
				return numbered(n)
			}
			return printed, failure
		})
		now.Store(int64(time.Minute))
		for range 3 {
			key, err := c.Key(t.Context())
			if key != "" || err == nil || !strings.Contains(err.Error(), `"command:print" gives no other`) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "key-number") {
				t.Errorf("%q: %q, %v", printed, key, err)
			}
		}
		if runs.Load() != 1 {
			t.Errorf("%q: the command ran %d times", printed, runs.Load())
		}
		now.Add(int64(pause))
		if key, err := c.Key(t.Context()); key != "key-number-2" || err != nil {
			t.Errorf("%q: after a while: %q, %v", printed, key, err)
		}
	}
}

// TestStamped: what All has for a key with a ttl says when its command was
// started, and no key without one does.
func TestStamped(t *testing.T) {
	c, _ := caller(t)
	before := clock()
	b := network.Broker{Name: "a", From: "command:print-key", TTL: "1m"}
	keys, err := All(t.Context(), []network.Broker{b}, c)
	if err != nil {
		t.Fatal(err)
	}
	k := newCommand(b, keys["a"], nil)
	if k.key != secret || k.at < before || k.at > clock() || k.life != time.Minute {
		t.Errorf("%q at %v, from %q", k.key, k.at, keys["a"])
	}
	c.Env["PATH"] = c.Home + "/bin"
	for _, bad := range []string{"command:silent", "command:fails"} {
		b.From = bad
		if keys, err := All(t.Context(), []network.Broker{b}, c); err == nil {
			t.Errorf("%s: %q", bad, keys)
		}
	}
}

// TestNever: a command that a jail can write is not run.
func TestNever(t *testing.T) {
	c, _ := caller(t)
	lines := map[string]string{"a": "print-key", "b": "~/bin/print-key"}
	s := Commands{Lines: lines, Home: c.Home, Project: c.Project}
	for broker := range lines {
		if key, err := s.Ask(t.Context(), broker, c.Env); strings.TrimSpace(key) != secret || err != nil {
			t.Errorf("%s: %q, %v", broker, key, err)
		}
	}
	s.Never = []string{c.Home + "/bin"}
	for broker := range lines {
		if key, err := s.Ask(t.Context(), broker, c.Env); err == nil || !strings.Contains(err.Error(), "where the jail can change it") {
			t.Errorf("%s: %q, %v", broker, key, err)
		}
	}
	if _, err := s.Ask(t.Context(), "c", c.Env); !errors.Is(err, errNoCommand) {
		t.Error(err)
	}
}
