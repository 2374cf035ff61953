package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/runtime/egress/crowd"
	"github.com/jailed-claude/jailed-claude/runtime/egress/live"
	"github.com/jailed-claude/jailed-claude/runtime/egress/names"
	"github.com/jailed-claude/jailed-claude/runtime/egress/own"
	"github.com/jailed-claude/jailed-claude/runtime/egress/real"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/runtime/egress/resolve"
	"github.com/jailed-claude/jailed-claude/runtime/egress/splice"
	"github.com/jailed-claude/jailed-claude/runtime/egress/sshagent"
	"github.com/jailed-claude/jailed-claude/runtime/egress/tally"
	"github.com/jailed-claude/jailed-claude/runtime/egress/upstream"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Options of a session.
type Options struct {
	// Config says what may be reached.
	Config *network.Network
	// NetNS is the jail's network namespace, in which nobody runs yet; see
	// wall.Build for what the caller needs. Start does not keep it.
	NetNS *os.File
	// Keys by the names of brokers. A broker without one cannot be started.
	Keys map[string]string
	// Sources have the keys of brokers that are not in Keys, or change.
	Sources map[string]broker.Source
	// Keepers keep the logins that services give to the jail, by the name of the
	// broker whose key they are (network.Tokens).
	Keepers map[string]broker.Keeper
	// Roots are the certificates (PEM) that brokers verify services with; nil
	// means the system's.
	Roots []byte
	// Authority signs for the names of services that have brokers. Nil where
	// no broker has one.
	Authority broker.Signer
	// Upstream are the host's proxies, by which connections go out; nil for none.
	Upstream *upstream.Proxies
	// DialAgent connects to the host's ssh agent, where the configuration lets
	// the jail use it.
	DialAgent func(ctx context.Context) (net.Conn, error)
	// Refused is set to how many destinations were refused, so far; nil for nobody.
	Refused *atomic.Int64
	// Log gets the events as JSON lines, one Write each; nil for nobody.
	Log io.Writer
	// Told gets a line for each destination that is refused for the first time, and
	// for what the user says or is asked, for programs of the jail; nil for nobody.
	// It gets maxTold at most.
	Told io.Writer
	// LookupHost resolves an absolute name, with a dot at its end. Nil means
	// by the host's /etc/hosts and /etc/resolv.conf.
	LookupHost func(ctx context.Context, name string) ([]netip.Addr, error)
	// Dial connects to an address that was decided about. Nil means from the
	// network namespace of the calling process.
	Dial func(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error)
	// HostsFile is read for names that a rule lets lead to the loopback; empty
	// means /etc/hosts.
	HostsFile string
	// Own reports whether a connection would end on this host itself. Nil
	// means by the routes of the network namespace of the calling process.
	Own func(to netip.AddrPort) (bool, error)
}

// Session is the network of one running jail.
type Session struct {
	config   *network.Network
	rules    *live.Rules
	book     *names.Book
	told     real.Told
	resolver *resolve.Resolver
	journal  *journal
	wall     *wall.Wall
	brokers  []*broker.Broker // by index
	byName   map[string]*broker.Broker
	agent    *sshagent.Agent // nil without one
	bridges  *bridge.Server  // likewise
	upstream *upstream.Proxies
	// ports are published, hostPorts in the jail, and editor is where it finds that.
	ports             map[uint16]net.Listener
	hostPorts, editor []net.Listener
	dial              func(context.Context, netip.AddrPort) (*net.TCPConn, error)
	own               func(netip.AddrPort) (bool, error)
	hostsFile         string

	ctx     context.Context //nolint:containedctx // it ends with the session
	cancel  context.CancelFunc
	running sync.WaitGroup
	// accepting are the loops that take connections from inside; deciding those of
	// which it is not known yet what becomes of them.
	accepting, deciding sync.WaitGroup

	// loop moves the bytes of connections that are decided about.
	loop *splice.Loop

	mu     sync.Mutex
	open   map[*link]struct{}
	crowd  crowd.Crowd
	pace   *crowd.Pace
	closed bool

	limits limits
}

// limits of a session. Tests have others.
type limits struct {
	open      int           // connections
	handshake time.Duration // for a ClientHello or a proxy request
	idle      time.Duration // without a byte in either direction
	halfIdle  time.Duration // the same, after one direction has ended
	watch     time.Duration // how often that is looked at
}

func defaultLimits() limits {
	l := limits{open: 4096, handshake: 10 * time.Second, idle: 2 * time.Hour, halfIdle: 10 * time.Minute, watch: time.Minute}
	// Two sockets each. (Go raises the soft limit to the hard one by itself.)
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil && files.Cur < uint64(2*l.open+reservedFiles) {
		l.open = max(16, (int(files.Cur)-reservedFiles)/2)
	}
	return l
}

