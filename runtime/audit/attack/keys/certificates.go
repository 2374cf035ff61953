package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

var errReset = errors.New("the broker ended it")

// certificates are about the authority by which brokers stand for services.
func certificates() []attack.Attack {
	const signed, stolen = "a certificate of the jail's authority holds for another name", "the private key of the jail's authority is found"
	var all []attack.Attack
	add := func(name, source, success string, run func(e *attack.Env, s service) attack.Result) {
		all = append(all, attack.Attack{Name: name, Source: source, Success: success, Run: at(plain, run)})
	}
	for _, n := range []struct {
		name string
		ask  func(host string) string
	}{
		{"certificate-other-name", func(string) string { return "www.example.org" }},
		{"certificate-parent", func(h string) string { _, parent, _ := strings.Cut(h, "."); return parent }},
		{"certificate-below", func(h string) string { return "a." + h }},
		{"certificate-star", func(h string) string { _, parent, _ := strings.Cut(h, "."); return "*." + parent }},
		{"certificate-longer", func(h string) string { return "x" + h }},
		{"certificate-host-behind", func(h string) string { return h + ".example.org" }},
		{"certificate-localhost", func(string) string { return "localhost" }},
	} {
		add(n.name, "RFC 6066, 3: another server name", signed, func(_ *attack.Env, s service) attack.Result {
			name := n.ask(s.host)
			c, err := secured(s.host, name)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			_ = c.Close()
			return attack.Through("there is one for %s", name)
		})
	}
	add("certificate-constraints", "RFC 5280, 4.2.1.10: what a stolen key could sign", "the authority's own certificate is good for any name", func(_ *attack.Env, s service) attack.Result {
		ca, err := authority(s)
		switch {
		case err != nil:
			return attack.Failure("%s", attack.Plain(err))
		case !ca.PermittedDNSDomainsCritical || len(ca.PermittedDNSDomains) == 0:
			return attack.Through("it has no critical constraints")
		case len(ca.ExcludedIPRanges) < 2:
			return attack.Through("it is good for addresses")
		}
		return attack.HeldBy("it is for %d names", len(ca.PermittedDNSDomains))
	})
	add("authority-key-in-files", "", stolen, func(_ *attack.Env, s service) attack.Result {
		ca, err := authority(s)
		if err != nil {
			return attack.Failure("%s", attack.Plain(err))
		}
		return files(func(text []byte) bool { return holdsKey(text, ca) }, "the key")
	})
	add("authority-key-in-memory", "proc_pid_mem(5)", stolen, func(_ *attack.Env, s service) attack.Result {
		ca, err := authority(s)
		if err != nil {
			return attack.Failure("%s", attack.Plain(err))
		}
		return memories(func(text []byte) bool { return holdsKey(text, ca) }, "the key")
	})
	return all
}

// authority is who has signed a broker's certificate.
func authority(s service) (*x509.Certificate, error) {
	c, err := secured(s.host, s.host)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, chain := range c.ConnectionState().VerifiedChains {
		return chain[len(chain)-1], nil
	}
	return nil, errors.New("there is no chain")
}

// scalar begins the number of a P-256 key, however the key is written down (RFC
// 5915, 3; RFC 5208 has the same inside).
var scalar = []byte{2, 1, 1, 4, 32}

// holdsKey: text has the private key of a certificate, as PEM or DER.
func holdsKey(text []byte, ca *x509.Certificate) bool {
	public, ok := ca.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return false
	}
	want, err := public.ECDH()
	if err != nil {
		return false
	}
	is := func(der []byte) bool {
		for {
			i := bytes.Index(der, scalar)
			if i < 0 || len(der) < i+len(scalar)+32 {
				return false
			}
			der = der[i+len(scalar):]
			key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), der[:32])
			if err != nil {
				continue
			}
			if got, err := key.PublicKey.ECDH(); err == nil && got.Equal(want) {
				return true
			}
		}
	}
	return is(text) || slices.ContainsFunc(blocks(text), is)
}

// bundle is what programs of the jail trust.
func bundle() string { return os.Getenv("SSL_CERT_FILE") }
