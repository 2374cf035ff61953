package broker

import (
	"bytes"
	"crypto/x509"
	"errors"
	"sync"
	"sync/atomic"
)

// Roots are the certificates by which brokers know their services. A whole system's
// take some milliseconds to read, so they are read once for all brokers, when the
// first one is connected to.
type Roots struct {
	pem  []byte
	once sync.Once
	pool atomic.Pointer[x509.CertPool]
}

// NewRoots are the certificates of a PEM text, or nil for nil.
func NewRoots(pem []byte) *Roots {
	if pem == nil {
		return nil
	}
	return &Roots{pem: pem}
}

// check: without any certificate no service would be trusted.
func (r *Roots) check() error {
	if r != nil && !bytes.Contains(r.pem, []byte("-----BEGIN CERTIFICATE-----")) {
		return errors.New("there is no certificate in the PEM text of the roots")
	}
	return nil
}

// read is their pool. An empty one accepts nothing.
func (r *Roots) read() *x509.CertPool {
	r.once.Do(func() {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(r.pem)
		r.pem = nil
		r.pool.Store(pool)
	})
	return r.pool.Load()
}
