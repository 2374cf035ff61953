package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

const filteredConfig = `{"mode":"filtered","via":"redirect","tls":"strict","allow":["a.example","b.example:22"]}`

func netSpec(own bool, annotation string) *specs.Spec {
	s := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}}}}
	if own {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	}
	if annotation != "" {
		s.Annotations = map[string]string{contract.NetworkAnnotation: annotation}
	}
	return s
}

// jailNetOf is newJailNet, as a plan is read.
func jailNetOf(s *specs.Spec) (*jailNet, error) {
	config, _ := network.Decode(s.Annotations[contract.NetworkAnnotation])
	return newJailNet(s, config, launch.Options{}, nil, os.ReadFile)
}

func TestNewJailNet(t *testing.T) {
	for _, c := range []struct {
		name       string
		own        bool
		annotation string
		shown, err string
	}{
		{"the host's", false, "", "host", ""},
		{"none", true, "", "none", ""},
		{"filtered", true, filteredConfig, "filtered(2)", ""},
		{"internet", true, `{"mode":"internet","via":"proxy","tls":"any"}`, "internet", ""},
		{"rules and the host's network", false, filteredConfig, "", "no network namespace of its own"},
		{"what nobody could read", true, "x", "", contract.NetworkAnnotation},
	} {
		n, err := jailNetOf(netSpec(c.own, c.annotation))
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
		case err != nil || n.String() != c.shown:
			t.Errorf("%s: %v %v, want %q", c.name, n, err, c.shown)
		}
	}
}

// TestJailNetHolds: what is not set up does not hold, whatever else is true of
// it.
func TestJailNetHolds(t *testing.T) {
	ns, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	setUp := fmt.Sprintf("net:[%d]", st.Ino)
	config := &network.Network{Config: network.Config{Mode: network.Filtered}}
	up := new(egress.Session)
	for _, c := range []struct {
		name         string
		n            jailNet
		theirs, ours string
		want         bool
	}{
		{"the host's", jailNet{}, "net:[1]", "net:[1]", true},
		{"one of its own that nobody asked for", jailNet{}, "net:[2]", "net:[1]", false},
		{"none", jailNet{own: true}, "net:[2]", "net:[1]", true},
		{"none, in the host's", jailNet{own: true}, "net:[1]", "net:[1]", false},
		{"set up", jailNet{own: true, config: config, ns: ns, session: up}, setUp, "net:[1]", true},
		{"not set up", jailNet{own: true, config: config, ns: ns}, setUp, "net:[1]", false},
		{"another one was set up", jailNet{own: true, config: config, ns: ns, session: up}, "net:[2]", "net:[1]", false},
		{"the host's was set up", jailNet{own: true, config: config, ns: ns, session: up}, setUp, setUp, false},
	} {
		if got, err := c.n.holds(c.theirs, c.ours); err != nil || got != c.want {
			t.Errorf("%s: %v %v", c.name, got, err)
		}
	}
}

// TestNetworkCannotBeSetUp: the error comes with wait, and close has nothing to
// report.
func TestNetworkCannotBeSetUp(t *testing.T) {
	n, err := jailNetOf(netSpec(true, filteredConfig))
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	n.setUp(null)
	if err := n.wait(); err == nil {
		t.Error("what is no namespace was set up")
	}
	if s := n.close(); s == nil || len(s.Denied) > 0 {
		t.Errorf("%+v", s)
	}
}

// TestCloseAwaitsTheStart: a session that is being started when the jail ends
// is not left running.
func TestCloseAwaitsTheStart(t *testing.T) {
	n := &jailNet{own: true, ready: make(chan error)}
	closed := make(chan struct{})
	go func() {
		n.close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Fatal("close did not wait for the start")
	case n.ready <- errors.New("no network"):
	}
	<-closed
}
