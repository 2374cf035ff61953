package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
)

// server is everything that answers in a lab.
type server struct {
	mu            sync.Mutex
	names         map[string][][]string
	backends      map[string]string
	hits, queries []string
	key           *ecdsa.PrivateKey
	ca            *x509.Certificate
	// www has a folder for each name that files are served under.
	www   string
	outer *outer
}

// open makes the lab around this process, whose namespaces are new, and
// begins to serve. dir is the world's folder.
func open(dir string) (*server, error) {
	s := &server{names: map[string][][]string{}, backends: map[string]string{}, www: filepath.Join(dir, "www")}
	o, err := newOuter()
	if err != nil {
		return nil, err
	}
	s.outer = o
	if err := errors.Join(network(o), files(dir), s.authority(filepath.Join(dir, "ca.pem"))); err != nil {
		return nil, err
	}
	// On all addresses of both families, here and out there.
	if err := errors.Join(s.services(net.Listen), s.services(o.listen), s.echoes(net.ListenPacket, lab.Own4, lab.Own6, lab.OwnLo), s.echoes(o.listenPacket, addresses...)); err != nil {
		return nil, err
	}
	abstract, err := net.Listen("unix", lab.Abstract(dir))
	if err != nil {
		return nil, err
	}
	go banner(abstract)
	dns, err := net.ListenPacket("udp4", "127.0.0.1:53")
	if err != nil {
		return nil, err
	}
	go s.resolve(dns)
	return s, s.ready()
}

// services opens ports, and one for ssh.
func (s *server) services(listen func(network, address string) (net.Listener, error)) error {
	for _, port := range ports {
		l, err := listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		l = noting{l, s}
		switch port {
		case 443:
			go s.web(tls.NewListener(l, &tls.Config{GetCertificate: s.certificate, NextProtos: []string{"http/1.1"}}))
		case 80, 8080:
			go s.web(l)
		default:
			go banner(l)
		}
	}
	shell, err := listen("tcp", ":2222")
	if err != nil {
		return err
	}
	return s.serveSSH(noting{shell, s})
}

// echoes answers packets to these addresses.
func (s *server) echoes(listen func(network, address string) (net.PacketConn, error), addresses ...string) error {
	for _, a := range addresses {
		for _, port := range []string{"53", "443", "9999"} {
			p, err := listen("udp", net.JoinHostPort(a, port))
			if err != nil {
				return err
			}
			go s.packets(p)
		}
	}
	return nil
}

// files lays the lab's own resolv.conf and hosts over those of the host.
func files(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	for name, text := range map[string]string{
		"resolv.conf":   "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n",
		"hosts":         "127.0.0.1 localhost\n::1 localhost\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	} {
		from := filepath.Join(dir, "lab."+name)
		if err := os.WriteFile(from, []byte(text), 0o644); err != nil {
			return err
		}
		to, err := filepath.EvalSymlinks("/etc/" + name)
		if err != nil {
			return err
		}
		if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
	}
	return nil
}

// authority makes a certificate authority that signs for every name.
func (s *server) authority(file string) (err error) {
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	s.ca = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, s.ca, s.ca, &s.key.PublicKey, s.key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func (s *server) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: s.ca.NotBefore, NotAfter: s.ca.NotAfter,
		DNSNames: []string{h.ServerName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, s.ca, &s.key.PublicKey, s.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: s.key}, nil
}

// noting notes every connection.
type noting struct {
	net.Listener
	s *server
}

func (n noting) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		n.s.note("tcp", c.LocalAddr())
	}
	return c, err
}

func (s *server) note(network string, a net.Addr) {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits = append(s.hits, network+" "+netip.AddrPortFrom(p.Addr().Unmap(), p.Port()).String())
}

// web lets a backend answer, serves the files of the name it was asked under,
// or answers with what it was asked.
func (s *server) web(l net.Listener) {
	server := &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		s.mu.Lock()
		to := s.backends[host]
		s.mu.Unlock()
		if to != "" {
			(&httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(p *httputil.ProxyRequest) {
				p.Out.URL.Scheme, p.Out.URL.Host = "http", to
			}}).ServeHTTP(w, r)
			return
		}
		if dir := filepath.Join(s.www, filepath.Base(host)); host != "" && isDir(dir) {
			http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, "lab %s%s\n", r.Host, r.URL.Path)
	})}
	_ = server.Serve(l)
}

func isDir(p string) bool {
	st, err := os.Stat(p)
	return err == nil && st.IsDir()
}

// banner speaks first, then echoes line by line.
func banner(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = fmt.Fprintf(c, "lab %s\n", c.LocalAddr())
			for r := bufio.NewReader(c); ; {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if _, err := io.WriteString(c, line); err != nil {
					return
				}
			}
		}()
	}
}

func (s *server) forward(l net.Listener, to string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.note("tcp", c.LocalAddr())
		go func() {
			defer c.Close()
			d, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer d.Close()
			go func() {
				_, _ = io.Copy(d, c)
				_ = d.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(c, d)
		}()
	}
}

// packets notes every packet and answers it with itself.
func (s *server) packets(p net.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		s.note("udp", p.LocalAddr())
		_, _ = p.WriteTo(buf[:n], from)
	}
}

// resolve is the lab's name server.
func (s *server) resolve(p net.PacketConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		s.answer(&m)
		if out, err := m.Pack(); err == nil {
			_, _ = p.WriteTo(out, from)
		}
	}
}

func (s *server) answer(m *dnsmessage.Message) {
	q := m.Questions[0]
	name := strings.ToLower(q.Name.String())
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, name+" "+strings.TrimPrefix(q.Type.String(), "Type"))
	answers, ok := s.names[name]
	if !ok || len(answers) == 0 {
		m.RCode = dnsmessage.RCodeNameError
		return
	}
	texts := answers[0]
	if target, ok := strings.CutPrefix(texts[0], "="); ok {
		to, err := dnsmessage.NewName(target + ".")
		if err != nil {
			return
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1}, Body: &dnsmessage.CNAMEResource{CNAME: to}})
		q.Name, texts = to, s.names[target+"."][0]
	}
	for _, text := range texts {
		a := netip.MustParseAddr(text)
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1}
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	if len(answers) > 1 && q.Type == dnsmessage.TypeA {
		s.names[name] = answers[1:]
	}
}
