package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Serve reads brokers from a file, their keys from the environment, and serves
// them until SIGTERM: the first at an address, each further one at the next
// port. Requests are logged, a line of JSON each.
func Serve(ctx context.Context, address, file string, log io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("serve brokers: %w", err)
	}
	brokers, err := read(file)
	if err != nil {
		return fmt.Errorf("serve brokers: %w", err)
	}
	env := map[string]string{}
	for _, e := range os.Environ() {
		if name, value, ok := strings.Cut(e, "="); ok {
			env[name] = value
		}
	}
	keys, err := key.All(ctx, brokers, key.Caller{Env: env, Stderr: os.Stderr})
	if err != nil {
		return err
	}
	var line sync.Mutex
	encoder := json.NewEncoder(log)
	logged := func(e broker.Event) {
		line.Lock()
		defer line.Unlock()
		_ = encoder.Encode(e) // a log that is gone ends no request
	}
	var running sync.WaitGroup
	defer running.Wait()
	failed := make(chan error, len(brokers))
	for i, b := range brokers {
		s, err := broker.New(b, broker.Options{Key: keys[b.Name], Dial: dialer.DialContext, Log: logged})
		if err != nil {
			return err
		}
		defer s.Close()
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at.Addr(), at.Port()+uint16(i))))
		if err != nil {
			return fmt.Errorf("serve the broker %s: %w", b.Name, err)
		}
		defer l.Close()
		running.Go(func() { failed <- s.Serve(l) })
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// dialer connects to services. Names of the cluster are as good as others: the
// upstreams are those of the policy.
var dialer = net.Dialer{Timeout: time.Minute, KeepAlive: 15 * time.Second}

// read is strict: what a later version would add is not served as if it were not
// there.
func read(file string) (brokers []network.Broker, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&brokers); err != nil {
		return nil, fmt.Errorf("%q: %w", file, err)
	}
	for _, b := range brokers {
		if err := b.Check(); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(b.From, "env:") {
			return nil, fmt.Errorf("broker %q: its key is not in a variable", b.Name)
		}
	}
	if len(brokers) == 0 {
		return nil, errors.New("there are none")
	}
	return brokers, nil
}
