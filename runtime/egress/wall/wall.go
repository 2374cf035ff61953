package wall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// ErrNoNFTables is what Build returns for network.ViaRedirect where the kernel
// has no nf_tables, or no NAT with it. The errno is in the chain as well.
var ErrNoNFTables = errors.New("the kernel has no nf_tables with NAT")

// Wall is a network namespace that was closed, and the ways that are left.
type Wall struct {
	// Relay accepts what is connected to from inside. It is the target of the
	// redirection, network.Gateway and RelayPort; OriginalDst says what the
	// program asked for.
	Relay net.Listener
	// Relay6 is the same for IPv6, network.Gateway6; nil where there is none.
	Relay6 net.Listener
	// Brokers accepts connections to network.BrokerPort of any of the
	// namespace's addresses; the local address says which. It is nil with
	// network.ViaRedirect, where they come by Relay.
	Brokers net.Listener
	// DNS and DNSTCP are the name server's, network.Gateway and DNSPort.
	DNS    net.PacketConn
	DNSTCP net.Listener

	calls chan func()
	ended chan struct{}
	close func()
}

// Build closes the network namespace netns and opens the listeners in it. via
// is network.ViaRedirect or network.ViaProxy; the latter needs no nf_tables, and
// pays no heed to six, which redirects connections to addresses of IPv6 as well, if
// the kernel has that.
// netns is not needed any more when Build returns.
//
// Preconditions: the caller has CAP_SYS_ADMIN in its own user namespace and in
// the one that owns netns, and CAP_NET_ADMIN and CAP_NET_BIND_SERVICE in the
// latter (setns(2), user_namespaces(7)). Nobody runs in netns who could have
// opened a connection before, and nobody later has a capability in the user
// namespace that owns it, or can write to /proc/sys/net: for that the kernel
// takes the ID of that namespace's root as enough.
func Build(netns *os.File, via string, six bool) (*Wall, error) {
	w := &Wall{calls: make(chan func()), ended: make(chan struct{})}
	stop := make(chan struct{})
	w.close = sync.OnceFunc(func() {
		close(stop)
		<-w.ended
	})
	built := make(chan error)
	go func() {
		defer close(w.ended)
		// Never unlocked: the thread cannot get back, it ends with the
		// goroutine. Go starts no thread from a locked one.
		runtime.LockOSThread()
		err := w.build(int(netns.Fd()), via, six)
		built <- err
		for err == nil {
			select {
			case call := <-w.calls:
				call()
			case <-stop:
				return
			}
		}
	}()
	if err := <-built; err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("network namespace of the jail: %w", err)
	}
	return w, nil
}

func (w *Wall) build(netns int, via string, six bool) error {
	if err := unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	if err := route(via); err != nil {
		return err
	}
	if via == network.ViaRedirect {
		six = six && route6() == nil
		if err := redirect(six); err != nil {
			return err
		}
	}
	if err := w.listen(via); err != nil || via != network.ViaRedirect || !six {
		return err
	}
	lc := net.ListenConfig{KeepAlive: -1}
	var err error
	w.Relay6, err = lc.Listen(context.Background(), "tcp6", netip.AddrPortFrom(network.Gateway6, network.RelayPort).String())
	return err
}

// listen opens the sockets. Keep-alive is off: the other end is in the same
// kernel, which closes it when its program ends.
func (w *Wall) listen(via string) (err error) {
	ctx, lc := context.Background(), net.ListenConfig{KeepAlive: -1}
	at := func(port uint16) string { return netip.AddrPortFrom(network.Gateway, port).String() }
	if w.Relay, err = lc.Listen(ctx, "tcp4", at(network.RelayPort)); err != nil {
		return err
	}
	if w.DNSTCP, err = lc.Listen(ctx, "tcp4", at(network.DNSPort)); err != nil {
		return err
	}
	if w.DNS, err = lc.ListenPacket(ctx, "udp4", at(network.DNSPort)); err != nil {
		return err
	}
	if via == network.ViaProxy {
		w.Brokers, err = lc.Listen(ctx, "tcp4", netip.AddrPortFrom(netip.IPv4Unspecified(), network.BrokerPort).String())
	}
	return err
}

// Relays are the listeners that get what is redirected.
func (w *Wall) Relays() []net.Listener {
	if w.Relay6 == nil {
		return []net.Listener{w.Relay}
	}
	return []net.Listener{w.Relay, w.Relay6}
}

// Close closes the listeners and ends the thread. Connections that were
// accepted stay open, and the rules in place: they end with the namespace.
func (w *Wall) Close() error {
	w.close()
	var errs []error
	if w.Relay != nil {
		errs = append(errs, w.Relay.Close())
	}
	if w.Relay6 != nil {
		errs = append(errs, w.Relay6.Close())
	}
	if w.Brokers != nil {
		errs = append(errs, w.Brokers.Close())
	}
	if w.DNSTCP != nil {
		errs = append(errs, w.DNSTCP.Close())
	}
	if w.DNS != nil {
		errs = append(errs, w.DNS.Close())
	}
	return errors.Join(errs...)
}
