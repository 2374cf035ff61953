package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func rules(t *testing.T, c network.Config) *Rules {
	t.Helper()
	c.Via, c.TLS = network.ViaRedirect, network.TLSStrict
	n, err := c.Parse()
	if err != nil {
		t.Fatal(err)
	}
	r := New(n)
	r.Patience = 50 * time.Millisecond
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAllow: rules come and go; what the policy denies stays so.
func TestAllow(t *testing.T) {
	r := rules(t, network.Config{Mode: network.Filtered, Allow: []string{"a.com"}, Deny: []string{"never.com", "*.never.com", "b.com:22", "10.0.0.0/8"}})
	must(t, r.Allow([]string{"b.com", "*.c.com:*"}))
	for name, want := range map[string]bool{"a.com": true, "b.com": true, "x.c.com": true, "d.com": false} {
		if v := r.Now().Connect(name, 443); v.OK != want {
			t.Errorf("%s: %+v", name, v)
		}
	}
	must(t, r.Deny([]string{"b.com", "a.com"}))
	if r.Now().Connect("b.com", 443).OK || r.Now().Connect("a.com", 443).OK {
		t.Error("what was denied is allowed")
	}
	must(t, r.Allow([]string{"b.com"}))
	if !r.Now().Connect("b.com", 443).OK {
		t.Error("what was allowed again is denied")
	}
	for _, bad := range [][]string{{"never.com"}, {"x.never.com:22"}, {"*.x.never.com"}, {"b.com:22"}, {"10.1.0.0/16"}, {"e.com", "no name"}, {"*"}, {"host"}} {
		if err := r.Allow(bad); err == nil {
			t.Errorf("%q was allowed", bad)
		}
	}
	if allow, deny := r.Added(); !slices.Equal(allow, []string{"*.c.com:*", "b.com"}) || !slices.Equal(deny, []string{"a.com"}) {
		t.Errorf("%q, %q", allow, deny)
	}
	if r.Now().Connect("e.com", 443).OK {
		t.Error("a part of what was refused holds")
	}
	var many []string
	for i := range maxAdded {
		many = append(many, fmt.Sprintf("x%d.com", i))
	}
	if err := r.Allow(many); err == nil || r.Now().Connect("x0.com", 443).OK {
		t.Errorf("rules without end: %v", err)
	}
	if err := rules(t, network.Config{Mode: network.None}).Allow([]string{"a.com"}); err == nil {
		t.Error("none is more than none")
	}
}

// TestFixed: where the policy of the machine sets the list, nothing is added that it
// has not, in any words, and what was denied meanwhile can be had again.
func TestFixed(t *testing.T) {
	for _, mode := range []string{network.Filtered, network.Internet} {
		r := rules(t, network.Config{Mode: mode, Allow: []string{"a.com", "*.b.com", "[2001:db8::1]:443"}, Fixed: []string{network.FixedAllow}})
		for _, more := range []string{"c.com", "a.com:22", "a.com:*", "*.a.com", "x.b.com", "*.b.com:*", "private:a.com", "host:5432", "10.0.0.0/8", "2001:db8::/64"} {
			if err := r.Allow([]string{"a.com", more}); err == nil || !strings.Contains(err.Error(), "policy of the machine") {
				t.Errorf("%s: %s: %v", mode, more, err)
			}
		}
		if allow, _ := r.Added(); len(allow) > 0 {
			t.Errorf("%q is allowed", allow)
		}
		must(t, r.Deny([]string{"a.com"}))
		if r.Now().Connect("a.com", 443).OK {
			t.Error("what was denied is allowed")
		}
		must(t, r.Allow([]string{"A.com:443", "a.com"}))
		if !r.Now().Connect("a.com", 443).OK {
			t.Error("what the policy allows is not had again")
		}
	}
}

// TestWait: who waits goes on when the answer is there, and not for ever; not
// many wait.
func TestWait(t *testing.T) {
	r := rules(t, network.Config{Mode: network.Filtered, Ask: true})
	connect := func(name string) network.Verdict {
		return r.Connect(context.Background(), name, func(now *network.Rules) network.Verdict { return now.Connect(name, 443) }, func() {})
	}
	if v := connect("nobody.com"); v.OK || len(r.Waiting()) != 0 {
		t.Errorf("%+v", v)
	}
	r.Patience = time.Minute
	verdicts := map[string]network.Verdict{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, name := range []string{"yes.com", "no.com", "yes.com", "later.com"} {
		all.Go(func() {
			v := connect(name)
			mu.Lock()
			defer mu.Unlock()
			verdicts[name] = v
		})
	}
	for len(r.Waiting()) < 3 {
		time.Sleep(time.Millisecond)
	}
	must(t, r.Allow([]string{"yes.com"}))
	must(t, r.Deny([]string{"no.com"}))
	for len(r.Waiting()) > 1 {
		time.Sleep(time.Millisecond)
	}
	if w := r.Waiting(); !slices.Equal(w, []string{"later.com"}) {
		t.Errorf("%q wait", w)
	}
	must(t, r.Allow([]string{"*.later.com", "later.com"}))
	all.Wait()
	if v := verdicts["no.com"]; v.OK || strings.Contains(v.Why, "nobody answered") {
		t.Errorf("it waited after the no: %+v", v)
	}
	if !verdicts["yes.com"].OK || !verdicts["later.com"].OK {
		t.Errorf("%+v", verdicts)
	}
	// More than enough.
	ctx, cancel := context.WithCancel(context.Background())
	never := func(*network.Rules) network.Verdict { return network.Verdict{Rule: "mode filtered"} }
	for i := range maxWaiting {
		all.Go(func() { r.Connect(ctx, string(rune('a'+i)), never, func() {}) })
	}
	for len(r.Waiting()) < maxWaiting {
		time.Sleep(time.Millisecond)
	}
	if v := connect("one-more.com"); v.OK || !strings.Contains(v.Why, "too many") {
		t.Errorf("%+v", v)
	}
	cancel()
	all.Wait()
}

// TestNotAsked: the user is not asked about what is denied, nor where nobody is to
// be asked.
func TestNotAsked(t *testing.T) {
	for name, c := range map[string]network.Config{
		"denied": {Mode: network.Filtered, Ask: true, Deny: []string{"never.com"}},
		"no ask": {Mode: network.Filtered},
	} {
		v := rules(t, c).Connect(t.Context(), "never.com", func(now *network.Rules) network.Verdict { return now.Connect("never.com", 443) }, func() { t.Errorf("%s: asked", name) })
		if v.OK {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
