package egress

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestChange: what the user allows works at once, and what the user denies ends.
func TestChange(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, mode(network.Filtered, "other.example"))
	if _, err := w.to("good.example:80"); err == nil {
		t.Error("it is reached before")
	}
	if err := w.session.Allow([]string{"good.example:80"}); err != nil {
		t.Fatal(err)
	}
	c := w.mustTo("good.example:80")
	if err := talk(c, "93.184.216.34:80"); err != nil {
		t.Fatal(err)
	}
	c = w.mustTo("good.example:80")
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.session.Deny([]string{"good.example"}); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(c); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection goes on: %v", err)
	}
	if _, err := w.to("good.example:80"); err == nil {
		t.Error("it is reached afterwards")
	}
	sum := w.close()
	if len(sum.Added) != 1 || sum.Added[0] != "good.example:80" {
		t.Errorf("%+v", sum)
	}
}

// TestDenyAddress: a name's connections end where its address is denied.
func TestDenyAddress(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, mode(network.Internet))
	c := w.mustTo("good.example:80")
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.session.Deny([]string{"93.184.216.0/24"}); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(c); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection goes on: %v", err)
	}
}

// TestDenyBroker: a connection to a broker by the service's name ends with the
// user's no, and there is no other.
func TestDenyBroker(t *testing.T) {
	h := serveHTTPS(t, "93.184.216.34:443")
	a, roots := newAuthority(t, "example.com")
	w := newWorld(t, mode(network.None), brokering(a, h))
	c := tls.Client(w.mustTo("example.com:443"), &tls.Config{ServerName: "example.com", RootCAs: roots})
	in := bufio.NewReader(c)
	ask := func() error {
		if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: example.com\r\nX-Api-Key: %s\r\n\r\n", w.session.brokers[0].Placeholder()); err != nil {
			return err
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		_, err = io.Copy(io.Discard, r.Body)
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := w.session.Deny([]string{"example.com"}); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection goes on: %v", err)
	}
	if addr, err := w.lookup("example.com"); err == nil {
		t.Errorf("it is found at %s", addr)
	}
	if keys := h.shown(); len(keys) != 1 {
		t.Errorf("the service was shown %q", keys)
	}
}

