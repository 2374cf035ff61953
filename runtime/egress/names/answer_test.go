package names

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// maxAnswer: what it sends fits in any datagram (RFC 1035, 4.2.1), so nothing
// is ever truncated. Longest are a question of 259 bytes, an SOA of 33 and an
// OPT of 60.
const maxAnswer = 512

// known is the Lookup of tests. What is not in it is blocked.
var known = map[string]Outcome{
	"a.com": Exists, "b.com": Exists, "_sip._tcp.a.com": Exists, "host": Exists, "printer.home.arpa": Exists,
	"gone.com": Missing, "sick.com": Failed, "odd.com": Outcome(99),
}

// server is one whose Lookup fails the test where the name is not normal.
func server(t *testing.T) *Server {
	return &Server{Book: NewBook(), Lookup: func(_ context.Context, name string) Outcome {
		if n, ok := network.Normal(name); !ok || n != name {
			t.Errorf("Lookup is asked for %q", name)
		}
		if name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, "in-addr.arpa") || strings.HasSuffix(name, "ip6.arpa") {
			t.Errorf("Lookup is asked for %s", name)
		}
		if o, ok := known[name]; ok {
			return o
		}
		return Blocked
	}}
}

func name(t testing.TB, s string) dnsmessage.Name {
	t.Helper()
	n, err := dnsmessage.NewName(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ask is a message with one question.
func ask(t testing.TB, host string, kind dnsmessage.Type) dnsmessage.Message {
	t.Helper()
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 0xbeef, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name(t, host), Type: kind, Class: dnsmessage.ClassINET}},
	}
}

// opt is an OPT record as a client sends it; ttl holds version and flags.
func opt(size uint16, ttl uint32) dnsmessage.Resource {
	h := dnsmessage.ResourceHeader{Type: dnsmessage.TypeOPT, Class: dnsmessage.Class(size), TTL: ttl}
	h.Name.Data[0], h.Name.Length = '.', 1
	return dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{Options: []dnsmessage.Option{{Code: 10, Data: []byte("acookie!")}}}}
}

