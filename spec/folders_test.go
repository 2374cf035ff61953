package spec

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// ofAgent makes the jail of another agent.
func ofAgent(name string) func(*Input) {
	return func(in *Input) {
		in.Policy.Agent.Name = name
		in.Env.Keys, in.Env.Vars["OPENAI_API_KEY"] = []string{"OPENAI_API_KEY"}, "sk-secret"
		in.Closure.Agent = "/opt/npm/bin/" + name
	}
}

// TestOtherAgents: a jail has the folders of its agent, each for this project
// alone, and nothing of Claude Code.
func TestOtherAgents(t *testing.T) {
	for _, name := range agent.Names() {
		if name == agent.Default().Name {
			continue
		}
		in := valid()
		ofAgent(name)(&in)
		j := mustBuild(t, in)
		// What instructs any agent is looked for in every jail.
		delete(j.Spec.Annotations, contract.InstructsAnnotation)
		text := render(t, j.Spec)
		// The placeholders of brokers are in the annotation of the network.
		if strings.Contains(text, ".claude") || strings.Contains(text, "CLAUDE_") || strings.Contains(text, "/claude\"") {
			t.Errorf("%s: Claude Code is in its jail:\n%s", name, text)
		}
		for _, f := range agent.Named(name).Folders {
			want := in.Host.ProjectState + "/" + name + "/" + f.Path
			at := slices.IndexFunc(j.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == in.Host.Home+"/"+f.Path })
			if at < 0 || j.Spec.Mounts[at].Source != want {
				t.Errorf("%s: %s is not %s", name, f.Path, want)
			}
		}
	}
}

// TestWriteToAnAgent: what an agent of the host runs or believes is in no jail,
// whichever agent is in it.
func TestWriteToAnAgent(t *testing.T) {
	for _, in := range []string{"", "codex", "gemini"} {
		for _, name := range agent.Names() {
			for _, f := range agent.Named(name).Folders {
				for _, p := range []string{"/home/ada/" + f.Path, "/home/ada/" + f.Path + "/sessions"} {
					bad := valid()
					bad.Policy.Agent.Name = in
					grant(&bad, "rw", p)
					if _, err := Build(bad); err == nil || !strings.Contains(err.Error(), "belongs to the host's own ") {
						t.Errorf("a jail of %q writes %s: %v", in, p, err)
					}
				}
			}
		}
		// What several of them read, the program of one, and folders that hold some.
		for p, why := range map[string]string{
			".agents/plugins": ".agents/plugins is read by the host's own Cline", ".agents": ".agents is read by", ".cursor": ".cursor is read by the host's own Cursor",
			".env": ".env is read by the host's own Gemini CLI", ".local/share/claude/versions": "is read by the host's own Claude Code",
			".local/share": ".local/share holds /home/ada/.local/share/", "Documents": "Documents holds /home/ada/Documents/Cline, of the host's own Cline",
		} {
			bad := valid()
			bad.Policy.Agent.Name = in
			grant(&bad, "rw", "/home/ada/"+p)
			if _, err := Build(bad); err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("a jail of %q writes %s: %v", in, p, err)
			}
		}
	}
	for _, p := range []string{".envrc", ".local/share/claudette", "Documents/notes"} {
		in := valid()
		grant(&in, "rw", "/home/ada/"+p)
		if _, err := Build(in); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	shared := valid()
	shared.Policy.Agent.Name, shared.Policy.Agent.Config = "codex", "shared"
	if _, err := Build(shared); err == nil || !strings.Contains(err.Error(), "is for Claude Code") {
		t.Errorf("codex with Claude's configuration of the host: %v", err)
	}
}

