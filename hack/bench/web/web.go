// Package web is a service over TLS that wants a key, and a client of it, which
// says how fast that is.
//
// What does not belong here: who stands between them.
package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Answer is what a client says: the median of one request after another on one
// connection, how many there are of 32 clients at once, and the bytes of a long
// answer.
type Answer struct {
	LatencyMS float64 `json:"latency"`
	Rate      float64 `json:"rate"`
	MBs       float64 `json:"mbs"`
}

const (
	clients = 32
	// warm requests are not counted; measured are.
	warm, measured = 200, 2000
	rateTime       = 3 * time.Second
	large          = 256 << 20
)

// service answers who has the key.
func service(key string) http.Handler {
	small, block := make([]byte, 100), make([]byte, 256<<10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+key:
			http.Error(w, "another key", http.StatusForbidden)
		case r.URL.Path == "/large":
			w.Header().Set("Content-Length", strconv.Itoa(large))
			for range large / len(block) {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		default:
			_, _ = w.Write(small)
		}
	})
}

// Serve serves names at an address, on the usual port and by HTTP/1.1, until stop is
// called. The authority of its certificate is one of its own, which is in a file then.
func Serve(address string, names []string, file string, handler http.Handler) (stop func() error, err error) {
	l, err := net.Listen("tcp", address+":443")
	if err != nil {
		return nil, fmt.Errorf("a service on port 443 takes root: %w", err)
	}
	// An authority and a certificate of it: not all clients take one for the other.
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	from, until := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the benchmark's"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, NotBefore: from, NotAfter: until, DNSNames: names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &authority.PublicKey, authority)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, root, &secret.PublicKey, authority)
	if err == nil {
		err = os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), 0o644) //nolint:gosec // for all to read
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s := &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute,
		TLSConfig:    &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: secret}}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 for all alike
	}
	go func() { _ = s.ServeTLS(l, "", "") }()
	return s.Close, nil
}

// Run asks the service at an address, "https://NAME", with a key, and prints an
// Answer. A proxy is that of the environment.
func Run(args []string, out, _ io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: bench web URL KEY")
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: clients, DisableCompression: true,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	get := func(path string) (int64, error) {
		r, err := http.NewRequest(http.MethodGet, args[0]+path, nil)
		if err != nil {
			return 0, err
		}
		r.Header.Set("Authorization", "Bearer "+args[1])
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		return n, err
	}
	var a Answer
	var times []float64
	for i := range warm + measured {
		began := time.Now()
		if _, err := get("/small"); err != nil {
			return err
		}
		if i >= warm {
			times = append(times, float64(time.Since(began).Nanoseconds())/1e6)
		}
	}
	slices.Sort(times)
	a.LatencyMS = times[len(times)/2]
	var err error
	if a.Rate, err = rate(func() error { _, err := get("/small"); return err }); err != nil {
		return err
	}
	began := time.Now()
	n, err := get("/large")
	if err != nil {
		return err
	}
	a.MBs = float64(n) / 1e6 / time.Since(began).Seconds()
	return json.NewEncoder(out).Encode(a)
}

// rate is how often a second clients get an answer.
func rate(get func() error) (float64, error) {
	var running sync.WaitGroup
	var mu sync.Mutex
	var failed error
	total := 0
	began := time.Now()
	for range clients {
		running.Go(func() {
			n := 0
			var err error
			for err == nil && time.Since(began) < rateTime {
				if err = get(); err == nil {
					n++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
			if err != nil {
				failed = err
			}
		})
	}
	running.Wait()
	return float64(total) / time.Since(began).Seconds(), failed
}
