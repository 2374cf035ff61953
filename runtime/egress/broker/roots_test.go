package broker

import (
	"net"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestRootsOnce: the certificates are read once for all brokers, and not before a
// program in the jail connects to one; then before it has said what it wants.
func TestRootsOnce(t *testing.T) {
	roots := NewRoots([]byte(rootX1))
	var brokers []*Broker
	for _, name := range []string{"one", "two"} {
		b, err := New(network.Broker{Name: name, Upstream: "https://api.example.com", Allow: []string{"GET /**"}}, Options{Roots: roots})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		brokers = append(brokers, b)
	}
	if roots.pool.Load() != nil {
		t.Fatal("they are read before anything is connected")
	}
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go brokers[0].ServeConn(ours)
	for began := time.Now(); roots.pool.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("nobody reads them")
		}
	}
	brokers[0].trusted()
	brokers[1].trusted()
	if a, b := brokers[0].transport.TLSClientConfig.RootCAs, brokers[1].transport.TLSClientConfig.RootCAs; a == nil || a != b {
		t.Error("each broker has read them for itself")
	}
}
