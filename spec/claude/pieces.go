package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// content of a piece: files by name, or one value in a JSON file.
type content struct {
	files map[string]folder.File // nil for a JSON value
	// in and keys say where a JSON value is.
	in    string
	keys  []string
	value []byte // canonical
	// problem says why the piece cannot be shown whole, and so not be taken.
	problem string
}

// digest of a piece, as a manifest keeps it.
func (c *content) digest() string {
	if c.files == nil {
		return folder.Digest(c.value)
	}
	var b bytes.Buffer
	for _, name := range sortedNames(c.files) {
		f := c.files[name]
		fmt.Fprintf(&b, "%q %t %s %q\n", name, f.Exec, folder.Digest(f.Data), f.Problem)
	}
	return folder.Digest(b.Bytes())
}

func sortedNames(files map[string]folder.File) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// piecesOf cuts a configuration into what is decided about one by one: a
// setting, an MCP server, a command, a skill with all its files, the plugins.
func piecesOf(files map[string]folder.File) map[string]*content {
	ps := map[string]*content{}
	for _, name := range sortedNames(files) {
		f := files[name]
		switch name {
		case folder.SettingsJSON:
			settingsPieces(ps, f)
			continue
		case folder.GlobalJSON:
			serverPieces(ps, f)
			continue
		}
		piece := pieceName(name)
		p := ps[piece]
		if p == nil {
			p = &content{files: map[string]folder.File{}}
			ps[piece] = p
		}
		p.files[name] = f
		switch {
		case p.problem != "":
		case f.Problem != "":
			p.problem = f.Problem
			if name != piece {
				p.problem = show.Line(name) + " is " + f.Problem
			}
		case !printable(name):
			p.problem = "its name has characters that cannot be seen"
		}
	}
	return ps
}

// pieceName is the piece that a file belongs to.
func pieceName(name string) string {
	parts := strings.Split(name, "/")
	switch parts[0] {
	case "plugins":
		return "plugins"
	case "skills":
		return path.Join(parts[:min(2, len(parts))]...)
	}
	return name
}

func printable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) && show.Line(name) == name
}

func settingsPieces(ps map[string]*content, f folder.File) {
	ms, problem := members(f)
	if problem != "" {
		ps[folder.SettingsJSON] = &content{in: folder.SettingsJSON, value: f.Data, problem: problem}
		return
	}
	for _, m := range ms {
		ps[folder.SettingsJSON+":"+m.Key] = value(folder.SettingsJSON, m.Value, m.Key)
	}
}

// serverPieces are the MCP servers in .claude.json: the user's and those of
// each project. The rest of it is state.
func serverPieces(ps map[string]*content, f folder.File) {
	ms, problem := members(f)
	if problem != "" {
		ps[folder.GlobalJSON] = &content{in: folder.GlobalJSON, value: f.Data, problem: problem}
		return
	}
	servers := func(raw json.RawMessage, keys ...string) {
		in, err := object.Parse(raw)
		if err != nil {
			return
		}
		for _, s := range in {
			at := append(slices.Clone(keys), s.Key)
			ps[folder.GlobalJSON+":"+strings.Join(at, ".")] = value(folder.GlobalJSON, s.Value, at...)
		}
	}
	servers(object.Get(ms, "mcpServers"), "mcpServers")
	projects, err := object.Parse(object.Get(ms, "projects"))
	if err != nil {
		return
	}
	for _, p := range projects {
		if in, err := object.Parse(p.Value); err == nil {
			servers(object.Get(in, "mcpServers"), "projects", p.Key, "mcpServers")
		}
	}
}

func members(f folder.File) ([]object.Member, string) {
	if f.Problem != "" {
		return nil, f.Problem
	}
	if len(bytes.TrimSpace(f.Data)) == 0 {
		return nil, ""
	}
	ms, err := object.Parse(f.Data)
	if err != nil {
		return nil, err.Error()
	}
	return ms, ""
}

func value(in string, raw json.RawMessage, keys ...string) *content {
	c := &content{in: in, keys: keys}
	text, err := object.Canonical(raw)
	if c.value = text; err != nil {
		c.value, c.problem = raw, err.Error()
	}
	if slices.ContainsFunc(keys, func(k string) bool { return !printable(k) }) {
		c.problem = "its name has characters that cannot be seen"
	}
	return c
}

// Effect is what a piece does on the host.
type Effect string

// Effects of a piece.
const (
	// Executes: the host's claude starts programs because of it, or lets
	// others do so unasked.
	Executes Effect = "executes"
	// Unknown: a setting that nobody has looked at.
	Unknown Effect = "unknown"
	// Instructs: the host's claude does what it says.
	Instructs Effect = "instructs"
	// Harmless: appearance.
	Harmless Effect = "harmless"
)

// effect of a piece, with the reason.
func (c *content) effect(name string) (Effect, string) {
	if c.files == nil {
		switch {
		case c.in == folder.GlobalJSON:
			return Executes, "an MCP server: a program that is started, or a server that is asked"
		case len(c.keys) == 1 && executes(c.keys[0]) != "":
			return Executes, executes(c.keys[0])
		case len(c.keys) == 1 && harmless(c.keys[0]) && plain(c.value):
			return Harmless, ""
		}
		return Unknown, "nobody has looked at this setting"
	}
	for _, f := range c.files {
		if f.Problem != "" {
			return Unknown, "nobody can see what it does"
		}
	}
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case "hooks":
		return Executes, "what hooks run"
	case "plugins":
		return Executes, "plugins bring hooks, MCP servers and commands"
	case "workflows", "routines":
		return Executes, "what claude runs by itself"
	case "themes":
		return Harmless, ""
	}
	scripted := slices.Contains([]string{"commands", "agents", "skills", "keybindings.json"}, top)
	for _, n := range sortedNames(c.files) {
		f := c.files[n]
		switch {
		case f.Exec:
			return Executes, show.Line(n) + " is a program"
		case path.Ext(n) != ".md" && top != "keybindings.json":
			return Executes, show.Line(n) + " is no text for the agent, and may be run"
		}
		if why := runs(string(f.Data)); scripted && why != "" {
			return Executes, why
		}
	}
	if top == "keybindings.json" {
		return Harmless, ""
	}
	return Instructs, "the host's claude follows it"
}

// runs looks for what makes a text of commands, agents, skills and key
// bindings run something.
func runs(text string) string {
	for _, r := range []struct{ what, why string }{
		{"!`", "runs a shell command when it is used"},
		{"```!", "runs a shell command when it is used"},
		{"allowed-tools", "says which tools run unasked"},
		{"permissionMode", "says what runs unasked"},
		{"hooks:", "brings hooks"},
		{"mcpServers", "brings MCP servers"},
		{"command:", "runs commands of claude's"},
	} {
		if strings.Contains(text, r.what) {
			return r.why
		}
	}
	return ""
}
