package names

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Outcome is what is known of a name.
type Outcome int

// Outcomes of Server.Lookup.
const (
	// Exists: programs get an address of the Book.
	Exists Outcome = iota
	// Missing: it may be asked about, and there is no such name.
	Missing
	// Blocked: the policy does not allow it.
	Blocked
	// Failed: nobody could say. Programs may try again.
	Failed
)

const (
	// addrTTL and noTTL are how many seconds a program may keep an answer.
	// An address is the name's for the whole session; a name that is missing
	// now may come.
	addrTTL = 60
	noTTL   = 10
	// udpSize is what the server takes in a datagram (RFC 6891, 6.2.5), and
	// what the flag day of 2020 made everybody's figure.
	udpSize = 1232
	// maxReal addresses fit into 512 bytes with any name.
	maxReal = 8
)

// Beyond what dnsmessage names.
const (
	badVersion = dnsmessage.RCode(16) // RFC 6891, 6.1.3
	optionEDE  = 15                   // RFC 8914
	edeOther   = 0
	edeBlocked = 15
)

// reply is what an answer says beside the question.
type reply struct {
	code dnsmessage.RCode
	body dnsmessage.ResourceBody // nil: nothing
	// addrs are IPv4 addresses in the place of a body.
	addrs []netip.Addr
	ede   uint16 // with text, the extended error
	text  string
}

var (
	empty    = reply{}
	missing  = reply{code: dnsmessage.RCodeNameError}
	blocked  = reply{code: dnsmessage.RCodeNameError, ede: edeBlocked, text: "not allowed by this jail's policy"}
	failed   = reply{code: dnsmessage.RCodeServerFailure}
	refused  = reply{code: dnsmessage.RCodeRefused}
	noneLeft = reply{code: dnsmessage.RCodeServerFailure, ede: edeOther, text: "this jail has used all its addresses"}
)

// query is what matters of one.
type query struct {
	header   dnsmessage.Header
	question *dnsmessage.Question
	edns     bool
	version  uint8
	dnssecOK bool
}

var errQuery = errors.New("names: not a query of one question")

// parse reads a query. With an error, the header is still valid unless the
// message is too short for one.
func parse(msg []byte) (query, error) {
	var (
		q   query
		p   dnsmessage.Parser
		err error
	)
	if q.header, err = p.Start(msg); err != nil {
		return q, err
	}
	if q.header.OpCode != 0 { // of what else a message has, its own RFC says
		return q, nil
	}
	if n := binary.BigEndian.Uint16(msg[4:6]); n != 1 {
		return q, errQuery
	}
	question, err := p.Question()
	if err != nil {
		return q, err
	}
	q.question = &question
	for _, skip := range []func() error{p.SkipAllQuestions, p.SkipAllAnswers, p.SkipAllAuthorities} {
		if err := skip(); err != nil {
			return q, err
		}
	}
	return q, q.parseEDNS(&p)
}

// parseEDNS finds the OPT record among the additional ones.
func (q *query) parseEDNS(p *dnsmessage.Parser) error {
	for {
		h, err := p.AdditionalHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Type == dnsmessage.TypeOPT {
			if q.edns || h.Name.String() != "." { // RFC 6891, 6.1.1
				return errQuery
			}
			// The size that the client offers, h.Class, is of no interest: at
			// least 512 it is by definition (6.2.3).
			q.edns, q.version, q.dnssecOK = true, uint8(h.TTL>>16), h.DNSSECAllowed()
		}
		if err := p.SkipAdditional(); err != nil {
			return err
		}
	}
}

// answer is the answer to a message; nil if it is to have none. It takes as
// long as Lookup.
func (s *Server) answer(ctx context.Context, msg []byte) []byte {
	q, err := parse(msg)
	switch {
	case len(msg) < 12 || q.header.Response: // answering answers makes loops
		return nil
	case err != nil:
		return q.pack(reply{code: dnsmessage.RCodeFormatError})
	case q.header.OpCode != 0:
		return q.pack(reply{code: dnsmessage.RCodeNotImplemented})
	case q.edns && q.version != 0:
		return q.pack(reply{code: badVersion})
	}
	return q.pack(s.reply(ctx, *q.question))
}

