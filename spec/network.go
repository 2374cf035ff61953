package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/authorities"
	"github.com/jailed-claude/jailed-claude/spec/broker"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
	"github.com/jailed-claude/jailed-claude/spec/preset"
)

// variable is one of the environment, and why it is there.
type variable struct{ name, value, why string }

// network gives the jail a network namespace of its own, unless it shares the
// host's, and says in an annotation what is reachable from there.
func (b *builder) network() error {
	n := b.Policy.Network
	from := b.origin("network.mode")
	switch n.Mode {
	case policy.NetHost:
		b.grant("network", "host", "all", from, "the host's network, its loopback services and abstract sockets included")
		for _, d := range n.Deny {
			b.grant("network", d, "not denied", b.originOf("network.deny", d), `with mode "host" nothing can be denied`)
		}
		if by := lent.By(b.Policy, b.origin); by != "" {
			return fmt.Errorf(`%s needs a network of the jail's own: take it away, or mode "host"`, by)
		}
		return nil
	case policy.NetNone:
		b.grant("network", "none", "nothing", from, "a loopback device of the jail's own and nothing else")
	case policy.NetFiltered:
		b.grant("network", "filtered", "named destinations", from, "what a rule allows, and nothing else")
	case policy.NetInternet:
		b.grant("network", "internet", "public addresses", from, "no service of this host, no private address, no metadata service, unless a rule allows it")
	default:
		return fmt.Errorf("mode %q is not known", n.Mode)
	}
	contract.AddNetworkNamespace(b.spec)

	c := &network.Config{Mode: n.Mode, Via: n.Via, TLS: n.TLS, Fixed: lent.Fixed(b.Policy), Ask: n.Ask && n.Mode == policy.NetFiltered && lent.Open(b.Policy)}
	if c.Ask {
		b.grant("network", "other names", "ask", b.origin("network.ask"), "a connection waits up to a minute for \"jailed-claude allow\"")
	}
	b.upstream(c)
	if n.Addresses == network.AddressesReal {
		c.Addresses = n.Addresses
		b.grant("network", "addresses", "real", b.origin("network.addresses"), "a name is answered with its own public addresses")
	}
	if err := b.rules(c); err != nil {
		return err
	}
	for _, p := range n.Ports {
		c.Ports = append(c.Ports, uint16(p)) // the policy is checked
		b.grant("network", strconv.FormatInt(p, 10), "published", b.originOf("network.ports", strconv.FormatInt(p, 10)),
			fmt.Sprintf("127.0.0.1:%d of the host leads to the same port of the jail", p))
	}
	for _, p := range n.HostPorts {
		if n.Mode == policy.NetNone {
			break // what a weaker layer opened
		}
		c.HostPorts = append(c.HostPorts, uint16(p))
		b.grant("network", fmt.Sprintf("localhost:%d", p), "allow", b.originOf("network.host-ports", strconv.FormatInt(p, 10)),
			fmt.Sprintf("127.0.0.1:%d of the jail leads to the same port of the host", p))
	}
	if err := b.brokers(c); err != nil {
		return err
	}
	if err := b.lent(c); err != nil {
		return err
	}
	b.quiet()
	if c.Mode == network.None && len(c.Brokers)+len(c.Ports) == 0 && c.SSH == nil && c.Bridges == nil {
		return nil
	}
	if c.Via == network.ViaProxy && (c.Mode != network.None || len(c.Brokers) > 0) {
		b.proxied()
	}
	parsed, err := c.Parse()
	if err != nil {
		return err
	}
	text, err := parsed.Encode()
	if err != nil {
		return err
	}
	b.setAnnotation(contract.NetworkAnnotation, text)
	b.net = parsed
	return nil
}

