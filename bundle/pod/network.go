package pod

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// kinds of network policies.
const (
	// PolicyNone writes none: the Pod reaches what its cluster lets it.
	PolicyNone = "none"
	// PolicyKubernetes is a NetworkPolicy, which knows addresses only.
	PolicyKubernetes = "kubernetes"
	// PolicyCilium is a CiliumNetworkPolicy, which knows names as well.
	PolicyCilium = "cilium"
)

// policies are all of them.
var policies = []string{PolicyNone, PolicyKubernetes, PolicyCilium}

// errNames is returned for an allow-list with names, where only addresses can
// be said.
var errNames = errors.New("a NetworkPolicy cannot allow names")

const (
	tcp = "TCP"
	udp = "UDP"
)

// reach is what a network policy has to say.
type reach struct {
	// open: every public address.
	open      bool
	names     []network.Rule
	addresses []network.Rule
	// closed are ranges that are taken out of wider ones.
	closed []netip.Prefix
	// strict: a TLS client shows the name that it was allowed.
	strict bool
}

// reaches reads the network of config.json. What no network policy can say
// becomes a note.
func (e *export) reaches() (reach, error) {
	c := e.in.Jail.Network
	if c == nil {
		return reach{}, nil
	}
	r := reach{open: c.Mode == network.Internet, strict: c.TLS == network.TLSStrict}
	for _, s := range c.Deny {
		d, err := network.ParseDeny(s)
		if err != nil {
			return r, err
		}
		switch {
		case d.Prefix().IsValid() && d.Port() == 0:
			r.closed = append(r.closed, d.Prefix())
		case r.open || slices.ContainsFunc(c.Allow, func(s string) bool { return widens(s, d) }):
			e.note(fieldNetwork+".deny", "%s stays reachable: a network policy denies no names and no single ports", s)
		}
	}
	for _, s := range c.Allow {
		a, err := network.ParseRule(s)
		if err != nil {
			return r, err
		}
		if by, barred := c.Rules().Bars(a); barred {
			e.note(fieldNetwork+".allow", "%s is left out, since %q denies it", s, by)
			continue
		}
		switch {
		case a.Name() == network.HostName:
			e.note(fieldNetwork+".allow", "%s is left out: in a cluster this machine is not the host", s)
		case a.Prefix().IsValid():
			r.addresses = append(r.addresses, a)
		default:
			r.names = append(r.names, a)
		}
	}
	// Brokers connect from the Pod, whose network is one.
	brokers := e.served
	if e.in.Form == Own {
		brokers = c.Brokers
	}
	for _, b := range brokers {
		u, err := url.Parse(b.Upstream)
		if err != nil {
			return r, err
		}
		a, err := network.ParseRule(u.Host)
		if err != nil {
			return r, err
		}
		r.names = append(r.names, a)
	}
	return r, nil
}

// widens: a rule of "allow" reaches what one of "deny" takes out of it.
func widens(allow string, d network.Rule) bool {
	a, err := network.ParseRule(allow)
	if err != nil || !d.Prefix().IsValid() {
		return err == nil && a.Below()
	}
	ports := a.Port() == 0 || a.Port() == d.Port() && a.Prefix().Bits() < d.Prefix().Bits()
	return ports && a.Prefix().Overlaps(d.Prefix())
}

// networkPolicy is what shall keep the network of a Pod in its cluster; nil for
// nothing.
func (e *export) networkPolicy() (any, error) {
	if e.in.Policies == PolicyNone || e.mode() == network.Host {
		return nil, nil
	}
	r, err := e.reaches()
	if err != nil {
		return nil, err
	}
	if e.in.Policies == PolicyCilium {
		return e.cilium(r), nil
	}
	if len(r.names) > 0 && !r.open {
		return nil, namesError(r.names)
	}
	p := networkPolicy{
		typeMeta{"networking.k8s.io/v1", "NetworkPolicy"},
		e.meta(),
		policySpec{PodSelector: selector{e.labels()}, PolicyTypes: []string{"Ingress", "Egress"}},
	}
	if r.open {
		p.Spec.Egress = append(p.Spec.Egress, egressRule{
			To: []peer{{
				NamespaceSelector: &selector{map[string]string{"kubernetes.io/metadata.name": "kube-system"}},
				PodSelector:       &selector{map[string]string{"k8s-app": "kube-dns"}},
			}},
			Ports: []policyPort{{Protocol: udp, Port: network.DNSPort}, {Protocol: tcp, Port: network.DNSPort}},
		}, egressRule{To: peers(r.public()), Ports: []policyPort{{Protocol: tcp}}})
	}
	for _, a := range r.addresses {
		p.Spec.Egress = append(p.Spec.Egress, egressRule{To: peers([]ipBlock{r.block(a.Prefix())}), Ports: []policyPort{{tcp, int(a.Port())}}})
	}
	return p, nil
}

