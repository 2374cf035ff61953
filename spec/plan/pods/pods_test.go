package pods

import (
	"reflect"
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// TestInPod: what only this machine has is not in the policy of the jail in a Pod,
// what narrows it is, and nothing of the environment that was not passed.
func TestInPod(t *testing.T) {
	p := policy.Default()
	p.Agent = policy.Agent{Package: "nixpkgs#claude-code", Packages: []string{"nixpkgs#go"}, Config: policy.ConfigShared, Key: policy.KeyAuto, Bring: []string{"skills"}}
	p.Files = policy.Files{
		Project: policy.ProjectRO, Cache: policy.CacheOff, Read: []string{"~/notes"}, Write: []string{"/srv"}, Toolchains: []string{"rust"},
		Hide: []string{".env"}, Protect: []string{"infra/"},
	}
	p.Network.Mode, p.Network.HostPorts, p.Network.Deny = policy.NetFiltered, []int64{5432}, []string{"b.example"}
	p.Network.Allow = []string{"a.example", "host:5432", "HOST:80", "10.0.0.0/8", "host.example"}
	p.Env = policy.Env{Pass: []string{"GOFLAGS", "MISSING", "CI"}, Set: map[string]string{"CI": "1"}}
	p.Nix = policy.Nix{Daemon: policy.DaemonAuto, Store: policy.StoreFull}
	p.SSH = policy.SSH{Hosts: []string{"git@a.example"}}
	p.Limits = policy.Limits{Memory: 1, Pids: 2, CPUs: 3, Cache: 4}
	for _, from := range []string{"env:TOKEN", "file:/home/ada/key", "command:pass show key", "", network.AWSEnv, network.FromLogin + "claude"} {
		p.Brokers = append(p.Brokers, network.Broker{Name: "a", From: from})
	}

	want := p
	want.Agent = policy.Agent{Config: policy.ConfigPrivate, Key: policy.KeyAuto}
	want.Files.Read, want.Files.Write, want.Files.Toolchains = nil, nil, nil
	want.Network.HostPorts, want.Network.Allow = nil, []string{"a.example", "10.0.0.0/8", "host.example"}
	want.Env = policy.Env{Set: map[string]string{"CI": "1", "GOFLAGS": "-mod=mod"}}
	want.Nix, want.SSH, want.Limits = policy.Default().Nix, policy.SSH{}, policy.Limits{Cache: 4}
	want.Brokers = []network.Broker{p.Brokers[0], p.Brokers[3], p.Brokers[4]}

	allow := slices.Clone(p.Network.Allow)
	got := inPod(p, map[string]string{"GOFLAGS": "-mod=mod", "CI": "2", "SECRET": "x"})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if !slices.Equal(p.Network.Allow, allow) || len(p.Env.Set) != 1 {
		t.Errorf("the jail of this machine is another one now: %+v", p)
	}
}
