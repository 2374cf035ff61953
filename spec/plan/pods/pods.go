package pods

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/pod"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host/survey"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/render"
	"github.com/jailed-claude/jailed-claude/spec/portable"
)

// Make completes the input of a Pod, in which the caller has said what the
// command line says.
func Make(ctx context.Context, o plan.Options, p pod.Input) (pod.Input, plan.Warnings, error) {
	o.Export, o.Look = true, true
	if err := o.One("export"); err != nil {
		return p, nil, err
	}
	in, warnings, err := plan.Make(ctx, o)
	if err != nil {
		return p, warnings, err
	}
	if in.Closure.Toolchain != closure.Nix {
		return p, warnings, hint.Add(errors.New("the agent comes from the programs of this machine, and no image has them"),
			"name a package of Nix: --package nixpkgs#claude-code, or package under [agent] in the policy")
	}
	if p.Secret != "" {
		withKey(in)
	}
	if p.Jail, err = spec.Build(*in); err != nil {
		return p, warnings, err
	}
	h := in.Host
	p.Here = contract.Place{User: h.User, Home: h.Home, Project: h.Project.Dir, RuntimeDir: h.RuntimeDir, UID: h.UID}
	p.There = portable.ImagePlace()
	p.Name = cmp.Or(p.Name, pod.Label(path.Base(h.Project.Dir), pod.MaxLabel), "agent")
	if p.Policies == "" {
		p.Policies = pod.PolicyNone
		if p.Form == pod.Plain && p.Engine == pod.Kubernetes {
			p.Policies = pod.PolicyKubernetes
		}
	}
	tracked := survey.Tracked(h.Project.Dir)
	p.Tracked = func(p string) bool { return tracked[p] }
	p.IsDir = func(p string) bool { st, err := os.Lstat(p); return err == nil && st.IsDir() }
	text, err := render.TOML(inPod(in.Policy, in.Env.Vars))
	p.Policy, p.AgentArgs = string(text), o.Args
	return p, warnings, err
}

// withKey: the agent has the key that it uses first, even if whoever makes the
// Pod has none.
func withKey(in *spec.Input) {
	keys := in.Policy.Agent.Row().Keys
	if len(keys) > 0 && len(in.Env.Keys) == 0 && in.Policy.Agent.Key == policy.KeyAuto {
		in.Env.Keys = []string{keys[0].Variable}
	}
}

// inPod is the policy of the jail that is made in the Pod: without what only this
// machine has. Its limits are those of the Pod, and its variables have the values
// that they have here.
func inPod(p policy.Policy, env map[string]string) policy.Policy {
	p.Files.Read, p.Files.Write, p.Files.Toolchains = nil, nil, nil
	p.Agent.Package, p.Agent.Packages, p.Agent.Bring = "", nil, nil
	p.Agent.Config = policy.ConfigPrivate
	p.Nix = policy.Default().Nix
	p.SSH, p.Bridges = policy.SSH{}, policy.Bridges{}
	p.Limits = policy.Limits{Cache: p.Limits.Cache}
	set := map[string]string{}
	for _, name := range p.Env.Pass {
		if v, ok := env[name]; ok {
			set[name] = v
		}
	}
	maps.Copy(set, p.Env.Set)
	p.Env = policy.Env{Set: set}
	p.Network.HostPorts = nil
	p.Network.Allow = slices.DeleteFunc(slices.Clone(p.Network.Allow), func(s string) bool {
		r, err := network.ParseRule(s)
		return err == nil && r.Name() == network.HostName
	})
	p.Brokers = slices.DeleteFunc(slices.Clone(p.Brokers), func(b network.Broker) bool {
		return b.From != "" && b.From != network.AWSEnv && !strings.HasPrefix(b.From, "env:")
	})
	return p
}
