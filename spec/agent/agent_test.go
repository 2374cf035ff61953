package agent

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func TestBrokerOfClaude(t *testing.T) {
	b := Claude().Keys[0].For("env:ANTHROPIC_API_KEY")
	if b.Name != network.AnthropicBroker {
		t.Errorf("the broker is called %q", b.Name)
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/v1/messages": true, "/v1/messages/count_tokens": true, "/v1/models": true, "/v1/messagesx": false,
		"/v1/organizations": false, "/": false, "": false, "/V1/messages": false,
	} {
		if b.Allows(path) != want {
			t.Errorf("%q: not %v", path, want)
		}
	}
}

// TestRows: what is said of an agent can be used by those who read it.
func TestRows(t *testing.T) {
	names := map[string]bool{}
	programs := map[string]string{}
	for _, a := range All() {
		if a.Name == "" || a.Title == "" || names[a.Name] {
			t.Errorf("%q (%q) has no name, no title, or another's", a.Name, a.Title)
		}
		names[a.Name] = true
		for _, p := range a.Programs {
			if by := programs[p]; by != "" || strings.Contains(p, "/") {
				t.Errorf("%s: the program %q is %s's, or no name", a.Name, p, by)
			}
			programs[p] = a.Name
		}
		for _, h := range a.Hosts {
			if _, err := network.ParseRule(h); err != nil {
				t.Errorf("%s: %v", a.Name, err)
			}
		}
		for _, k := range a.Keys {
			if err := k.For("env:" + k.Variable).Check(); err != nil {
				t.Errorf("%s: %v", a.Name, err)
			}
		}
		local := func(files []File) {
			var seen []string
			for _, f := range files {
				if path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || strings.HasPrefix(f.Path, "..") || f.What == "" || slices.Contains(seen, f.Path) {
					t.Errorf("%s: %q (%q) is no path below its folder, there twice, or says not what it is", a.Name, f.Path, f.What)
				}
				seen = append(seen, f.Path)
			}
		}
		local(a.Project)
		for _, f := range a.Follows {
			local([]File{{Path: f, What: "text"}})
			if slices.ContainsFunc(a.Project, func(p File) bool { return p.Path == f }) {
				t.Errorf("%s executes %s, and only follows it", a.Name, f)
			}
		}
		for _, f := range a.Folders {
			local(f.Trusted)
			local([]File{{Path: f.Path, What: "folder"}})
		}
	}
	// Whoever changes a row changes no other's.
	a := Claude()
	a.Project[0].Path, a.Folders[0].Trusted[0].Path, a.Keys[0].Paths[0] = "x", "x", "x"
	if b := Claude(); b.Project[0].Path == "x" || b.Folders[0].Trusted[0].Path == "x" || b.Keys[0].Paths[0] == "x" {
		t.Error("rows are shared")
	}
}

func TestFollowed(t *testing.T) {
	for name, want := range map[string]bool{
		"AGENTS.md": true, "agents.MD": true, "sub/dir/CLAUDE.md": true, ".clinerules/x.md": true, ".opencode/agent/a.md": true, "GEMINI.md": true,
		"README.md": false, "AGENTS.md.bak": false, "src/agents": false, ".opencode/x": false, "": false,
	} {
		if Followed(name) != want {
			t.Errorf("%q: not %v", name, want)
		}
	}
}

// TestSent: the service's own address in another spelling is still the service's own,
// and no other address is.
func TestSent(t *testing.T) {
	k := openAI()
	for _, own := range []string{"", "https://api.openai.com", "https://api.openai.com/", "https://api.openai.com/v1/", "https://API.openai.com:443/v1", "HTTPS://api.openai.com./v1"} {
		if !k.Sent(own) {
			t.Errorf("%q is another service", own)
		}
	}
	for _, other := range []string{
		"http://api.openai.com/v1", "https://api.openai.com:8443/v1", "https://api.openai.com/v2", "https://a@api.openai.com/v1", "https://api.openai.com.evil.example/v1",
		"https://api.openai.com/v1?x", "http://127.0.0.1:4000", "api.openai.com", "https://[::1", "https://proxy.corp:8443/openai/v1",
	} {
		if k.Sent(other) {
			t.Errorf("%q is the service's own", other)
		}
	}
}