func packed(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func exchange(t *testing.T, s *Server, m dnsmessage.Message) dnsmessage.Message {
	t.Helper()
	out := s.answer(t.Context(), packed(t, m))
	var got dnsmessage.Message
	if err := got.Unpack(out); err != nil {
		t.Fatalf("%v: %x", err, out)
	}
	if !got.Response || got.ID != m.ID || got.RecursionDesired != m.RecursionDesired || !got.RecursionAvailable || got.Truncated || got.CheckingDisabled {
		t.Errorf("header %+v", got.Header)
	}
	return got
}

func TestAnswer(t *testing.T) {
	const a, aaaa, ptr = dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypePTR
	const ok, no, fail, refuse = dnsmessage.RCodeSuccess, dnsmessage.RCodeNameError, dnsmessage.RCodeServerFailure, dnsmessage.RCodeRefused
	s := server(t)
	s.Book.Addr("a.com")
	s.Book.Addr("b.com")
	long := strings.Repeat(strings.Repeat("x", 63)+".", 3) + strings.Repeat("y", 61) + "."
	for _, c := range []struct {
		host string
		kind dnsmessage.Type
		code dnsmessage.RCode
		body string // of the one answer; empty for none
		ede  uint16
	}{
		{"a.com.", a, ok, "198.18.1.0", 0},
		{"A.cOm.", a, ok, "198.18.1.0", 0},
		{"b.com.", a, ok, "198.18.1.1", 0},
		{"host.", a, ok, "198.18.1.2", 0},
		{"_sip._tcp.a.com.", dnsmessage.TypeSRV, ok, "", 0},
		{"printer.home.arpa.", aaaa, ok, "", 0},
		{"a.com.", aaaa, ok, "", 0},
		{"a.com.", dnsmessage.TypeHTTPS, ok, "", 0},
		{"a.com.", dnsmessage.TypeSVCB, ok, "", 0},
		{"a.com.", dnsmessage.TypeMX, ok, "", 0},
		{"a.com.", dnsmessage.TypeTXT, ok, "", 0},
		{"a.com.", ptr, ok, "", 0},
		{"a.com.", 257, ok, "", 0},
		{"a.com.", 0xffff, ok, "", 0},
		{"a.com.", dnsmessage.TypeAXFR, refuse, "", 0},
		{"a.com.", 251, refuse, "", 0},
		{"a.com.", dnsmessage.TypeALL, refuse, "", 0},
		{"a.com.", 128, refuse, "", 0},
		{"a.com.", dnsmessage.TypeOPT, refuse, "", 0},
		{"gone.com.", a, no, "", 0},
		{"gone.com.", aaaa, no, "", 0},
		{"sick.com.", a, fail, "", 0},
		{"odd.com.", a, fail, "", 0},
		{"evil.com.", a, no, "", 15},
		{"evil.com.", dnsmessage.TypeTXT, no, "", 15},
		{"a.com.search.domain.", a, no, "", 15},
		{long, a, no, "", 15},
		// No host names.
		{"1.2.3.4.", a, no, "", 15},
		{"0x7f.1.", a, no, "", 15},
		{"2130706433.", a, no, "", 15},
		{"a b.com.", a, no, "", 15},
		{"a.com\x00.evil.com.", a, no, "", 15},
		{"\u212a.com.", a, no, "", 15},
		{"*.a.com.", a, no, "", 15},
		{"-a.com.", a, no, "", 15},
		{".", a, ok, "", 0},
		{".", dnsmessage.TypeNS, ok, "", 0},
		// RFC 6761.
		{"localhost.", a, ok, "127.0.0.1", 0},
		{"LOCALHOST.", a, ok, "127.0.0.1", 0},
		{"x.localhost.", a, ok, "127.0.0.1", 0},
		{"localhost.", aaaa, ok, "", 0},
		{"notlocalhost.", a, no, "", 15},
		// Reverse.
		{"0.1.18.198.in-addr.arpa.", ptr, ok, "a.com.", 0},
		{"0.1.18.198.IN-ADDR.arpa.", ptr, ok, "a.com.", 0},
		{"1.1.18.198.in-addr.arpa.", ptr, ok, "b.com.", 0},
		{"1.1.18.198.in-addr.arpa.", a, ok, "", 0},
		{"200.1.18.198.in-addr.arpa.", ptr, no, "", 0},
		{"01.1.18.198.in-addr.arpa.", ptr, no, "", 0},
		{"1.0.18.198.in-addr.arpa.", ptr, no, "", 0},
		{"9.1.1.18.198.in-addr.arpa.", ptr, no, "", 0},
		{"18.198.in-addr.arpa.", ptr, no, "", 0},
		{"8.8.8.8.in-addr.arpa.", ptr, no, "", 0},
		{strings.Repeat("0.", 32) + "ip6.arpa.", ptr, no, "", 0},
	} {
		for _, edns := range []bool{false, true} {
			m := ask(t, c.host, c.kind)
			if edns {
				m.Additionals = []dnsmessage.Resource{opt(4096, 0)}
			}
			s := &Server{Book: s.Book, Lookup: server(t).Lookup}
			got := exchange(t, s, m)
			body := ""
			for _, r := range got.Answers {
				switch b := r.Body.(type) {
				case *dnsmessage.AResource:
					body += dotted(b.A)
				case *dnsmessage.PTRResource:
					body += b.PTR.String()
				default:
					body += "?"
				}
				if r.Header.Name != m.Questions[0].Name || r.Header.TTL == 0 || r.Header.TTL > 300 || r.Header.Type != c.kind {
					t.Errorf("%s %v: answer %+v", c.host, c.kind, r.Header)
				}
			}
			if got.RCode != c.code || body != c.body {
				t.Errorf("%s %v: %v %q, want %v %q", c.host, c.kind, got.RCode, body, c.code, c.body)
			}
			if len(got.Questions) != 1 || got.Questions[0] != m.Questions[0] {
				t.Errorf("%s: question %+v", c.host, got.Questions)
			}
			negative := body == "" && (c.code == ok || c.code == no)
			if soa := len(got.Authorities) == 1 && got.Authorities[0].Header.Type == dnsmessage.TypeSOA && got.Authorities[0].Header.TTL == noTTL; soa != negative {
				t.Errorf("%s %v: SOA %v: %+v", c.host, c.kind, soa, got.Authorities)
			}
			if !edns {
				if len(got.Additionals) != 0 {
					t.Errorf("%s: EDNS that nobody asked for", c.host)
				}
				continue
			}
			if code, _, has := extended(t, got); has != (c.ede != 0) || code != c.ede {
				t.Errorf("%s: extended error %d", c.host, code)
			}
		}
	}
}

func dotted(a [4]byte) string { return netip.AddrFrom4(a).String() }

// extended is the extended error of an answer with EDNS.
func extended(t *testing.T, m dnsmessage.Message) (code uint16, text string, ok bool) {
	t.Helper()
	if len(m.Additionals) != 1 || m.Additionals[0].Header.Type != dnsmessage.TypeOPT || m.Additionals[0].Header.Class != udpSize {
		t.Fatalf("no EDNS: %+v", m.Additionals)
	}
	for _, o := range m.Additionals[0].Body.(*dnsmessage.OPTResource).Options {
		if o.Code != 15 || len(o.Data) < 2 {
			t.Errorf("option %+v", o)
			continue
		}
		return binary.BigEndian.Uint16(o.Data), string(o.Data[2:]), true
	}
	return 0, "", false
}

func TestBookUsedUp(t *testing.T) {
	s := server(t)
	s.Book.names = make([]string, 130816)
	// Only an A record needs one.
	if got := exchange(t, s, ask(t, "a.com.", dnsmessage.TypeAAAA)); got.RCode != dnsmessage.RCodeSuccess {
		t.Errorf("%v", got.RCode)
	}
	m := ask(t, "a.com.", dnsmessage.TypeA)
	m.Additionals = []dnsmessage.Resource{opt(1232, 0)}
	got := exchange(t, s, m)
	if code, text, ok := extended(t, got); got.RCode != dnsmessage.RCodeServerFailure || code != 0 || !ok || !strings.Contains(text, "addresses") {
		t.Errorf("%v, extended error %d %q", got.RCode, code, text)
	}
}

// TestWrong: what is no plain query.
func TestWrong(t *testing.T) {
	const form, notImp, refuse = dnsmessage.RCodeFormatError, dnsmessage.RCodeNotImplemented, dnsmessage.RCodeRefused
	s := server(t)
	for what, c := range map[string]struct {
		change func(*dnsmessage.Message)
		code   dnsmessage.RCode
	}{
		"no question":   {func(m *dnsmessage.Message) { m.Questions = nil }, form},
		"two questions": {func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }, form},
		"two OPTs":      {func(m *dnsmessage.Message) { m.Additionals = []dnsmessage.Resource{opt(512, 0), opt(512, 0)} }, form},
		"named OPT": {func(m *dnsmessage.Message) {
			o := opt(512, 0)
			o.Header.Name = m.Questions[0].Name
			m.Additionals = []dnsmessage.Resource{o}
		}, form},
		"inverse query": {func(m *dnsmessage.Message) { m.OpCode = 1 }, notImp},
		"notify":        {func(m *dnsmessage.Message) { m.OpCode = 4 }, notImp},
		"update":        {func(m *dnsmessage.Message) { m.OpCode = 5; m.Questions = nil }, notImp},
		"chaos":         {func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }, refuse},
		"class any":     {func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassANY }, refuse},
	} {
		m := ask(t, "a.com.", dnsmessage.TypeA)
		c.change(&m)
		if got := exchange(t, s, m); got.RCode != c.code || len(got.Answers) != 0 {
			t.Errorf("%s: %v %+v", what, got.RCode, got.Answers)
		}
	}
	good := packed(t, ask(t, "a.com.", dnsmessage.TypeA))
	for n := range good {
		out := s.answer(t.Context(), good[:n])
		var m dnsmessage.Message
		if n < 12 {
			if out != nil {
				t.Errorf("%d bytes are answered", n)
			}
		} else if err := m.Unpack(out); err != nil || m.RCode != form || m.ID != 0xbeef {
			t.Errorf("%d bytes: %v, %+v", n, err, m)
		}
	}
	reply := append([]byte(nil), good...)
	reply[2] |= 0x80
	if out := s.answer(t.Context(), reply); out != nil {
		t.Errorf("an answer is answered: %x", out)
	}
	// A dot inside a label is no dot between labels.
	dot := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05a.com\x00\x00\x01\x00\x01")
	if out := s.answer(t.Context(), dot); len(out) < 12 || out[3]&15 != byte(form) {
		t.Errorf("a label with a dot: %x", out)
	}
}

