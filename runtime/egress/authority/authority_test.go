package authority

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func pool(t *testing.T, a *Authority) *x509.CertPool {
	t.Helper()
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(a.PEM()) {
		t.Fatalf("no certificate: %s", a.PEM())
	}
	return p
}

// made is an authority that has to work.
func made(t testing.TB, names ...string) *Authority {
	t.Helper()
	a, err := New(names)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// handshake connects a client that trusts roots and asks for a name to a
// server with a certificate.
func handshake(c *tls.Certificate, roots *x509.CertPool, name string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		outside, err := l.Accept()
		if err != nil {
			return
		}
		defer outside.Close()
		s := tls.Server(outside, &tls.Config{Certificates: []tls.Certificate{*c}})
		_, _ = io.WriteString(s, "hello")
		_ = s.Close()
	}()
	inside, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer inside.Close()
	_, err = io.ReadAll(tls.Client(inside, &tls.Config{RootCAs: roots, ServerName: name}))
	return err
}

func TestSigns(t *testing.T) {
	long := strings.Repeat("a", 60) + ".example.com"
	a := made(t, "api.example.com", long)
	for _, name := range []string{"api.example.com", long} {
		c, err := a.Certificate(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(c, pool(t, a), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		again, err := a.Certificate(name)
		if err != nil || again != c {
			t.Errorf("%s: signed twice, or %v", name, err)
		}
	}
}

// TestSignsNothingElse: no other name, whatever it looks like.
func TestSignsNothingElse(t *testing.T) {
	a := made(t, "api.example.com")
	for _, name := range []string{"", "example.com", "x.api.example.com", "API.example.com", "api.example.com.", "*.example.com", "other.example", "127.0.0.1"} {
		if c, err := a.Certificate(name); !errors.Is(err, errName) {
			t.Errorf("%q: %v, %v", name, c, err)
		}
	}
	if _, err := New(nil); err == nil {
		t.Error("an authority without a name")
	}
}

// TestConstraints: a client refuses what somebody with the authority's key
// signs for others.
func TestConstraints(t *testing.T) {
	a := made(t, "api.example.com")
	for _, name := range []string{"other.example", "example.com", "xapi.example.com"} {
		c, err := a.sign(name, time.Now()) // Certificate would refuse it
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(c, pool(t, a), name); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if !a.cert.PermittedDNSDomainsCritical || !a.cert.MaxPathLenZero {
		t.Error("the constraints are not critical, or it can make other authorities")
	}
	// An address has no DNS name to be constrained.
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	template := *a.cert
	template.IsCA, template.MaxPathLenZero, template.KeyUsage = false, false, x509.KeyUsageDigitalSignature
	template.PermittedDNSDomains, template.ExcludedIPRanges = nil, nil
	template.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)}
	der, err := x509.CreateCertificate(rand.Reader, &template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool(t, a), "192.0.2.1"); err == nil {
		t.Error("an address is accepted")
	}
}

// TestJailsAreStrangers: a client of one jail does not take the other's
// certificates, and nothing of the two is the same.
func TestJailsAreStrangers(t *testing.T) {
	a, b := made(t, "api.example.com"), made(t, "api.example.com")
	c, err := b.Certificate("api.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(c, pool(t, a), "api.example.com"); err == nil {
		t.Error("accepted")
	}
	if a.cert.Subject.CommonName == b.cert.Subject.CommonName || a.cert.SerialNumber.Cmp(b.cert.SerialNumber) == 0 || a.key.Equal(b.key) {
		t.Error("two authorities have something in common")
	}
}

// TestClock: a certificate is signed again before it ends, and after the clock
// was set back.
func TestClock(t *testing.T) {
	a := made(t, "api.example.com")
	now := time.Now()
	a.now = func() time.Time { return now }
	valid := func(what string) {
		t.Helper()
		c, err := a.Certificate("api.example.com")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: pool(t, a), CurrentTime: now, DNSName: "api.example.com"}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	valid("now")
	for _, d := range []time.Duration{6*24*time.Hour + time.Hour, 30 * 24 * time.Hour, -20 * 365 * 24 * time.Hour, 40 * 365 * 24 * time.Hour} {
		now = now.Add(d)
		valid(d.String())
	}
}

// private is the number that nobody may know.
func private(t *testing.T, a *Authority) []byte {
	t.Helper()
	b, err := a.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPublic: what the jail gets has no private key in it.
func TestPublic(t *testing.T) {
	a := made(t, "api.example.com")
	block, rest := pem.Decode(a.PEM())
	if block == nil || block.Type != "CERTIFICATE" || len(rest) != 0 || bytes.Contains(block.Bytes, private(t, a)) {
		t.Errorf("%s", a.PEM())
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		made(b, "api.anthropic.com").PEM()
	}
}

// TestBelow: names below a domain get certificates that hold, the domain itself
// and others get none.
func TestBelow(t *testing.T) {
	a := made(t, "*.cloud.example", "one.example")
	for _, name := range []string{"s3.cloud.example", "a.b.cloud.example", "one.example"} {
		c, err := a.Certificate(name)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := handshake(c, pool(t, a), name); err != nil {
			t.Error(name, err)
		}
		for _, other := range []string{"x." + name, "x.cloud.example", "cloud.example"} {
			if err := handshake(c, pool(t, a), other); err == nil {
				t.Errorf("the certificate of %s is one of %s", name, other)
			}
		}
	}
	for _, name := range []string{"cloud.example", "xcloud.example", "cloud.example.org", "two.example", "*.cloud.example", "*.s3.cloud.example", "*.cloud.example."} {
		if c, err := a.Certificate(name); err == nil {
			t.Errorf("%s: %v", name, c.Leaf.DNSNames)
		}
	}
	for i := range 2 * maxLeaves {
		if _, err := a.Certificate(strings.Repeat("x", 1+i%50) + "." + strings.Repeat("y", 1+i/50) + ".cloud.example"); err != nil {
			t.Fatal(err)
		}
		if len(a.leaves) > maxLeaves {
			t.Fatal("leaves are kept without end")
		}
	}
}