// TestOwnKeys: the key of the caller's is used by the agents that want one of
// that kind, under the variable that they read, and is in no jail.
func TestOwnKeys(t *testing.T) {
	for _, c := range []struct {
		agent, caller, url, inside, host string
	}{
		{"codex", "OPENAI_API_KEY", "", "CODEX_API_KEY", "api.openai.com"},
		{"codex", "CODEX_API_KEY", "", "CODEX_API_KEY", "api.openai.com"},
		{"codex", "OPENAI_API_KEY", "https://api.openai.com/v1/", "CODEX_API_KEY", "api.openai.com"},
		{"codex", "OPENAI_API_KEY", "https://other.example/v1", "", ""},
		{"codex", "ANTHROPIC_API_KEY", "", "", ""},
		{"opencode", "ANTHROPIC_API_KEY", "", "ANTHROPIC_API_KEY", "api.anthropic.com"},
		{"pi", "OPENAI_API_KEY", "", "OPENAI_API_KEY", "api.openai.com"},
		{"gemini", "GEMINI_API_KEY", "", "GEMINI_API_KEY", "generativelanguage.googleapis.com"},
		{"gemini", "OPENAI_API_KEY", "", "", ""},
		{"claude", "OPENAI_API_KEY", "", "", ""},
	} {
		in := valid()
		in.Policy.Agent.Name = c.agent
		in.Env = EnvOf(in.Policy, map[string]string{c.caller: "sk-secret", "OPENAI_BASE_URL": c.url})
		j := mustBuild(t, in)
		if text := render(t, j.Spec); strings.Contains(text, "sk-secret") {
			t.Errorf("%s: the key is in the jail", c.agent)
		}
		if c.inside == "" {
			if len(j.Network.Brokers) > 0 {
				t.Errorf("%s with %s %s: %v", c.agent, c.caller, c.url, j.Network.Brokers)
			}
			continue
		}
		// Codex sends it to another service of the same company as well.
		if len(j.Network.Brokers) != 1 && (c.agent != "codex" || len(j.Network.Brokers) != 2 || j.Network.Brokers[1].Host != "chatgpt.com") {
			t.Fatalf("%s with %s: brokers %v", c.agent, c.caller, j.Network.Brokers)
		}
		b := j.Network.Brokers[0]
		if b.From != "env:"+c.caller || b.Host != c.host || !slices.Contains(j.Spec.Process.Env, c.inside+"="+b.Placeholder()) {
			t.Errorf("%s with %s: %+v, %q", c.agent, c.caller, b, j.Spec.Process.Env)
		}
		// Codex's screen looks there, and tools of a project do.
		if c.agent == "codex" && !slices.Contains(j.Spec.Process.Env, "OPENAI_API_KEY="+b.Placeholder()) {
			t.Errorf("%s with %s: %q", c.agent, c.caller, j.Spec.Process.Env)
		}
	}
}

// TestOwnKeyAndAddress: a policy that hands the address over leaves the broker, unless
// it is that of another service.
func TestOwnKeyAndAddress(t *testing.T) {
	for url, brokered := range map[string]bool{"https://api.openai.com/v1": true, "https://other.example/v1": false} {
		passed, set := valid(), valid()
		passed.Policy.Env.Pass = []string{"OPENAI_BASE_URL"}
		set.Policy.Env.Set = map[string]string{"OPENAI_BASE_URL": url}
		for how, in := range map[string]*Input{"passed": &passed, "set": &set} {
			in.Policy.Agent.Name = "qwen"
			caller := map[string]string{"OPENAI_API_KEY": "sk-secret"}
			if how == "passed" {
				caller["OPENAI_BASE_URL"] = url
			}
			in.Env = EnvOf(in.Policy, caller)
			j := mustBuild(t, *in)
			if got := len(j.Network.Brokers) == 1; got != brokered || !slices.Contains(j.Spec.Process.Env, "OPENAI_BASE_URL="+url) {
				t.Errorf("%s %s: brokers %v, %q", how, url, j.Network.Brokers, j.Spec.Process.Env)
			}
		}
	}
}

