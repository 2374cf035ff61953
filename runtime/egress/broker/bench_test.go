package broker

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// quiet has no log, which tests read.
func quiet(_ *network.Broker, o *Options, _ *httptest.Server) { o.Log = nil }

// BenchmarkRequest is a request on a connection that is kept: to the service
// itself with TLS, and through a broker by its name.
func BenchmarkRequest(b *testing.B) {
	for _, size := range []int{100, 1 << 20} {
		body := make([]byte, size)
		n := newNamed(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }, http1, quiet)
		direct := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}}
		direct.Transport.(*http.Transport).TLSClientConfig.RootCAs.AddCert(n.service.Certificate())
		for _, way := range []struct {
			name, url string
			c         *http.Client
		}{
			{"direct", n.service.URL + "/v1/messages", direct},
			{"broker", "https://example.com/v1/messages", n.client(1)},
			{"broker, HTTP2", "https://example.com/v1/messages", n.client(2)},
		} {
			b.Run(fmt.Sprintf("%d bytes, %s", size, way.name), func(b *testing.B) {
				b.SetBytes(int64(size))
				var took []time.Duration
				for b.Loop() {
					r, err := http.NewRequest(http.MethodGet, way.url, nil)
					if err != nil {
						b.Fatal(err)
					}
					r.Header.Set("X-Api-Key", n.b.Placeholder())
					begun := time.Now()
					resp, err := way.c.Do(r)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
						b.Fatal(resp.Status, err)
					}
					resp.Body.Close()
					took = append(took, time.Since(begun))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			})
		}
	}
}
