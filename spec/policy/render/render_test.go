package render

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// TestTOML: a rendered policy reads as the one that it was made of.
func TestTOML(t *testing.T) {
	wide := policy.Default()
	wide.Files = policy.Files{
		Project: policy.ProjectOverlay, Read: []string{"~/notes"}, Write: []string{"/srv/\"data\"", "~/a b"}, Hide: []string{".env", "a\\b"}, Protect: []string{"infra/"},
		Cache: wide.Files.Cache,
	}
	wide.Network = policy.Network{Mode: policy.NetFiltered, Allow: []string{"a.example", "10.0.0.0/8:5432"}, Deny: []string{"b.example"}, Ports: []int64{3000}, TLS: network.TLSAny, Via: network.ViaProxy, Upstream: network.UpstreamNone}
	wide.Env = policy.Env{Pass: []string{"GOFLAGS"}, Set: map[string]string{"CI": "1", "X": "\"; [nix] daemon = 'auto'"}}
	wide.Limits.Memory, wide.Limits.Pids, wide.Limits.CPUs = 8<<30, 100, 1.5
	wide.Brokers = []network.Broker{network.Broker{Name: "forge", Upstream: "https://forge.example/api", From: "env:TOKEN", Header: "X-Token", Env: "TOKEN", URLEnv: "FORGE_URL", Paths: []string{"/a/"}}.Complete()}
	wide.Agent.Define = []agent.Defined{
		{Name: "crush", Title: "Crush", Programs: []string{"crush"}, Folders: []string{"~/.crush"}, Set: map[string]string{"A": "\"b"}, SandboxOff: []string{"-n"}},
		{Name: "aider", Programs: []string{"aider"}, Exec: []string{".aider.conf.yml"}, Hosts: []string{"a.example"}, Keys: []string{"OPENAI_API_KEY"}},
	}
	for name, p := range map[string]policy.Policy{"default": policy.Default(), "wide": wide} {
		t.Run(name, func(t *testing.T) {
			text, err := TOML(p)
			if err != nil {
				t.Fatal(err)
			}
			l, err := policy.Parse("rendered", text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			got, err := policy.Merge(l)
			if err != nil {
				t.Fatal(err)
			}
			got.Origins, p.Origins = nil, nil
			if !reflect.DeepEqual(got, p) {
				t.Errorf("it reads as\n%+v\nnot\n%+v\n%s", got, p, text)
			}
		})
	}
}

// TestBrokerKeys: no key of a broker is lost, of which some say how little it may.
func TestBrokerKeys(t *testing.T) {
	all := []string{"a"}
	got := broker(network.Broker{Name: "a", Host: "a", Upstream: "a", Header: "a", From: "a", TTL: "a", LogIn: "a", Env: "a", URLEnv: "a", Paths: all, Allow: all, Upgrade: all})
	for _, k := range policy.Keys() {
		if name, of := strings.CutPrefix(k.Name, "broker."); of && got[name] == nil {
			t.Errorf("%s is left out", k.Name)
		}
	}
}
