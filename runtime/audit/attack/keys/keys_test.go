package keys

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// naive is a broker that protects nothing: it puts the key wherever the
// placeholder is, and passes on what it gets, byte for byte, in both directions.
type naive struct {
	secret, upstream string
	roots            *x509.CertPool
	placeholders     []string
	ca               *x509.Certificate
	key              *ecdsa.PrivateKey
}

// certificate for whatever name a client asks for.
func (n *naive) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{h.ServerName}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, n.ca, &n.key.PublicKey, n.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: n.key}, err
}

var (
	basicHeader = regexp.MustCompile(`Basic (\S+)`)
	bodyLength  = regexp.MustCompile(`Content-Length: \d+`)
)

func (n *naive) put(text string) string {
	for _, p := range n.placeholders {
		text = strings.ReplaceAll(text, p, n.secret)
	}
	if _, body, ok := strings.Cut(text, "\r\n\r\nkey="); ok {
		text = bodyLength.ReplaceAllString(text, fmt.Sprintf("Content-Length: %d", len("key=")+len(body)))
	}
	return basicHeader.ReplaceAllStringFunc(text, func(s string) string {
		plain, _ := base64.StdEncoding.DecodeString(s[6:])
		for _, p := range n.placeholders {
			plain = bytes.ReplaceAll(plain, []byte(p), []byte(n.secret))
		}
		return "Basic " + base64.StdEncoding.EncodeToString(plain)
	})
}

func (n *naive) dial() net.Conn {
	c, err := tls.Dial("tcp", n.upstream, &tls.Config{RootCAs: n.roots})
	if err != nil {
		panic(err)
	}
	return c
}

var location = regexp.MustCompile(`Location: https://[^/]*(/hidden/\S+)`)

// serve is one CONNECT.
func (n *naive) serve(c net.Conn) {
	defer c.Close()
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	}
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	t := tls.Server(c, &tls.Config{GetCertificate: n.certificate, NextProtos: []string{"h2", "http/1.1"}})
	if t.Handshake() != nil {
		return
	}
	up := n.dial()
	defer up.Close()
	_ = up.SetDeadline(time.Now().Add(time.Second))
	if t.ConnectionState().NegotiatedProtocol == "h2" {
		_, _ = io.WriteString(up, n.put(translated(t)))
		answer, _ := io.ReadAll(up)
		_, _ = t.Write(frame(frameData, endStream, 1, answer))
		return
	}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			k, err := t.Read(buf)
			if err != nil {
				return
			}
			_, _ = io.WriteString(up, n.put(string(buf[:k])))
		}
	}()
	answer, _ := io.ReadAll(up)
	if m := location.FindSubmatch(answer); m != nil {
		follow := n.dial()
		defer follow.Close()
		fmt.Fprintf(follow, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", m[1], n.secret)
		_, _ = io.ReadAll(follow)
	}
	_, _ = t.Write(answer)
}

// translated is a request of HTTP/2 as HTTP/1.1, with whatever its fields hold.
func translated(c io.Reader) string {
	_, _ = io.ReadFull(c, make([]byte, len(preface)))
	fields, header, body := map[string]string{}, "", ""
	for done := false; !done; {
		head := make([]byte, 9)
		if _, err := io.ReadFull(c, head); err != nil {
			return ""
		}
		payload := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
		_, _ = io.ReadFull(c, payload)
		done = (head[3] == frameHeaders || head[3] == frameData) && head[4]&endStream != 0
		if head[3] == frameData {
			body += string(payload)
		}
		for b := payload; head[3] == frameHeaders && len(b) > 0; {
			text := func() string {
				k := int(b[0])
				b = b[1:]
				if k == 127 {
					for shift, more := 0, true; more; shift += 7 {
						more = b[0]&128 != 0
						k += int(b[0]&127) << shift
						b = b[1:]
					}
				}
				s := string(b[:k])
				b = b[k:]
				return s
			}
			b = b[1:]
			name := text()
			value := text()
			if strings.HasPrefix(name, ":") {
				fields[name] = value
			} else {
				header += name + ": " + value + "\r\n"
			}
		}
	}
	if body != "" && !strings.Contains(header, "content-length") && !strings.Contains(header, "transfer-encoding") {
		header += fmt.Sprintf("content-length: %d\r\n", len(body))
	}
	return fields[":method"] + " " + fields[":path"] + " HTTP/1.1\r\nHost: " + fields[":authority"] + "\r\nConnection: close\r\n" + header + "\r\n" + body
}