// TestHomeInEnv: nobody writes out "~/" in a variable but a shell.
func TestHomeInEnv(t *testing.T) {
	in := valid()
	in.Policy.Env.Set = map[string]string{"A": "~/x/y", "B": "a~/x", "C": "~ada/x", "D": "~/"}
	env := mustBuild(t, in).Spec.Process.Env
	for _, want := range []string{"A=/home/ada/x/y", "B=a~/x", "C=~ada/x", "D=/home/ada"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
}

// own is an agent of the user's own.
func own(in *Input) {
	in.Policy.Agent.Define = []agent.Defined{{
		Name: "crush", Programs: []string{"crush"}, Folders: []string{"~/.config/crush", "~/.crush"}, Hosts: []string{"api.crush.example"}, Keys: []string{"OPENAI_API_KEY"},
		Set: map[string]string{"CRUSH_HOME": "~/.crush"},
	}}
	in.Policy.Origins["agent.define=crush"] = "config.toml"
}

// TestOwnAgent: a row of the user's policy is as good as one that is known.
func TestOwnAgent(t *testing.T) {
	in := valid()
	own(&in)
	ofAgent("crush")(&in)
	in.Policy.Network.Mode, in.Policy.Network.Allow = "filtered", []string{"@crush"}
	j := mustBuild(t, in)
	delete(j.Spec.Annotations, contract.InstructsAnnotation)
	if text := render(t, j.Spec); strings.Contains(text, ".claude") || strings.Contains(text, "CLAUDE_") {
		t.Errorf("Claude Code is in its jail:\n%s", text)
	}
	for _, f := range []string{".config/crush", ".crush"} {
		// Not next to the folders that a project has by names of ours.
		if want := in.Host.ProjectState + "/own/crush/" + f; !slices.ContainsFunc(j.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == in.Host.Home+"/"+f && m.Source == want }) {
			t.Errorf("%s is not %s", f, want)
		}
	}
	if !slices.Contains(j.Spec.Process.Env, "CRUSH_HOME=/home/ada/.crush") || !slices.Contains(j.Network.Allow, "api.crush.example") || len(j.Network.Brokers) != 1 || j.Network.Brokers[0].Host != "api.openai.com" {
		t.Errorf("%q, %+v", j.Spec.Process.Env, j.Network)
	}
	grants, err := Explain(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Grant{
		{Kind: "environment", What: "CRUSH_HOME", Mode: "fixed", From: "config.toml"},
		{Kind: "file", What: "/home/ada/.crush", Mode: "rw"},
		{Kind: "network", What: "api.crush.example", Mode: "allow"},
	} {
		if !slices.ContainsFunc(grants, func(g Grant) bool {
			return g.Kind == want.Kind && g.What == want.What && g.Mode == want.Mode && (want.From == "" || g.From == want.From)
		}) {
			t.Errorf("explain does not show %v", want)
		}
	}
}

// TestOwnAgentsFolders: the host's own are in no jail, and no project's.
func TestOwnAgentsFolders(t *testing.T) {
	for _, name := range []string{"", "codex", "crush"} {
		bad := valid()
		own(&bad)
		bad.Policy.Agent.Name = name
		grant(&bad, "rw", "/home/ada/.crush/sessions")
		if _, err := Build(bad); err == nil || !strings.Contains(err.Error(), "belongs to the host's own crush") {
			t.Errorf("a jail of %q writes it: %v", name, err)
		}
		in := valid()
		own(&in)
		in.Policy.Agent.Name = name
		in.Policy.Agent.Define[0].Folders = []string{strings.Replace(in.Host.Project.Dir, in.Host.Home, "~", 1)}
		if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "is of the agent crush by your policy") {
			t.Errorf("a jail of %q has it as its project: %v", name, err)
		}
	}
	in := valid()
	own(&in)
	in.Policy.Agent.Name = "crush"
	in.Policy.Agent.Define[0].Folders = []string{strings.Replace(in.Host.Project.Dir, in.Host.Home, "~", 1) + "/.crush"}
	if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "reaches the project") {
		t.Errorf("a folder in the project: %v", err)
	}
}
