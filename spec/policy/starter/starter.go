package starter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/jsonschema"
)

// tool is what a starter policy suggests for one kind of project.
type tool struct {
	// kind is as it is in Policy's found.
	kind string
	// write are caches of the tool below the home.
	write []string
	// read are settings of the tool below the home.
	read []string
	// pass are variables that the tool reads.
	pass []string
	// allow are presets of the services that the tool uses.
	allow []string
	// hide are patterns of files that often hold secrets.
	hide []string
}

func tools() []tool {
	return []tool{
		{kind: "git", read: []string{"~/.config/git/ignore"}, allow: []string{"@git-https"}},
		{kind: "node", write: []string{"~/.npm"}, pass: []string{"NODE_OPTIONS"}, hide: []string{".npmrc"}, allow: []string{"@npm"}},
		{kind: "go", write: []string{"~/.cache/go-build", "~/go/pkg/mod"}, pass: []string{"GOFLAGS", "GOPROXY"}, allow: []string{"@go"}},
		{kind: "rust", write: []string{"~/.cargo/registry"}, pass: []string{"RUSTFLAGS"}, allow: []string{"@crates"}},
		{kind: "python", write: []string{"~/.cache/pip", "~/.cache/uv"}, hide: []string{".pypirc"}, allow: []string{"@pypi"}},
		{kind: "nix", allow: []string{"@nix-cache"}},
	}
}

// Policy returns a commented policy for a project in which found was seen:
// "git", "node", "go", "rust", "python", "nix". Other names are ignored, order
// and doubles do not matter.
//
// Only the version is set; everything else is a suggestion in a comment, so a
// starter policy leaves the jail as it is without one. A line that begins with
// "#" and no space is a setting to uncomment, but for the first, by which an
// editor finds the schema.
func Policy(found []string) []byte {
	var seen []tool
	for _, t := range tools() {
		if slices.Contains(found, t.kind) {
			seen = append(seen, t)
		}
	}

	w := &writer{}
	// Of editors; to TOML it is a comment.
	fmt.Fprintf(w, "#:schema %s\n", jsonschema.ID)
	w.text("What a jail grants to the agent beyond the defaults.",
		"Everything below is off. Remove the \"#\" in front of a setting to use it.",
		"\"jailed-claude explain\" shows what holds; docs/policy.md of jailed-claude describes each key.")
	fmt.Fprintf(w, "version = %d\n", policy.Version)

	w.section("agent")
	w.text("More tools on PATH, as Nix installables or store paths.")
	w.setting(`packages = ["nixpkgs#jq"]`)
	w.text("\"shared\" uses the Claude configuration of the host in place of one of the jail's own.")
	w.setting(`config = "shared"`)
	w.text("\"none\" keeps the key in your ANTHROPIC_API_KEY from being used by the jail.")
	w.setting(`key = "none"`)

	w.text("A linked git worktree has a private configuration of its own, not that of its repository.")
	w.setting(`separate-worktrees = true`)
	w.text("The agent is not told that it is in a jail.")
	w.setting(`no-brief = true`)

	w.section("files")
	w.text("\"ro\" lets the agent read the project and change nothing.")
	w.setting(`project = "ro"`)
	w.text("Files of the host that the agent may read. Tokens in them become readable too.")
	w.list("read", seen, func(t tool) []string { return t.read }, "~/.config/gh/hosts.yml")
	w.text("Folders of the host that the agent may change: caches, so that they are not filled anew.",
		"Careful: what your tools take from a cache later, the agent can have put there.")
	w.list("write", seen, func(t tool) []string { return t.write }, "~/.cache/NAME")
	w.text("Files of the project that the agent cannot see. Patterns are those of .gitignore.")
	w.list("hide", seen, func(t tool) []string { return t.hide }, ".env", ".env.*", "secrets/")
	w.text("Files of the project that the agent can read and not change.")
	w.setting(`protect = ["infra/"]`)

	w.section("network")
	w.text("\"filtered\" is what allow names and nothing else. \"none\" cuts the jail off. \"host\" is all that you can reach.")
	w.setting(`mode = "filtered"`)
	w.text("Names (port 443 unless written), services of this host, addresses, and groups of names.")
	w.list("allow", seen, func(t tool) []string { return t.allow }, "@claude", "*.example.com", "host:5432")
	w.text("Ports of the jail, for your browser: http://localhost:3000.")
	w.setting(`ports = [3000]`)

	w.section("env")
	w.text("Variables of yours that the agent sees.")
	w.list("pass", seen, func(t tool) []string { return t.pass }, "GH_TOKEN")
	w.text("Variables with a value of their own.")
	w.setting(`set = { CI = "1" }`)

	if slices.Contains(found, "nix") {
		w.section("nix")
		w.text("The Nix daemon, for \"nix build\" and \"nix develop\" inside.",
			"Careful: if the daemon trusts you, it trusts the agent, and can be made to act as root.")
		w.setting(`daemon = "auto"`)
		w.text("\"full\" shows all of /nix/store, read-only.")
		w.setting(`store = "full"`)
	}

	w.section("limits")
	w.setting(`memory = "8GiB"`)
	w.setting(`pids = 4096`)
	w.setting(`cpus = 4`)

	w.section("identity")
	w.text("true lets the agent's own sandbox work. Careful: an agent that may make namespaces can replace",
		"what is protected in the project, git hooks too. What changed is named when the jail ends.")
	w.setting(`nesting = true`)

	w.section("terminal")
	w.text("\"write\" lets the agent put text on your clipboard. Careful: you may paste it into a shell.")
	w.setting(`clipboard = "write"`)

	w.WriteString("\n")
	w.text("A service that is used with a key which stays outside of the jail; one [[broker]] for each.")
	for _, line := range []string{
		"[[broker]]", `name = "npm"`, `upstream = "https://registry.npmjs.org"`, `header = "Authorization"`, `from = "env:NPM_TOKEN"`, `env = "NPM_TOKEN"`,
	} {
		w.setting(line)
	}
	return []byte(w.String())
}

// writer writes the parts of a starter policy.
type writer struct{ strings.Builder }

func (w *writer) section(name string) {
	fmt.Fprintf(w, "\n[%s]\n", name)
}

func (w *writer) text(lines ...string) {
	for _, line := range lines {
		fmt.Fprintf(w, "# %s\n", line)
	}
}

func (w *writer) setting(line string) {
	fmt.Fprintf(w, "#%s\n", line)
}

// list writes a list of what the tools suggest, and of others after it. A
// placeholder ("NAME") among others stands only where no tool has anything.
func (w *writer) list(key string, tools []tool, of func(tool) []string, others ...string) {
	var elements []string
	for _, t := range tools {
		for _, e := range of(t) {
			elements = append(elements, fmt.Sprintf("%q", e))
		}
	}
	for _, e := range others {
		if strings.Contains(e, "NAME") && len(elements) > 0 {
			continue
		}
		elements = append(elements, fmt.Sprintf("%q", e))
	}
	w.setting(fmt.Sprintf("%s = [%s]", key, strings.Join(elements, ", ")))
}