// reply decides.
func (s *Server) reply(ctx context.Context, q dnsmessage.Question) reply {
	if q.Class != dnsmessage.ClassINET {
		return refused
	}
	// Zone transfers, ANY (RFC 8482) and other types that are of no record
	// (RFC 6895, 3.1). HTTPS and the like are beyond.
	if q.Type == dnsmessage.TypeOPT || 128 <= q.Type && q.Type <= 255 {
		return refused
	}
	if q.Name.String() == "." { // it exists; NXDOMAIN would be of all names (RFC 8020)
		return empty
	}
	name, ok := network.Normal(q.Name.String())
	if !ok {
		return blocked
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761, 6.3
		return address(q.Type, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	if strings.HasSuffix(name, ".in-addr.arpa") || strings.HasSuffix(name, ".ip6.arpa") {
		return s.reverse(q.Type, name)
	}
	switch s.Lookup(ctx, name) {
	case Exists:
	case Missing:
		return missing
	case Blocked:
		return blocked
	default:
		return failed
	}
	if q.Type != dnsmessage.TypeA {
		return empty
	}
	if s.Real != nil {
		if all := s.Real(ctx, name); len(all) > 0 {
			return reply{addrs: all[:min(len(all), maxReal)]}
		}
	}
	a, ok := s.Book.Addr(name)
	if !ok {
		return noneLeft
	}
	return address(q.Type, a)
}

// address answers with an IPv4 address, the only kind that a jail has.
func address(t dnsmessage.Type, a netip.Addr) reply {
	if t != dnsmessage.TypeA {
		return empty
	}
	return reply{body: &dnsmessage.AResource{A: a.As4()}}
}

// reverse answers for the names of addresses, from the book alone: nobody
// outside is asked whose an address is.
func (s *Server) reverse(t dnsmessage.Type, name string) reply {
	host, ok := s.Book.Name(reversed(name))
	if !ok {
		return missing
	}
	target, err := dnsmessage.NewName(host + ".")
	if t != dnsmessage.TypePTR || err != nil {
		return empty
	}
	return reply{body: &dnsmessage.PTRResource{PTR: target}}
}

// reversed is the address of a name such as 1.1.18.198.in-addr.arpa; the zero
// one if the name has another form.
func reversed(name string) netip.Addr {
	four, ok := strings.CutSuffix(name, ".in-addr.arpa")
	labels := strings.Split(four, ".")
	if !ok || len(labels) != 4 {
		return netip.Addr{}
	}
	labels[0], labels[1], labels[2], labels[3] = labels[3], labels[2], labels[1], labels[0]
	a, err := netip.ParseAddr(strings.Join(labels, "."))
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// pack is the answer that says r. The question is the client's, its case too:
// some clients check it against forgery.
func (q query) pack(r reply) []byte {
	var root dnsmessage.Name
	root.Data[0], root.Length = '.', 1
	m := dnsmessage.Message{Header: dnsmessage.Header{
		ID: q.header.ID, Response: true, OpCode: q.header.OpCode, RCode: r.code & 0xf,
		RecursionDesired: q.header.RecursionDesired, RecursionAvailable: true, CheckingDisabled: q.header.CheckingDisabled,
	}}
	if q.question != nil {
		m.Questions = []dnsmessage.Question{*q.question}
	}
	switch {
	case len(r.addrs) > 0:
		h := dnsmessage.ResourceHeader{Name: q.question.Name, Class: dnsmessage.ClassINET, TTL: addrTTL}
		for _, a := range r.addrs {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		}
	case r.body != nil:
		h := dnsmessage.ResourceHeader{Name: q.question.Name, Class: dnsmessage.ClassINET, TTL: addrTTL}
		m.Answers = []dnsmessage.Resource{{Header: h, Body: r.body}}
	case r.code == dnsmessage.RCodeNameError || r.code == dnsmessage.RCodeSuccess:
		// Says how long "no" may be kept (RFC 2308). The root is above all.
		h := dnsmessage.ResourceHeader{Name: root, Class: dnsmessage.ClassINET, TTL: noTTL}
		m.Authorities = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.SOAResource{
			NS: root, MBox: root, Serial: 1, Refresh: noTTL, Retry: noTTL, Expire: noTTL, MinTTL: noTTL,
		}}}
	}
	if q.edns {
		m.Additionals = []dnsmessage.Resource{q.opt(root, r)}
	}
	out, err := m.Pack()
	if err != nil {
		return nil // no name that was parsed, or is in the book, comes here
	}
	return out
}

// opt is the OPT record of an answer (RFC 6891, 6.1.1).
func (q query) opt(root dnsmessage.Name, r reply) dnsmessage.Resource {
	h := dnsmessage.ResourceHeader{Name: root, Type: dnsmessage.TypeOPT, Class: udpSize, TTL: uint32(r.code>>4) << 24}
	if q.dnssecOK { // to be copied (RFC 3225, 3)
		h.TTL |= 1 << 15
	}
	body := new(dnsmessage.OPTResource)
	if r.text != "" {
		data := append(binary.BigEndian.AppendUint16(nil, r.ede), r.text...)
		body.Options = []dnsmessage.Option{{Code: optionEDE, Data: data}}
	}
	return dnsmessage.Resource{Header: h, Body: body}
}
