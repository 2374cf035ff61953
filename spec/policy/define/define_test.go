package define_test

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

const crush = `version = 1
[[agent.define]]
name     = "crush"
title    = "Crush"
programs = ["crush"]
folders  = ["~/.config/crush", "~/.local/share/crush"]
exec     = ["crush.json", ".crush/plugins"]
hosts    = ["api.crush.example", "*.crush.example:8443"]
keys     = ["OPENAI_API_KEY", "GEMINI_API_KEY"]
set      = { CRUSH_NO_UPDATE = "1" }
sandbox-off = ["--no-sandbox"]
`

// TestRead: a row becomes an agent, which later layers can name, with its hosts
// as a preset.
func TestRead(t *testing.T) {
	own, err := policy.Parse("config.toml", []byte(crush+"[agent]\nname = \"crush\"\n[network]\nmode = \"filtered\"\nallow = [\"@crush\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Merge(own, &policy.Layer{Name: "command line", Agent: policy.AgentLayer{Name: new("crush")}, Network: policy.NetworkLayer{Allow: []string{"@crush"}}})
	if err != nil {
		t.Fatal(err)
	}
	a := p.Agent.Row()
	if a.Name != "crush" || a.Title != "Crush" || !a.Own || len(a.Folders) != 2 || a.Folders[0].Path != ".config/crush" || len(a.Project) != 2 || !a.Project[1].Watch ||
		len(a.Keys) != 2 || a.Keys[0].Upstream != "https://api.openai.com" || len(a.Set(agent.Always)) != 1 || p.Origins["agent.define=crush"] != "config.toml" {
		t.Errorf("the row is %+v", a)
	}
	// A stronger row of that name is in its place, as a whole.
	p, err = policy.Merge(own, &policy.Layer{Name: "flags", Agent: policy.AgentLayer{Define: []agent.Defined{{Name: "crush", Programs: []string{"crush2"}}}}})
	if err != nil || len(p.Agent.Define) != 1 || p.Agent.Row().Programs[0] != "crush2" || len(p.Agent.Row().Folders) != 0 {
		t.Errorf("%v: %+v", err, p.Agent.Define)
	}
	if _, err := policy.Merge(&policy.Layer{Name: "command line", Agent: policy.AgentLayer{Name: new("crush")}}); err == nil || !strings.Contains(err.Error(), `agent.name: "crush" is not known`) {
		t.Errorf("an agent that nobody has defined: %v", err)
	}
}

// TestProject: the policy of a project defines none, and names none.
func TestProject(t *testing.T) {
	for _, text := range []string{crush, "version = 1\n[agent]\ndefine = [{ name = \"x\", programs = [\"x\"] }]\n", "version = 1\n[agent]\nname = \"crush\"\n"} {
		l, err := policy.ParseProject(".jailed-claude.toml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "your own") && !strings.Contains(err.Error(), "your policy") {
			t.Errorf("%+v, %v:\n%s", l, err, text)
		}
	}
}

// TestWrong: each fault is named, with its place and what to write.
func TestWrong(t *testing.T) {
	for line, want := range map[string]string{
		`name = "claude"`:                       `3:8: agent.define.name: "claude" is an agent that is known`,
		`name = "npm"`:                          `"npm" has the name of the preset @npm`,
		`name = "../x"`:                         `"../x" is no name of an agent`,
		`name = "Crush"`:                        "small letters",
		`name = "a-"`:                           "small letters",
		`name = 1`:                              "agent.define.name: is an integer: write a string in quotes",
		`nmae = "x"`:                            "agent.define.nmae: unknown key: did you mean name?",
		`programs = []`:                         "agent.define.programs: there is none",
		`programs = "x"`:                        `is a string: write a list of strings, as in ["a", "b"]`,
		`programs = ["x", 1]`:                   "element 2 is an integer",
		`programs = ["claude"]`:                 `3:13: agent.define.programs: "claude" starts Claude Code`,
		`programs = ["codex"]`:                  `"codex" starts Codex`,
		`programs = ["/bin/x"]`:                 "is a path",
		`programs = ["sh"]`:                     "would stand before",
		`programs = ["jailed-claude-why"]`:      "would stand before",
		`programs = ["-x"]`:                     "is no name of a program",
		`programs = [".."]`:                     "is no name of a program",
		`programs = ["x", "x"]`:                 `"x" is there twice`,
		`folders = ["/etc"]`:                    `3:12: agent.define.folders: "/etc" is not below your home`,
		`folders = ["x"]`:                       "is not below your home",
		`folders = ["~"]`:                       "is not below your home",
		`folders = ["~/"]`:                      "is no folder below your home",
		`folders = ["~/."]`:                     "is no folder below your home",
		`folders = ["~/.."]`:                    "is no folder below your home",
		`folders = ["~/../ada2"]`:               "is no folder below your home",
		`folders = ["~/.x/../../y"]`:            "is no folder below your home",
		`folders = ["~//etc"]`:                  "is no folder below your home",
		`folders = ["~/.x/"]`:                   "is no folder below your home",
		`folders = ["~/.config"]`:               "has what others keep there",
		`folders = ["~/.ssh"]`:                  "has what others keep there",
		`folders = ["~/.ssh/x"]`:                "has what others keep there",
		`folders = ["~/.config/jailed-claude"]`: "has what others keep there",
		`folders = ["~/.local/state/jailed-claude/projects"]`: "has what others keep there",
		`folders = ["~/.claude"]`:                             "is of Claude Code, which has ~/.claude",
		`folders = ["~/.codex/sessions"]`:                     "is of Codex",
		`folders = ["~/.x\ny"]`:                               "control character",
		`exec = ["/etc/x"]`:                                   `3:9: agent.define.exec: "/etc/x" is not relative`,
		`exec = ["~/x"]`:                                      "is not relative",
		`exec = ["../x"]`:                                     `without "." and ".."`,
		`exec = ["a/../../x"]`:                                `without "." and ".."`,
		`exec = ["."]`:                                        `without "." and ".."`,
		`exec = ["x/*"]`:                                      "patterns are for files.protect",
		`exec = [".git/hooks"]`:                               "is git's",
		`hosts = ["http://x"]`:                                "agent.define.hosts: ",
		`hosts = ["@npm"]`:                                    "agent.define.hosts: ",
		`keys = ["sk-0123456789"]`:                            "is not the variable of a service that is known",
		`set = { HOME = "/x" }`:                               "agent.define.set: HOME is made by the jail",
		`set = { "A B" = "/x" }`:                              "a key is not the name of a variable",
		`set = { A = 1 }`:                                     "the value of a variable is an integer",
		`title = "a\u001b[2J"`:                                "control character",
		`sandbox-off = ["\n"]`:                                "control character",
	} {
		key, _, _ := strings.Cut(line, " ")
		text := "version = 1\n[[agent.define]]\n" + line + "\n"
		if key != "name" && key != "nmae" {
			text += "name = \"x\"\n"
		}
		if key != "programs" {
			text += "programs = [\"x\"]\n"
		}
		_, err := policy.Parse("c", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n  says %v\n  want %s", line, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "sk-0123456789") {
			t.Errorf("the key is in %v", err)
		}
	}
	for text, want := range map[string]string{
		"[agent]\ndefine = 1\n":                  "agent.define: is an integer: write it as [[agent.define]]",
		"[agent.define]\nname = \"x\"\n":         "agent.define: is a table: write it as [[agent.define]]",
		"[agent]\ndefine = [1]\n":                "element 1 is an integer",
		"[[agent.define]]\nprograms = [\"x\"]\n": "agent.define.name: there is none",
		"[[agent.define]]\nname=\"x\"\nprograms=[\"x\"]\n[[agent.define]]\nname=\"x\"\nprograms=[\"y\"]\n": `5:9: agent.define: "x": there are two of this name`,
		"[[agent.define]]\nname=\"x\"\nprograms=[\"x\"]\n[[agent.define]]\nname=\"y\"\nprograms=[\"x\"]\n": `7:11: agent.define.programs: "x" is there twice`,
	} {
		if _, err := policy.Parse("c", []byte("version = 1\n"+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n  says %v\n  want %s", text, err, want)
		}
	}
}
