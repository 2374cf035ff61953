package plan

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// TestCheckAPI: claude -p does not start where nothing could answer, and starts
// wherever something might.
func TestCheckAPI(t *testing.T) {
	const api = "api.anthropic.com"
	for name, c := range map[string]struct {
		config *network.Config
		args   []string
		env    string
		agent  string
		ok     bool
	}{
		"none":            {nil, []string{"-p", "hi"}, "", "", false},
		"filtered":        {&network.Config{Mode: network.Filtered, Allow: []string{"github.com"}}, []string{"--print", "hi"}, "", "", false},
		"another port":    {&network.Config{Mode: network.Filtered, Allow: []string{api + ":80"}}, []string{"-p"}, "", "", false},
		"denied":          {&network.Config{Mode: network.Internet, Deny: []string{api}}, []string{"-p"}, "", "", false},
		"allowed":         {&network.Config{Mode: network.Filtered, Allow: []string{api}}, []string{"-p"}, "", "", true},
		"internet":        {&network.Config{Mode: network.Internet}, []string{"-p"}, "", "", true},
		"a broker":        {&network.Config{Mode: network.None, Brokers: []network.Broker{{Name: "anthropic", Host: api, Upstream: "https://" + api, Allow: []string{"* /**"}}}}, []string{"-p"}, "", "", true},
		"a denied broker": {&network.Config{Mode: network.None, Deny: []string{api}, Brokers: []network.Broker{{Name: "anthropic", Host: api, Upstream: "https://" + api, Allow: []string{"* /**"}}}}, []string{"-p"}, "", "", false},
		"asked, denied":   {&network.Config{Mode: network.Filtered, Ask: true, Deny: []string{api}}, []string{"-p"}, "", "", false},
		"asked":           {&network.Config{Mode: network.Filtered, Ask: true}, []string{"-p"}, "", "", true},
		"another service": {nil, []string{"-p"}, "ANTHROPIC_BASE_URL=http://127.0.0.1:1", "", true},
		"bedrock":         {&network.Config{Mode: network.Filtered}, []string{"-p"}, "CLAUDE_CODE_USE_BEDROCK=1", "", true},
		"a conversation":  {nil, []string{"--continue"}, "", "", true},
		"another agent":   {nil, []string{"-p"}, "", "gemini", true},
	} {
		in := &spec.Input{Policy: policy.Default(), Args: c.args}
		in.Policy.Agent.Name, in.Policy.Network.Mode = c.agent, network.None
		j := &contract.Jail{Spec: &specs.Spec{Process: &specs.Process{Env: []string{c.env}}}}
		if c.config != nil {
			c.config.Via, c.config.TLS, in.Policy.Network.Mode = network.ViaRedirect, network.TLSStrict, c.config.Mode
			n, err := c.config.Parse()
			if err != nil {
				t.Fatal(name, err)
			}
			j.Network = n
		}
		if err := CheckAPI(in, j); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckAPIOfTheMachine: what its policy leaves to nobody is no advice.
func TestCheckAPIOfTheMachine(t *testing.T) {
	for text, want := range map[string]string{"allow = []": network.ByMachine, "mode = \"none\"": network.ByMachine, "mode = \"filtered\"": "--allow @claude"} {
		machine, err := policy.Parse(policy.MachineName, []byte("version = 1\n[network]\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		in := &spec.Input{Args: []string{"-p"}}
		if in.Policy, err = policy.Merge(machine); err != nil {
			t.Fatal(err)
		}
		err = CheckAPI(in, &contract.Jail{Spec: &specs.Spec{Process: &specs.Process{}}})
		h, ok := errors.AsType[*hint.Error](err)
		if !ok || !strings.Contains(strings.Join(h.Lines, "\n"), want) || strings.Contains(strings.Join(h.Lines, "\n"), "--allow") == (want == network.ByMachine) {
			t.Errorf("%q: %v, %+v", text, err, h)
		}
	}
}

// TestUnusedKeys: a key that is for another service is not used, and not without a
// word, unless the policy says what becomes of it.
func TestUnusedKeys(t *testing.T) {
	caller := map[string]string{"ANTHROPIC_API_KEY": "sk-hunter2", "ANTHROPIC_BASE_URL": "https://gateway.example"}
	for name, c := range map[string]struct {
		change func(*policy.Policy, *spec.Input)
		url    string
		said   bool
	}{
		"a gateway":       {nil, "", true},
		"the service":     {nil, "https://api.anthropic.com/", false},
		"no keys wanted":  {func(p *policy.Policy, _ *spec.Input) { p.Agent.Key = "none" }, "", false},
		"handed over":     {func(p *policy.Policy, _ *spec.Input) { p.Env.Pass = []string{"ANTHROPIC_BASE_URL"} }, "", false},
		"another is set":  {func(p *policy.Policy, _ *spec.Input) { p.Env.Set = map[string]string{"ANTHROPIC_API_KEY": "x"} }, "", false},
		"a broker of its": {func(p *policy.Policy, _ *spec.Input) { p.Brokers = []network.Broker{{Env: "ANTHROPIC_API_KEY"}} }, "", false},
		"a shell":         {func(_ *policy.Policy, in *spec.Input) { in.Command = []string{"true"} }, "", false},
		"another agent":   {func(p *policy.Policy, _ *spec.Input) { p.Agent.Name = "gemini" }, "", false},
	} {
		env := maps.Clone(caller)
		if c.url != "" {
			env["ANTHROPIC_BASE_URL"] = c.url
		}
		in := &spec.Input{Policy: policy.Default()}
		if c.change != nil {
			c.change(&in.Policy, in)
		}
		in.Env = spec.EnvOf(in.Policy, env)
		w := unusedKeys(in)
		if (len(w) == 1 && strings.Contains(w[0], "ANTHROPIC_BASE_URL names another service") && !strings.Contains(w[0], "hunter2")) != c.said || len(w) > 1 {
			t.Errorf("%s: %q", name, w)
		}
	}
}
