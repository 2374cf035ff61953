package wall

import (
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestWaiting: every connection that nobody has accepted is there, once.
func TestWaiting(t *testing.T) {
	j := newJail(t)
	w := j.build(t, network.ViaRedirect)
	clients := map[string]bool{}
	for range 50 {
		c, err := j.dial("tcp", "198.51.100.7:22")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients[c.LocalAddr().String()] = true
	}
	for _, c := range Waiting(w.Relay) {
		defer c.Close()
		if peer := c.RemoteAddr().String(); clients[peer] {
			delete(clients, peer)
		} else {
			t.Error("unknown, or twice:", peer)
		}
	}
	if len(clients) > 0 || len(Waiting(w.Relay)) > 0 {
		t.Error("left:", clients)
	}
}