// seen is what the host noted, as the judge sees it.
type seen struct {
	attack.Witness
	mu    sync.Mutex
	names []string
}

func (s *seen) note(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
}

func (s *seen) Arrived(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.names, name)
}

// notHere are attacks that only get through elsewhere.
var notHere = map[string]string{
	"key-in-core-file": "whether there are core files the host decides (hack/e2e/audit, TestAuditWithoutAJail)",
}

// TestNaive: with a broker that protects nothing, an agent that says yes to
// everything and a key that lies around, every attack gets through. So none is
// held because it could not succeed.
func TestNaive(t *testing.T) {
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	secret := attack.SecretPrefix + hex.EncodeToString(random)
	dir, further := t.TempDir(), t.TempDir()
	// sun_path of unix(7) is short, and so is not every TMPDIR.
	short, err := os.MkdirTemp("/tmp", "keys")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	e := &attack.Env{Bait: attack.Bait{Hash: attack.Digest([]byte(secret)), Mark: ".jailed-claude-audit-test", Facts: attack.Facts{Net: "none"}}, Self: "/proc/self/exe", Ask: func(string) error { return nil }}
	w := &seen{}
	s, err := Lay(short, further, secret, &e.Bait, w.note)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	pemText, err := os.ReadFile(filepath.Join(short, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	n := &naive{secret: secret, upstream: s.upstream, roots: x509.NewCertPool()}
	n.roots.AppendCertsFromPEM(pemText)
	n.authority(t)
	for _, v := range []string{serviceVariable, rulesVariable, loginVariable, cloudVariable} {
		t.Setenv(v, "placeholder-for-"+v)
		n.placeholders = append(n.placeholders, "placeholder-for-"+v)
	}
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(short, "agent"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.serve(c)
		}
	}()
	t.Setenv("HTTPS_PROXY", "http://"+l.Addr().String())
	// A jail whose authority's key lies beside its certificate.
	der, err := x509.MarshalECPrivateKey(n.key)
	if err != nil {
		t.Fatal(err)
	}
	trust := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.ca.Raw}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...)
	for name, text := range map[string][]byte{"trust.pem": trust, "key": []byte(secret)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(dir, "trust.pem"))
	top = dir
	t.Cleanup(func() { top = "/" })
	open, err := os.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	// A login that is kept where the jail can read it.
	e.Facts.State = t.TempDir()
	kept := filepath.Join(e.Facts.State, "projects", "p", "login", "services", "made")
	if err := errors.Join(os.MkdirAll(kept, 0o700), os.WriteFile(filepath.Join(kept, "login.json"), []byte(secret), 0o600)); err != nil {
		t.Fatal(err)
	}
	// A process that has the key in its arguments and environment.
	c := exec.Command("/bin/sh", "-c", "read -r x; : "+secret)
	c.Env = append(os.Environ(), "KEY="+secret)
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })

	for _, a := range Attacks() {
		r := a.Run(e)
		if a.Judge != nil {
			r = a.Judge(w, r)
		}
		if r.Verdict != attack.GotThrough && notHere[a.Name] == "" {
			t.Errorf("%s: %+v", a.Name, r)
		}
	}
	if !bytes.Contains(der, scalar) {
		t.Error("the key is written in another way than the search expects")
	}
}

// authority of a jail, without constraints.
func (n *naive) authority(t *testing.T) {
	t.Helper()
	var err error
	if n.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &n.key.PublicKey, n.key)
	if err == nil {
		n.ca, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
}
