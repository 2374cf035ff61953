package plan

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

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
