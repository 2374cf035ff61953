package spec

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// networkOf is the network of a jail, as a runtime reads it.
func networkOf(t *testing.T, j *contract.Jail) *network.Network {
	t.Helper()
	text, ok := j.Spec.Annotations[contract.NetworkAnnotation]
	if !ok {
		return nil
	}
	c, err := network.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const gone = "\x00"

// caller changes the environment that the caller has.
func caller(name, value string) func(*Input) {
	return func(in *Input) {
		env := maps.Clone(in.Env.Vars)
		if env[name] = value; value == gone {
			delete(env, name)
		}
		in.Env = EnvOf(in.Policy, env)
	}
}

// TestOwnKey: who gets a broker for the caller's key, and that the key itself
// is nowhere.
func TestOwnKey(t *testing.T) {
	for name, c := range map[string]struct {
		with func(*Input)
		want bool
	}{
		"by itself":          {func(*Input) {}, true},
		"without network":    {func(in *Input) { in.Policy.Network.Mode = policy.NetNone }, true},
		"filtered":           {func(in *Input) { in.Policy.Network.Mode = policy.NetFiltered }, true},
		"the host's network": {func(in *Input) { in.Policy.Network.Mode = policy.NetHost }, false},
		"no key":             {caller("ANTHROPIC_API_KEY", gone), false},
		"an empty key":       {caller("ANTHROPIC_API_KEY", ""), false},
		"turned off":         {func(in *Input) { in.Policy.Agent.Key = policy.KeyNone }, false},
		"set":                {func(in *Input) { in.Policy.Env.Set = map[string]string{"ANTHROPIC_API_KEY": "x"} }, false},
		"another URL set":    {func(in *Input) { in.Policy.Env.Set = map[string]string{"ANTHROPIC_BASE_URL": "http://x"} }, false},
		"another URL passed": {func(in *Input) { in.Policy.Env.Pass = []string{"ANTHROPIC_BASE_URL"} }, false},
		"a key of a gateway": {caller("ANTHROPIC_BASE_URL", "https://gateway.example"), false},
		"the usual URL":      {caller("ANTHROPIC_BASE_URL", "https://api.anthropic.com/"), true},
		"a broker of the name": {func(in *Input) {
			in.Policy.Brokers = []network.Broker{agent.Claude().Keys[0].For("command:pass anthropic")}
		}, false},
		"a broker of the variable": {func(in *Input) {
			in.Policy.Brokers = []network.Broker{{Name: "gw", Upstream: "https://gw.example", Header: "X-Api-Key", From: "env:GW", URLEnv: "ANTHROPIC_BASE_URL"}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := valid()
			c.with(&in)
			j := mustBuild(t, in)
			n := networkOf(t, j)
			got := n != nil && slices.ContainsFunc(n.Brokers, func(b network.Broker) bool { return b.From == "env:"+"ANTHROPIC_API_KEY" })
			if got != c.want {
				t.Errorf("a broker for the key: %v", got)
			}
			if c.want && (!slices.Contains(j.Spec.Process.Env, "ANTHROPIC_API_KEY"+"="+n.Brokers[0].Placeholder()) ||
				!slices.Contains(j.Spec.Process.Env, "ANTHROPIC_BASE_URL"+"=http://anthropic.broker.internal") ||
				!strings.Contains(content(t, j, "/etc/hosts"), "198.18.0.2 anthropic.broker.internal\n")) {
				t.Error("the jail does not know of it")
			}
			grants, err := Explain(in)
			if err != nil {
				t.Fatal(err)
			}
			if text := all(t, j) + explained(grants); strings.Contains(text, "sk-secret") {
				t.Errorf("the key is there:\n%s", text)
			}
		})
	}
	in := valid()
	in.Policy.Env.Pass = []string{"ANTHROPIC_API_KEY"}
	if j := mustBuild(t, in); len(networkOf(t, j).Brokers) > 0 || !slices.Contains(j.Spec.Process.Env, "ANTHROPIC_API_KEY"+"=sk-secret") {
		t.Error("a key that is passed does not cross")
	}
}

// TestKnownHosts: the jail knows the hosts that the policy names, each key of
// theirs once, and no other host; hosts of one company often share a key.
func TestKnownHosts(t *testing.T) {
	in := valid()
	in.Policy.SSH = policy.SSH{Keys: []string{"SHA256:" + strings.Repeat("A", 43)}, Hosts: []string{"ssh.a.example", "git@a.example", "ada@a.example", "b.example:2222"}}
	in.Host.SSH.Hosts = map[string][]string{"ssh.a.example": {"ssh-ed25519 A"}, "a.example": {"ssh-ed25519 A", "ssh-rsa B"}, "[b.example]:2222": {"ssh-ed25519 C"}, "other.example": {"ssh-ed25519 D"}}
	j := mustBuild(t, in)
	i := slices.IndexFunc(j.Rootfs, func(f contract.File) bool { return f.Path == "/etc/ssh/ssh_known_hosts" })
	const want = "ssh.a.example ssh-ed25519 A\na.example ssh-ed25519 A\na.example ssh-rsa B\n[b.example]:2222 ssh-ed25519 C\n"
	if i < 0 || string(j.Rootfs[i].Content) != want {
		t.Errorf("%d: %s", i, j.Rootfs[max(i, 0)].Content)
	}
	for name, bad := range map[string]policy.SSH{
		`"unknown.example"`:    {Keys: in.Policy.SSH.Keys, Hosts: []string{"unknown.example"}},
		`"~/.ssh/missing.pub"`: {Keys: []string{"~/.ssh/missing.pub"}, Hosts: in.Policy.SSH.Hosts},
	} {
		in := in
		in.Policy.SSH = bad
		if _, err := Build(in); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "known_hosts has no key") && !strings.Contains(err.Error(), "no public key") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := networkOf(t, j); len(n.SSH.Hosts) != 4 || len(n.SSH.Hosts[0].Keys) != 1 || n.SSH.Hosts[0].User != "" || n.SSH.Hosts[1].User != "git" {
		t.Errorf("%+v", n.SSH)
	}
}

// TestNamespace: every mode but the host's has a network namespace, and only a
// network that leads somewhere is in the annotation.
func TestNamespace(t *testing.T) {
	for mode, want := range map[string]struct{ own, annotated bool }{
		policy.NetNone: {true, false}, policy.NetFiltered: {true, true}, policy.NetInternet: {true, true}, policy.NetHost: {false, false},
	} {
		in := valid()
		in.Policy.Network.Mode, in.Policy.Agent.Key = mode, policy.KeyNone
		j := mustBuild(t, in)
		own := slices.ContainsFunc(j.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == "network" })
		if annotated := networkOf(t, j) != nil; own != want.own || annotated != want.annotated {
			t.Errorf("%s: a namespace %v, rules %v", mode, own, annotated)
		}
	}
}

// TestBrokerOfToken: the token of a subscription has a broker by the service's
// own name, unless there is a key, or it crosses by itself.
func TestBrokerOfToken(t *testing.T) {
	const token, key = "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"
	for name, c := range map[string]struct {
		env    map[string]string
		pass   []string
		header string
	}{
		"a token":                     {map[string]string{token: "x"}, nil, "Authorization"},
		"a token and a key":           {map[string]string{token: "x", key: "y"}, nil, "X-Api-Key"},
		"a token that crosses":        {map[string]string{token: "x"}, []string{token}, ""},
		"a token for another service": {map[string]string{token: "x", "ANTHROPIC_BASE_URL": "https://other.example"}, nil, ""},
	} {
		in := valid()
		in.Policy.Env.Pass = c.pass
		in.Env = EnvOf(in.Policy, c.env)
		j := mustBuild(t, in)
		if c.header == "" {
			if j.Network != nil && len(j.Network.Brokers) > 0 {
				t.Errorf("%s: %+v", name, j.Network.Brokers)
			}
			continue
		}
		if len(j.Network.Brokers) != 1 {
			t.Fatalf("%s: %+v", name, j.Network)
		}
		b := j.Network.Brokers[0]
		if b.Header != c.header || b.Host != "api.anthropic.com" || (b.URLEnv == "") != (c.header == "Authorization") || b.Allows("/api/oauth/claude_cli/create_api_key") {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// TestFixed: what the policy of the machine sets of the network is in config.json, by
// which the supervisor keeps to it, and nobody is asked about what it leaves out.
func TestFixed(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "allow = []": {"allow"}, "allow = [\"a.example\"]": {"allow"}, "ports = []": {"ports"}, "ports = [3000]": {"ports"}, "deny = [\"x.example\"]": nil,
	} {
		machine, err := policy.Parse(policy.MachineName, []byte("version = 1\n[network]\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		// Who repeats what it says does not take its place.
		user, err := policy.Parse("user", []byte("version = 1\n[network]\nmode = \"filtered\"\nask = true\nallow = [\"a.example\"]\nports = [3000]"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Merge(machine, user)
		if err != nil {
			t.Fatal(err)
		}
		in := valid()
		in.Policy = p
		c := networkOf(t, mustBuild(t, in))
		if !slices.Equal(c.Fixed, want) || c.Ask == slices.Contains(want, "allow") {
			t.Errorf("%q: %q, asks: %v", text, c.Fixed, c.Ask)
		}
	}
}