// TestDenyMeanwhile: the user says no while the connection is being made.
func TestDenyMeanwhile(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	hold := make(chan struct{})
	w := newWorld(t, mode(network.Filtered, "good.example:80"), func(w *world, _ *Options, _ *limits) { w.hold = hold })
	c := w.mustTo("good.example:80")
	for len(w.dials()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := w.session.Deny([]string{"good.example"}); err != nil {
		t.Fatal(err)
	}
	close(hold)
	if err := isReset(c); err != nil {
		t.Error(err)
	}
}

// TestPublish: a port of the jail that is the host's is not published back.
func TestPublish(t *testing.T) {
	w := newWorld(t, func(_ *world, o *Options, _ *limits) { o.Config.HostPorts = []uint16{34571} })
	if err := w.session.Publish(34571); err == nil {
		t.Error("published")
	}
	if err := w.session.Publish(34572); err != nil {
		t.Error(err)
	}
	if ports := w.session.Ports(); len(ports) != 1 {
		t.Errorf("%d", ports)
	}
}

// TestPublishFixed: no port is published but those of the machine's policy, not by a
// page's answer either; one of them can be taken back and had again.
func TestPublishFixed(t *testing.T) {
	w := newWorld(t, func(_ *world, o *Options, _ *limits) {
		o.Config.Ports, o.Config.Fixed, o.Config.Bridges = []uint16{34574}, []string{network.FixedPorts}, &network.Bridges{Open: network.BridgeAsk}
	})
	for _, publish := range []func(uint16) error{w.session.Publish, w.session.publishFor} {
		if err := publish(34573); err == nil || !strings.Contains(err.Error(), "policy of the machine") {
			t.Errorf("another port: %v", err)
		}
	}
	if err := w.session.Unpublish(34574); err != nil {
		t.Error(err)
	}
	if err := w.session.Publish(34574); err != nil {
		t.Error(err)
	}
}

// TestAsk: a connection waits for the user, and nobody outside hears of the name
// before the answer.
func TestAsk(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, mode(network.Filtered, "other.example"), denying("never.example"), func(_ *world, o *Options, _ *limits) { o.Config.Ask = true })
	// What is denied is no question, nor is the host itself.
	for _, name := range []string{"never.example", network.HostName} {
		if a, err := w.lookup(name); err == nil {
			t.Errorf("%s is found, at %s", name, a)
		}
	}
	c := w.mustTo("good.example:80")
	for len(w.session.Waiting()) == 0 {
		time.Sleep(time.Millisecond)
	}
	w.mu.Lock()
	if len(w.dialed) > 0 || len(w.asked) > 0 {
		t.Errorf("%v was dialled, %q asked for", w.dialed, w.asked)
	}
	w.mu.Unlock()
	if got := w.session.Waiting(); got[0] != "good.example:80" {
		t.Errorf("%q", got)
	}
	begun := time.Now()
	if err := w.session.Allow([]string{"good.example:80"}); err != nil {
		t.Fatal(err)
	}
	if err := talk(c, "93.184.216.34:80"); err != nil {
		t.Fatal(err)
	}
	t.Logf("from the yes to the end of the exchange: %v", time.Since(begun))
	// A no is immediate.
	c = w.mustTo("evil.example:80")
	for len(w.session.Waiting()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := w.session.Deny([]string{"evil.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err == nil {
		t.Error("what was denied was not reset")
	}
	w.close()
}

// TestRefusals: what was refused is listed as long as it would be refused again, and
// no longer. A name may be allowed, and what it leads to refused.
func TestRefusals(t *testing.T) {
	serve(t, "93.184.216.35:80", echo)
	w := newWorld(t, mode(network.Internet), owning(public2), denying("never.example"), name("in.example", private), name("own.example", public2), name("never.example", public))
	if _, err := w.lookup("never.example"); err == nil {
		t.Error("what is denied is found")
	}
	for _, to := range []string{"in.example:80", "own.example:80", "10.1.2.3:22", "93.184.216.35:22"} {
		if err := w.refused(to); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	refused := int64(5)
	listed := func(want ...string) {
		t.Helper()
		for w.count.Load() < refused {
			time.Sleep(time.Millisecond)
		}
		if got, _ := w.session.Refusals(); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
	listed("10.1.2.3:22", "10.1.2.3:80", "93.184.216.35:22", "93.184.216.35:80")
	for _, rule := range []string{"private:in.example:80", "93.184.216.35:80"} {
		if err := w.session.Allow([]string{rule}); err != nil {
			t.Fatal(err)
		}
	}
	listed("10.1.2.3:22", "93.184.216.35:22")
	if err := w.session.Allow([]string{"10.0.0.0/8:*", "93.184.216.35:22"}); err != nil {
		t.Fatal(err)
	}
	listed()
	// The same of names.
	w = newWorld(t, mode(network.Filtered, "good.example:80"))
	if _, err := w.lookup("other.example"); err == nil {
		t.Error("what no rule is of is found")
	}
	if err := w.refused("good.example:22"); err != nil {
		t.Error(err)
	}
	refused = 2
	listed("good.example:22", "other.example")
	if err := w.session.Allow([]string{"other.example:22", "good.example:*"}); err != nil {
		t.Fatal(err)
	}
	listed()
}

// TestRefusedByTheMachine: where the machine's policy sets what is allowed, nobody is
// told to allow what would be refused, and everybody who forbids it.
func TestRefusedByTheMachine(t *testing.T) {
	w := newWorld(t, mode(network.Filtered, "a.example"), func(_ *world, o *Options, _ *limits) { o.Config.Fixed = []string{network.FixedAllow} }, name("a.example", public), name("b.example", public))
	if _, err := w.lookup("b.example"); err == nil {
		t.Error("what is not allowed is found")
	}
	for w.count.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	rules, barred := w.session.Refusals()
	if len(rules) > 0 || len(barred) != 1 || !strings.HasPrefix(barred[0], "b.example: ") || !strings.Contains(barred[0], network.ByMachine) {
		t.Errorf("%q, %q", rules, barred)
	}
	var b strings.Builder
	summary := w.session.Close()
	for _, people := range []bool{false, true} {
		summary.Report(&b, people)
	}
	if text := b.String(); strings.Contains(text, "--allow") || strings.Contains(text, "[network]") || !strings.Contains(text, network.ByMachine) {
		t.Error(text)
	}
}