// rules writes out presets.
func (b *builder) rules(c *network.Config) error {
	n := b.Policy.Network
	if c.Mode == network.None {
		// A weaker layer may have rules that "none" is meant to end.
		return nil
	}
	for _, s := range n.Allow {
		expanded := define.Preset(b.Policy.Agent.Define, s)
		if expanded == nil {
			var err error
			if expanded, err = preset.Expand([]string{s}); err != nil {
				return fmt.Errorf("network.allow: %w", err)
			}
		}
		why := "allowed by policy"
		if len(expanded) != 1 || expanded[0] != s {
			why = "allowed by policy, of " + s
		}
		for _, r := range expanded {
			if !slices.Contains(c.Allow, r) {
				c.Allow = append(c.Allow, r)
				b.grant("network", r, "allow", b.originOf("network.allow", s), why)
			}
		}
	}
	c.Deny = slices.Clone(n.Deny)
	for _, d := range n.Deny {
		b.grant("network", d, "deny", b.originOf("network.deny", d), "denied by policy, whatever allows it")
	}
	if c.Mode == network.Filtered && c.TLS == network.TLSAny {
		b.grant("network", "any TLS", "", b.origin("network.tls"), "port 443 of an allowed name, whatever name the client shows there")
	}
	if c.Via == network.ViaProxy {
		b.grant("network", "by proxy", "", b.origin("network.via"), "programs that honour proxy variables; others reach nothing")
	}
	return nil
}

// brokers are there with their names, and with the variables by which programs
// find them.
func (b *builder) brokers(c *network.Config) error {
	more, err := broker.Of(c, broker.Wanted{Agent: b.agent, Policy: b.Policy, Outside: b.Env.Outside, Services: KeptLogin(b.Host, agent.Agent{Name: "services"}), Certificates: b.Host.CAFile != ""})
	if err != nil {
		return err
	}
	c.Brokers = append(c.Brokers, more...)
	for _, l := range b.agent.Logins {
		if slices.ContainsFunc(more, func(o network.Broker) bool { format, _, _ := o.Login(); return format == l.Format }) {
			for _, v := range l.With {
				b.netEnv = append(b.netEnv, variable{v.Name, v.Value, "the login that it uses stays outside"})
			}
		}
	}
	if err := broker.Names(c, b.Host.CAFile != ""); err != nil {
		return err
	}
	b.decrypted(c)
	made := map[string]string{}
	for _, o := range c.Brokers {
		from := builtin
		if slices.ContainsFunc(b.Policy.Brokers, func(p network.Broker) bool { return p.Name == o.Name }) {
			from = b.originOf("broker", o.Name)
		}
		if o.Signs() {
			// Their tools want both, and sign with what they have.
			b.netEnv = append(b.netEnv, variable{network.AWSSecret, o.Placeholder(), "stands for the key of broker " + o.Name})
			for _, name := range []string{network.AWSSecret, network.AWSToken} {
				if b.says(name) {
					return fmt.Errorf("broker %q (%s) signs with keys of AWS, and env.pass or env.set gives %s a value: take it out of one", o.Name, from, name)
				}
			}
		}
		for _, v := range []variable{{o.Env, o.Placeholder(), "stands for the key of broker " + o.Name}, {o.URLEnv, o.URL(), "where broker " + o.Name + " is"}} {
			if v.name == "" {
				continue
			}
			if by := made[v.name]; by != "" {
				return fmt.Errorf("%s is the variable of broker %q and of broker %q: take it out of one", v.name, by, o.Name)
			}
			if b.says(v.name) {
				// The real key would be in the jail, or the broker not used.
				return fmt.Errorf("broker %q (%s) gives %s a value, and env.pass or env.set does too: take it out of one", o.Name, from, v.name)
			}
			made[v.name] = o.Name
			b.netEnv = append(b.netEnv, v)
		}
		if name, ok := strings.CutPrefix(o.From, "env:"); ok && crosses(b.Policy, name) {
			return fmt.Errorf("the key of broker %q (%s) comes from %s, which the jail gets too: take it out of env.pass", o.Name, from, name)
		}
		if slices.ContainsFunc(b.agent.Keys, func(k agent.Key) bool { return k.URL != "" && o.URLEnv == k.URL }) {
			for _, v := range b.agent.Set(agent.Brokered) {
				b.netEnv = append(b.netEnv, variable{v.Name, v.Value, "the broker stands for the API itself"})
			}
		}
		b.grant("network", o.Upstream, "broker", from, broker.Why(o))
	}
	for _, k := range b.agent.Keys {
		if k.Inside != "" && made[k.Inside] == k.Broker && made[k.Variable] == "" && !b.says(k.Variable) {
			b.netEnv = append(b.netEnv, variable{k.Variable, k.For("").Placeholder(), "stands for the key of broker " + k.Broker})
		}
	}
	return nil
}