// reservedFiles are for everything that is no connection of the relay.
const reservedFiles = 512

// Start closes the jail's network namespace but for what o.Config allows, and
// serves it until Close. When it returns, programs may run in the namespace.
// errors.Is(err, wall.ErrNoNFTables) says that the kernel cannot do
// network.ViaRedirect.
func Start(o Options) (*Session, error) {
	return start(o, defaultLimits())
}

func start(o Options, l limits) (*Session, error) {
	if o.Config.Rules() == nil {
		return nil, errors.New("network: a configuration that nobody has parsed")
	}
	s := &Session{
		config: o.Config, rules: live.New(o.Config), book: names.NewBook(), upstream: o.Upstream, dial: o.Dial, own: o.Own,
		journal: newJournal(o.Log, tally.New(o.Config.Mode)), open: map[*link]struct{}{}, limits: l, pace: crowd.NewPace(), byName: map[string]*broker.Broker{}, ports: map[uint16]net.Listener{},
	}
	s.journal.told, s.journal.refused, s.hostsFile = o.Told, o.Refused, cmp.Or(o.HostsFile, "/etc/hosts")
	if s.dial == nil {
		s.dial = dialTCP
	}
	if s.own == nil {
		s.own = own.Is
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.resolver = resolve.New(s.ctx, o.LookupHost)
	var err error
	if s.loop, err = splice.NewLoop(); err != nil {
		return nil, err
	}
	if err := s.prepare(o); err != nil {
		s.Close()
		return nil, err
	}
	s.serve()
	return s, nil
}

// prepare opens everything that can fail.
func (s *Session) prepare(o Options) (err error) {
	for _, p := range s.config.Ports {
		if err := s.listen(p, false); err != nil {
			return fmt.Errorf("network.ports: %w", err)
		}
	}
	roots := broker.NewRoots(o.Roots)
	for _, b := range s.config.Brokers {
		bo := broker.Options{Key: o.Keys[b.Name], Source: o.Sources[b.Name], Roots: roots, Authority: o.Authority, Dial: s.dialBroker, Log: s.logBroker}
		if b.Tokens != nil {
			bo.Keeper, bo.Stands = o.Keepers[b.Tokens.For], s.placeholderOf(b.Tokens.For)
		}
		made, err := broker.New(b, bo)
		if err != nil {
			return err
		}
		s.brokers = append(s.brokers, made)
		if b.Host != "" {
			if o.Authority == nil {
				return fmt.Errorf("broker %q: there is no authority to sign for %s", b.Name, b.Host)
			}
			s.byName[b.Host] = made
		}
	}
	if s.config.SSH != nil {
		if s.agent, err = sshagent.New(sshagent.Options{Config: s.config.SSH, Dial: o.DialAgent, Log: s.logAgent}); err != nil {
			return err
		}
	}
	if s.wall, err = wall.Build(o.NetNS, s.config.Via, len(s.config.Six()) > 0); err != nil {
		return err
	}
	for _, p := range s.config.HostPorts {
		l, err := s.wall.Listen(s.ctx, p)
		if err != nil {
			return fmt.Errorf("network.host-ports: port %d of the jail's localhost: %w", p, err)
		}
		s.hostPorts = append(s.hostPorts, l...)
	}
	if b := s.config.Bridges; b != nil && b.IDE != "" {
		if s.editor, err = s.wall.Listen(s.ctx, network.IDEPort); err != nil {
			return fmt.Errorf("bridges.ide: port %d of the jail's localhost: %w", network.IDEPort, err)
		}
	}
	return nil
}

// placeholderOf is what stands for the key of a broker.
func (s *Session) placeholderOf(name string) string {
	for _, b := range s.config.Brokers {
		if b.Name == name {
			return b.Placeholder()
		}
	}
	return ""
}

// serve starts everything that runs until Close.
func (s *Session) serve() {
	dns := &names.Server{Book: s.book, Lookup: s.lookup}
	if s.config.Addresses == network.AddressesReal {
		dns.Real = s.tell
	}
	for p, l := range s.ports {
		s.servePort(p, l)
	}
	// They end when their sockets are closed. An earlier end is one of the
	// name server alone: names are not found any more.
	s.running.Go(func() { _ = dns.ServePacket(s.wall.DNS) })
	s.running.Go(func() { _ = dns.Serve(s.wall.DNSTCP) })
	for _, l := range s.wall.Relays() {
		s.accepting.Go(func() { s.accept(l, s.relay) })
	}
	if s.wall.Brokers != nil {
		s.accepting.Go(func() { s.accept(s.wall.Brokers, s.relay) })
	}
	for _, l := range s.hostPorts {
		s.accepting.Go(func() { s.accept(l, func(k *link) { s.toHost(k, addrPort(l.Addr()).Port()) }) })
	}
	s.running.Go(s.watch)
	s.running.Go(s.loop.Serve)
}

// Refusals are rules that would allow what was refused so far and is still, the most
// frequent first; barred is the rest of it, and why.
func (s *Session) Refusals() (rules, barred []string) {
	s.journal.mu.Lock()
	refused := s.journal.summary.Result().Denied
	s.journal.mu.Unlock()
	for _, d := range refused {
		switch {
		case d.Allow == "":
			barred = append(barred, report.Barred(d))
		case !slices.Contains(rules, d.Allow) && !s.allows(d):
			rules = append(rules, d.Allow)
		}
	}
	return rules, barred
}

// Close resets every connection, closes every listener, and returns what was
// refused. The namespace stays closed.
func (s *Session) Close() *report.Summary {
	s.decideLast()
	s.mu.Lock()
	for _, l := range slices.AppendSeq(slices.Concat(s.hostPorts, s.editor), maps.Values(s.ports)) {
		_ = l.Close()
	}
	s.mu.Unlock()
	if s.wall != nil {
		_ = s.wall.Close()
	}
	for _, b := range s.brokers {
		_ = b.Close()
	}
	if s.agent != nil {
		s.agent.Close()
	}
	s.mu.Lock()
	for k := range s.open {
		k.abort("the session ended")
	}
	s.mu.Unlock()
	_ = s.loop.Close()
	s.running.Wait()
	sum := s.journal.close()
	sum.Added, _ = s.rules.Added()
	return sum
}

// lastDials is how long the last connections may take to be made.
const lastDials = 20 * time.Millisecond

// decideLast ends everything new: what the jail asked for with its last breath is
// decided and logged as before, and what has been sent with it flows.
func (s *Session) decideLast() {
	for _, l := range s.fromJail() {
		if t, ok := l.(*net.TCPListener); ok {
			_ = t.SetDeadline(time.Unix(1, 0))
		}
	}
	s.accepting.Wait()
	s.mu.Lock()
	s.closed = true
	for k := range s.open {
		if !k.known.Load() {
			_ = k.in.CloseRead() // nobody waits for more than there is
		}
	}
	s.mu.Unlock()
	dials := time.AfterFunc(lastDials, s.cancel)
	s.deciding.Wait()
	dials.Stop()
	s.cancel()
}

// fromJail are the listeners that programs of the jail connect to.
func (s *Session) fromJail() []net.Listener {
	all := slices.Concat(s.hostPorts, s.editor)
	if s.wall != nil {
		all = append(all, s.wall.Relays()...)
		if s.wall.Brokers != nil {
			all = append(all, s.wall.Brokers)
		}
	}
	return all
}

// lookup is the name server's view of a name.
func (s *Session) lookup(ctx context.Context, name string) names.Outcome {
	v := s.rules.Now().Lookup(name)
	b := s.brokerNamed(name)
	if b != nil && s.rules.Now().Denied(name, network.HTTPSPort).OK {
		v = network.Verdict{OK: true, Rule: "broker " + b.Name}
	}
	e := Event{Kind: KindDNS, Name: name, Verdict: Allow, Rule: v.Rule, Why: v.Why}
	outcome := names.Exists
	if s.asks(name, v) {
		// The address that it gets says nothing, and nobody outside is asked
		// before the user has answered.
		e.Rule, e.Why = "ask", ""
	} else if !v.OK {
		e.Verdict, outcome = Deny, names.Blocked
		e.Why, e.AllowLine = s.config.Refused(v, name, 0)
	} else if name != network.HostName && b == nil && !s.upstream.Resolve(name) {
		_, err := s.resolveName(ctx, name)
		switch {
		case resolve.Missing(err):
			e.Verdict, e.Why = Fail, "there is no such name"
			outcome = names.Missing
		case err != nil:
			e.Verdict, e.Why = Fail, err.Error()
			outcome = names.Failed
		}
	}
	s.journal.event(e)
	return outcome
}

func (s *Session) logBroker(b broker.Event) {
	e := Event{
		Time: time.Now().Add(-b.Duration), Kind: KindBroker, Name: b.Broker, Verdict: Allow, Rule: "broker " + b.Broker, Why: b.Why, Keyless: b.Keyless,
		Method: b.Method, Path: b.Path, Status: b.Status, Sent: b.Sent, Received: b.Received, Duration: b.Duration.Milliseconds(),
	}
	switch {
	case !b.Forwarded:
		e.Verdict = Deny
	case b.Why != "":
		e.Verdict = Fail
	}
	s.journal.event(e)
}
