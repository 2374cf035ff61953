package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Authority signs for some names. Its methods can be called from any
// goroutine.
type Authority struct {
	names []string
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	// now is time.Now; tests have others.
	now func() time.Time

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// The authority's certificate is valid whatever the clock said when the jail
// started. What bounds its use is the life of the process that has the key.
var (
	firstDay = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	lastDay  = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
)

// A leaf is valid from leafBefore before it was signed to leafAfter later, and
// signed again when less than leafRenew is left.
const (
	leafBefore = time.Hour
	leafAfter  = 7 * 24 * time.Hour
	leafRenew  = 24 * time.Hour
)

// errName is the refusal of a name that is not the authority's.
var errName = errors.New("the jail's authority does not sign for this name")

// New makes an authority for these names: whole host names in lower case, or
// "*." and a domain for all names below it.
func New(names []string) (*Authority, error) {
	if len(names) == 0 {
		return nil, errors.New("an authority needs a name to sign for")
	}
	a := &Authority{names: slices.Clone(names), now: time.Now, leaves: map[string]*tls.Certificate{}}
	var err error
	if a.key, err = newKey(); err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// Two jails' authorities have different names, so that no client takes
		// one for the other.
		Subject:               pkix.Name{CommonName: fmt.Sprintf("jailed-claude, one jail (%x)", serial.Bytes()[:4])},
		NotBefore:             firstDay,
		NotAfter:              lastDay,
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,

		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         domains(names),
		// Constraints of one kind of name say nothing of the others.
		ExcludedIPRanges: []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
			{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("make the jail's authority: %w", err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("make the jail's authority: %w", err)
	}
	return a, nil
}

// Behind is what comes behind certificates (PEM) for programs in the jail to trust the
// authority as well.
func (a *Authority) Behind() []byte { return append([]byte{'\n'}, a.PEM()...) }

// der is the authority's certificate.
func (a *Authority) der() []byte { return a.cert.Raw }

// PEM is the authority's certificate as text.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Certificate is one for exactly this name, with its key, signed when it is
// first asked for.
func (a *Authority) Certificate(name string) (*tls.Certificate, error) {
	if strings.Contains(name, "*") || !slices.ContainsFunc(a.names, func(n string) bool {
		below, star := strings.CutPrefix(n, "*")
		return n == name || star && strings.HasSuffix(name, below)
	}) {
		return nil, fmt.Errorf("%w: %q", errName, name)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	// The clock may have been set back as well.
	if leaf := a.leaves[name]; leaf != nil && now.After(leaf.Leaf.NotBefore) && now.Before(leaf.Leaf.NotAfter.Add(-leafRenew)) {
		return leaf, nil
	}
	leaf, err := a.sign(name, now)
	if err != nil {
		return nil, fmt.Errorf("sign for %q: %w", name, err)
	}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[name] = leaf
	return leaf, nil
}

// maxLeaves are kept: a jail may ask for as many names below a domain as it
// likes.
const maxLeaves = 256

// domains are names without their stars, as constraints have them.
func domains(names []string) (all []string) {
	for _, n := range names {
		all = append(all, strings.TrimPrefix(n, "*."))
	}
	return all
}

func (a *Authority) sign(name string, now time.Time) (*tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		NotBefore:             now.Add(-leafBefore),
		NotAfter:              now.Add(leafAfter),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{name},
	}
	if len(name) <= maxCommonName {
		template.Subject.CommonName = name
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// The authority itself is sent along: some clients want to see the chain.
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// maxCommonName is the longest common name that a certificate can have (RFC
// 5280, ub-common-name).
const maxCommonName = 64

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// newSerial is a positive number of 16 bytes that nobody can guess.
func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b), nil
}