func TestEDNS(t *testing.T) {
	s := server(t)
	m := ask(t, "a.com.", dnsmessage.TypeA)
	m.Additionals = []dnsmessage.Resource{opt(100, 1<<15)}
	got := exchange(t, s, m)
	extended(t, got)
	if h := got.Additionals[0].Header; !h.DNSSECAllowed() || got.RCode != 0 || h.ExtendedRCode(got.RCode) != 0 || len(got.Answers) != 1 {
		t.Errorf("%+v", got)
	}
	m.Additionals = []dnsmessage.Resource{opt(1232, 1<<16)} // version 1
	got = exchange(t, s, m)
	extended(t, got)
	if h := got.Additionals[0].Header; h.ExtendedRCode(got.RCode) != badVersion || h.DNSSECAllowed() || uint8(h.TTL>>16) != 0 || len(got.Answers) != 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzAnswer(f *testing.F) {
	m := ask(f, "a.com.", dnsmessage.TypeA)
	f.Add(packed(f, m))
	m.Additionals = []dnsmessage.Resource{opt(1232, 0)}
	f.Add(packed(f, m))
	f.Add(packed(f, ask(f, "0.1.18.198.in-addr.arpa.", dnsmessage.TypePTR)))
	f.Add(packed(f, ask(f, "evil\x00.com.", dnsmessage.TypeHTTPS)))
	f.Add([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	book := NewBook()
	book.Addr("a.com")
	f.Fuzz(func(t *testing.T, msg []byte) {
		s := &Server{Book: book, Lookup: func(_ context.Context, name string) Outcome {
			if n, ok := network.Normal(name); !ok || n != name {
				t.Errorf("Lookup is asked for %q", name)
			}
			return Outcome(len(name) % 5)
		}}
		out := s.answer(t.Context(), msg)
		if out == nil {
			if len(msg) >= 12 && msg[2]&0x80 == 0 {
				t.Error("no answer to a query")
			}
			return
		}
		var got dnsmessage.Message
		if err := got.Unpack(out); err != nil || len(out) > maxAnswer {
			t.Fatalf("%d bytes, %v: %x", len(out), err, out)
		}
		if !got.Response || got.ID != binary.BigEndian.Uint16(msg) {
			t.Errorf("%+v", got.Header)
		}
		var p dnsmessage.Parser
		if _, err := p.Start(msg); err != nil {
			t.Fatal("answered, though it has no header")
		}
		if q, err := p.Question(); len(got.Questions) > 1 || len(got.Questions) == 1 && (err != nil || q != got.Questions[0]) {
			t.Errorf("asked %+v, answered %+v", q, got.Questions)
		}
	})
}
