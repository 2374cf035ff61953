package broker

import (
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/credential"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func of(t *testing.T, mode string, allow []string, name string, o Outside, policies ...network.Broker) []network.Broker {
	t.Helper()
	w := Wanted{Agent: agent.Named(name), Outside: o, Certificates: true}
	w.Policy.Agent.Key, w.Policy.Agent.Config, w.Policy.Brokers = policy.KeyAuto, policy.ConfigPrivate, policies
	c := network.Config{Mode: mode, Via: network.ViaRedirect, TLS: network.TLSStrict, Allow: allow}
	brokers, err := Of(&c, w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range brokers { // as Build does
		if brokers[i].Host == "" {
			brokers[i].Host = brokers[i].OwnHost()
		}
	}
	c.Brokers = brokers
	if _, err := c.Parse(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return brokers
}

func hosts(brokers []network.Broker) string {
	var all []string
	for _, b := range brokers {
		all = append(all, b.Host)
	}
	return strings.Join(all, " ")
}

// TestLogIn: where the jail can log in, what comes of that is kept; that opens
// no name that is closed, and takes nobody's broker.
func TestLogIn(t *testing.T) {
	const both = "api.anthropic.com platform.claude.com"
	kept := Outside{Keep: "/state/login/claude"}
	for _, c := range []struct {
		mode  string
		allow []string
		o     Outside
		want  string
	}{
		{network.Internet, nil, kept, both},
		{network.Filtered, []string{"api.anthropic.com", "platform.claude.com"}, kept, both},
		{network.Filtered, []string{"api.anthropic.com"}, kept, ""},
		{network.Filtered, []string{"platform.claude.com"}, kept, ""},
		{network.None, nil, kept, ""},
		{network.None, nil, Outside{Keep: kept.Keep, LogIn: true}, both},
		{network.None, nil, Outside{Keep: kept.Keep, Login: "~/.claude"}, "api.anthropic.com"},
		{network.Internet, nil, Outside{Keep: kept.Keep, Login: "~/.claude"}, both},
		{network.Internet, nil, Outside{Keep: kept.Keep, Keys: []string{"ANTHROPIC_API_KEY"}}, "api.anthropic.com"},
		{network.Internet, nil, Outside{}, ""},
	} {
		got := of(t, c.mode, c.allow, "claude", c.o)
		if hosts(got) != c.want {
			t.Errorf("%s %q %+v: %q", c.mode, c.allow, c.o, hosts(got))
		}
		if c.want == both && (got[0].Keep != kept.Keep || got[1].Tokens.For != got[0].Name || got[1].From != "" || got[0].NoLogin() != (c.o.Login == "")) {
			t.Errorf("%+v", got)
		}
	}
	own := network.Broker{Name: "mine", Host: "platform.claude.com", Upstream: "https://platform.claude.com", Allow: []string{"GET /**"}}
	if got := of(t, network.Internet, nil, "claude", kept, own); hosts(got) != "platform.claude.com" {
		t.Errorf("with a broker of the user's: %+v", got)
	}
	w := Wanted{Agent: agent.Default(), Outside: Outside{Keep: "/x", LogIn: true}}
	if _, err := Of(&network.Config{Mode: network.None, Via: network.ViaRedirect, TLS: network.TLSStrict}, w); err == nil {
		t.Error("a jail that is for logging in cannot, and nobody says so")
	}
}

// TestLogins: the token of a login goes to the services of our own list, with
// one placeholder, and to paths that the agent calls.
func TestLogins(t *testing.T) {
	for name, want := range map[string]string{
		"codex":   "chatgpt.com",
		"gemini":  "cloudcode-pa.googleapis.com oauth2.googleapis.com www.googleapis.com",
		"copilot": "api.github.com api.individual.githubcopilot.com api.business.githubcopilot.com api.enterprise.githubcopilot.com",
	} {
		for _, mode := range []string{network.None, network.Internet} {
			got := of(t, mode, nil, name, Outside{Logins: []string{"~/x"}})
			if hosts(got) != want {
				t.Errorf("%s: %q", name, hosts(got))
			}
			for i, b := range got {
				shared := agent.Named(name).Logins[0].Services[i].Shared
				if b.Placeholder() != got[0].Placeholder() || b.Open != (shared && mode == network.Internet) {
					t.Errorf("%s: %+v", name, b)
				}
			}
		}
	}
	if got := of(t, network.None, nil, "gemini", Outside{Keys: []string{"GEMINI_API_KEY"}, Logins: []string{"~/x"}}); hosts(got) != "generativelanguage.googleapis.com" {
		t.Errorf("%+v", got)
	}
	// A key is used in the place of a login, and another provider's is not.
	if got := of(t, network.None, nil, "codex", Outside{Keys: []string{"OPENAI_API_KEY"}, Logins: []string{"~/x"}}); hosts(got) != "api.openai.com chatgpt.com" || got[1].From != "env:OPENAI_API_KEY" {
		t.Errorf("%+v", got)
	}
	if got := of(t, network.None, nil, "opencode", Outside{Keys: []string{"ANTHROPIC_API_KEY"}, Logins: []string{"~/x", "~/x"}}); hosts(got) != "api.anthropic.com chatgpt.com api.githubcopilot.com" {
		t.Errorf("%+v", got)
	}
	own := network.Broker{Name: "mine", Host: "chatgpt.com", Upstream: "https://chatgpt.com", Allow: []string{"GET /**"}}
	if got := of(t, network.None, nil, "codex", Outside{Logins: []string{"~/x"}}, own); len(got) != 1 {
		t.Errorf("with a broker of the user's: %+v", got)
	}
}

// TestRows: what rows say of logins is known, and can be used.
func TestRows(t *testing.T) {
	for _, name := range agent.Names() {
		a := agent.Named(name)
		for _, l := range a.Logins {
			f, ok := credential.Named(l.Format)
			if !ok || l.Folder >= len(a.Folders) || a.Folders[l.Folder].Login != f.File {
				t.Errorf("%s: the login %q is not in the folder that the row names", name, l.Format)
			}
			for _, b := range l.Brokers("~/x") {
				if err := b.Check(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if got, _, _ := b.Login(); got != l.Format || !slices.ContainsFunc(l.Services, func(s agent.Service) bool { return s.Name == b.Name }) {
					t.Errorf("%s: %+v", name, b)
				}
			}
		}
	}
}