// decrypted gives programs the certificate of the jail's authority, where that signs
// for brokers.
func (b *builder) decrypted(c *network.Config) {
	if len(c.Hosts()) == 0 {
		return
	}
	b.grant("network", strings.Join(c.Hosts(), " "), "decrypted", builtin,
		"for brokers, by an authority of the jail's own, whose certificate is in "+contract.CertsPath+"; all other names pass as they are")
	const why = "the certificate of the jail's authority, and the host's where those are not trusted anyway"
	env := authorities.Decrypted(b.Host.CAFile, b.Host.ExtraCAFile, b.Host.CAVariables)
	for _, name := range authorities.Variables {
		b.netEnv = append(b.netEnv, variable{name, env[name], why})
	}
	b.file(contract.AuthorityPath, "")
	b.netEnv = append(b.netEnv, variable{"DENO_TLS_CA_STORE", "system", why})
}

// says: the policy passes or sets the variable.
func (b *builder) says(name string) bool {
	_, set := b.Policy.Env.Set[name]
	return set || slices.Contains(b.Policy.Env.Pass, name)
}

// quiet keeps the agent from calling what it does not need, where that is
// refused.
func (b *builder) quiet() {
	if b.Policy.Network.Mode == policy.NetInternet {
		return
	}
	for _, v := range b.agent.Set(agent.Limited) {
		b.netEnv = append(b.netEnv, variable{v.Name, v.Value, "the agent would try in vain for a long time"})
	}
}

// proxied points programs at the relay. Brokers answer at their own addresses.
func (b *builder) proxied() {
	at := fmt.Sprintf("%s:%d", network.Gateway, network.RelayPort)
	for _, v := range []variable{
		{name: "HTTPS_PROXY", value: "http://" + at},
		{name: "HTTP_PROXY", value: "http://" + at},
		{name: "ALL_PROXY", value: "socks5h://" + at},
		{name: "NO_PROXY", value: "localhost,127.0.0.1,::1,.broker.internal"},
	} {
		v.why = "the only way out with network.via = \"proxy\""
		b.netEnv = append(b.netEnv, v, variable{strings.ToLower(v.name), v.value, v.why})
	}
}

// networkEnv adds netEnv to the environment.
func (b *builder) networkEnv() {
	for _, v := range b.netEnv {
		if _, passed := b.env[v.name]; passed || b.says(v.name) {
			continue
		}
		b.env[v.name] = v.value
		b.grant("environment", v.name, "fixed", builtin, v.why)
	}
}

// named: the jail has a name server.
func (b *builder) named() bool {
	return b.net != nil && (b.net.Mode != network.None || len(b.net.Brokers) > 0)
}

// brokerHosts are the lines of hosts(5) for the brokers.
func (b *builder) brokerHosts() string {
	var text strings.Builder
	if b.net != nil {
		for i, o := range b.net.Brokers {
			fmt.Fprintf(&text, "%s %s\n", network.BrokerAddr(i), o.Inside())
		}
	}
	return text.String()
}

// hooks start and end the network under a runtime that does not do it itself.
func (b *builder) hooks() error {
	if b.Init != "" || b.net == nil {
		return nil
	}
	b.spec.Hooks = contract.Hooks(b.Host.Executable)
	return nil
}