func namesError(names []network.Rule) error {
	var said []string
	for _, n := range names {
		said = append(said, n.String())
	}
	return hint.Add(fmt.Errorf("network.allow: %w: %s", errNames, strings.Join(said, ", ")),
		"where Cilium is the cluster's network: --network-policy cilium",
		"the runtime in the Pod keeps names anywhere: --form own",
		"or leave it to the cluster, which is said in the Pod: --network-policy none")
}

func peers(blocks []ipBlock) (all []peer) {
	for _, b := range blocks {
		all = append(all, peer{IPBlock: &b})
	}
	return all
}

// public is every public address that is not closed.
func (r reach) public() []ipBlock {
	var all []ipBlock
	for _, everything := range []string{"0.0.0.0/0", "::/0"} {
		r := r
		r.closed = slices.Concat(network.NotPublic(), r.closed)
		all = append(all, r.block(netip.MustParsePrefix(everything)))
	}
	return all
}

// block is a range less what is closed in it. An API server refuses an exception
// that is not smaller than its range.
func (r reach) block(p netip.Prefix) ipBlock {
	b := ipBlock{CIDR: p.String()}
	for _, c := range r.closed {
		if c.Addr().Is4() == p.Addr().Is4() && c.Bits() > p.Bits() && p.Contains(c.Addr()) && !slices.Contains(b.Except, c.String()) {
			b.Except = append(b.Except, c.String())
		}
	}
	return b
}

// cilium says the same and names. What is listed once with a port of a name is
// reached on that port only.
func (e *export) cilium(r reach) ciliumPolicy {
	p := ciliumPolicy{
		typeMeta{"cilium.io/v2", "CiliumNetworkPolicy"},
		e.meta(),
		// An empty rule allows nothing, and makes the rest denied.
		ciliumSpec{EndpointSelector: selector{e.labels()}, Ingress: []struct{}{{}}, Egress: []ciliumEgress{}},
	}
	var asked []ciliumName
	if r.open {
		asked = append(asked, ciliumName{MatchPattern: "*"})
		p.Spec.Egress = append(p.Spec.Egress, ciliumEgress{ToCIDRSet: r.public(), ToPorts: []ciliumPorts{{Ports: []ciliumPort{{"0", tcp}}}}})
	}
	if len(r.names) > 0 && e.in.Form == Plain {
		e.note(fieldNetwork+".allow", "a name is reached wherever it leads: at private and at denied addresses too")
	}
	for _, n := range r.names {
		name := ciliumName{MatchName: n.Name()}
		if n.Below() {
			// One star alone stands for one label.
			name = ciliumName{MatchPattern: "**." + n.Name()}
			e.note(fieldNetwork+".allow", "%s: before Cilium 1.18 the pattern %q is of one label only", n, name.MatchPattern)
		}
		ports := ciliumPorts{Ports: []ciliumPort{{strconv.Itoa(int(n.Port())), tcp}}}
		switch {
		case r.strict && n.Port() == network.HTTPSPort && !n.Below():
			ports.ServerNames = []string{n.Name()}
		case r.strict && (n.Port() == network.HTTPSPort || n.Port() == 0):
			e.note(fieldNetwork+".tls", "%s: the name that a TLS client shows is not compared", n)
		}
		if !slices.Contains(asked, name) {
			asked = append(asked, name)
		}
		p.Spec.Egress = append(p.Spec.Egress, ciliumEgress{ToFQDNs: []ciliumName{name}, ToPorts: []ciliumPorts{ports}})
	}
	for _, a := range r.addresses {
		p.Spec.Egress = append(p.Spec.Egress, ciliumEgress{ToCIDRSet: []ipBlock{r.block(a.Prefix())}, ToPorts: []ciliumPorts{{Ports: []ciliumPort{{strconv.Itoa(int(a.Port())), tcp}}}}})
	}
	if len(asked) > 0 {
		// Cilium knows the addresses of a name from the answers that pass here.
		p.Spec.Egress = append([]ciliumEgress{{
			ToEndpoints: []selector{{map[string]string{"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:k8s-app": "kube-dns"}}},
			ToPorts:     []ciliumPorts{{Ports: []ciliumPort{{strconv.Itoa(network.DNSPort), "ANY"}}, Rules: &ciliumRules{asked}}},
		}}, p.Spec.Egress...)
	}
	if len(p.Spec.Egress) == 0 {
		p.Spec.Egress = []ciliumEgress{{}}
	}
	return p
}
