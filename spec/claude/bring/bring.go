package bring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// Piece is one of them.
type Piece struct {
	// Name is what a policy calls it: a path below the folder, "mcp:NAME" or
	// "settings:KEY".
	Name string
	// Real is the file or folder on the host, Dir says which; empty for a value.
	Real string
	Dir  bool
	// In and Keys say where a value is in the configuration.
	In    string
	Keys  []string
	Value json.RawMessage
	// Does says what the agent does by it.
	Does string
}

// Prefixes of names of values.
const (
	Server  = "mcp:"
	Setting = "settings:"
)

// WithEnv ends the name of an MCP server whose variables and headers come along,
// which are left out otherwise: they hold keys.
const WithEnv = ":env"

// settings are the keys of settings.json that can be brought. Others are copied
// by a first run, or are for the host alone.
var settings = []string{"hooks", "statusLine", "subagentStatusLine", "enabledPlugins", "extraKnownMarketplaces"}

// maxText bounds what is said of one piece.
const maxText = 200

// Offer is all that there is.
func Offer(h folder.Host) (pieces []Piece) {
	add := func(name string) {
		if p, err := Find(h, name); err == nil {
			pieces = append(pieces, p)
		}
	}
	for _, f := range folder.Row().Config().Trusted {
		if !f.Review || f.Seed || f.Path == folder.SettingsJSON {
			continue
		}
		entries, err := os.ReadDir(h.Path(f.Path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || f.Path == "plugins" {
			add(f.Path)
			continue
		}
		for _, e := range entries {
			add(path.Join(f.Path, e.Name()))
		}
	}
	for _, key := range settings {
		add(Setting + key)
	}
	if g, _, err := h.Global(); err == nil {
		if ms, err := object.Parse(g.Data); err == nil {
			servers, err := object.Parse(object.Get(ms, "mcpServers"))
			for _, s := range servers {
				if err == nil {
					add(Server + s.Key)
				}
			}
		}
	}
	return pieces
}

// Find is the piece of a name.
func Find(h folder.Host, name string) (Piece, error) {
	if key, ok := strings.CutPrefix(name, Setting); ok {
		return setting(h, name, key)
	}
	if server, ok := strings.CutPrefix(name, Server); ok {
		return serverOf(h, name, server)
	}
	return file(h, name)
}

// trusted is the row of what the path belongs to.
func trusted(name string) (agent.File, bool) {
	for _, f := range folder.Row().Config().Trusted {
		if f.Review && f.Path != folder.SettingsJSON && paths.Below(name, f.Path) {
			return f, true
		}
	}
	return agent.File{}, false
}

func file(h folder.Host, name string) (Piece, error) {
	if path.Clean(name) != name {
		return Piece{}, missing(name, fs.ErrNotExist)
	}
	f, ok := trusted(name)
	script := !ok && !strings.Contains(name, "/") && slices.Contains([]string{".sh", ".py", ".js", ".mjs", ".ts", ".rb", ".pl"}, path.Ext(name))
	if !ok && !script {
		return Piece{}, fmt.Errorf("agent.bring %q: is not what the agent executes or follows: there are %s, %sNAME, %sKEY", name, strings.Join(tops(), ", "), Server, Setting)
	}
	at := h.Path(name)
	dir, err := filepath.EvalSymlinks(h.Dir)
	if err != nil {
		return Piece{}, missing(name, err)
	}
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return Piece{}, missing(name, err)
	}
	if !paths.Below(real, dir) && !paths.Below(real, storepath.Dir) {
		return Piece{}, fmt.Errorf("agent.bring %q: leads to %s, outside of your configuration: name what it leads to under files.read", name, show.Line(real))
	}
	fi, err := os.Stat(real)
	if err != nil {
		return Piece{}, missing(name, err)
	}
	if !fi.IsDir() && !fi.Mode().IsRegular() {
		return Piece{}, fmt.Errorf("agent.bring %q: is neither a file nor a folder", name)
	}
	p := Piece{Name: name, Real: real, Dir: fi.IsDir(), Does: "instructs the agent"}
	programs := programsIn(real)
	switch {
	case script:
		p.Does = "a program"
	case f.Path == "hooks":
		p.Does = "programs of hooks; settings:hooks says when they run"
	case f.Path == "plugins":
		p.Does = "plugins with their hooks, commands and MCP servers; settings:enabledPlugins says which"
	}
	if len(programs) > 0 && !script {
		p.Does += fmt.Sprintf("; holds %d programs: %s", len(programs), short(strings.Join(programs, " ")))
	}
	return p, nil
}

func tops() (list []string) {
	for _, f := range folder.Row().Config().Trusted {
		if f.Review && f.Path != folder.SettingsJSON {
			list = append(list, f.Path)
		}
	}
	return list
}

func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("agent.bring %q: your own configuration has none; to see what it has: jailed-claude config bring", name)
	}
	return fmt.Errorf("agent.bring %q: %w", name, err)
}

// programsIn are the executable files and scripts of a folder.
func programsIn(dir string) (list []string) {
	const most = 1000
	n := 0
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if n++; err != nil || n > most {
			return fs.SkipAll
		}
		if fi, err := d.Info(); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			rel, err := filepath.Rel(dir, p)
			if err == nil {
				list = append(list, rel)
			}
		}
		return nil
	})
	return list
}

func setting(h folder.Host, name, key string) (Piece, error) {
	if !slices.Contains(settings, key) {
		return Piece{}, fmt.Errorf("agent.bring %q: there are %s%s", name, Setting, strings.Join(settings, ", "+Setting))
	}
	f, err := h.Read(folder.SettingsJSON, folder.MaxFile)
	if err != nil {
		return Piece{}, missing(name, err)
	}
	ms, err := object.Parse(f.Data)
	if err != nil {
		return Piece{}, fmt.Errorf("agent.bring %q: settings.json: %w", name, object.Fault(err))
	}
	v := object.Get(ms, key)
	if v == nil {
		return Piece{}, missing(name, fs.ErrNotExist)
	}
	does := "says which plugins are on, and where from"
	if commands := commandsIn(v); len(commands) > 0 {
		does = "runs " + short(strings.Join(commands, "; "))
	}
	return Piece{Name: name, In: folder.SettingsJSON, Keys: []string{key}, Value: v, Does: does}, nil
}

// commandsIn are the values of "command" anywhere in it.
func commandsIn(v json.RawMessage) (list []string) {
	var any any
	if json.Unmarshal(v, &any) != nil {
		return nil
	}
	collect(any, &list)
	return list
}

func collect(v any, list *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if text, ok := v[k].(string); ok && k == "command" {
				*list = append(*list, text)
			}
			collect(v[k], list)
		}
	case []any:
		for _, e := range v {
			collect(e, list)
		}
	}
}

func serverOf(h folder.Host, name, server string) (Piece, error) {
	server, withEnv := strings.CutSuffix(server, WithEnv)
	g, _, err := h.Global()
	if err != nil {
		return Piece{}, missing(name, err)
	}
	ms, err := object.Parse(g.Data)
	if err != nil {
		return Piece{}, fmt.Errorf("agent.bring %q: .claude.json: %w", name, object.Fault(err))
	}
	servers, err := object.Parse(object.Get(ms, "mcpServers"))
	v := object.Get(servers, server)
	if err != nil || v == nil {
		return Piece{}, missing(name, fs.ErrNotExist)
	}
	var s struct {
		Command, URL string
		Args         []string
		Env, Headers map[string]string
	}
	if err := json.Unmarshal(v, &s); err != nil {
		return Piece{}, fmt.Errorf("agent.bring %q: %w", name, object.Fault(err))
	}
	p := Piece{Name: name, In: folder.GlobalJSON, Keys: []string{"mcpServers", server}, Value: v}
	if p.Does = "runs " + short(strings.Join(append([]string{s.Command}, s.Args...), " ")); s.Command == "" {
		p.Does = "an MCP server at " + short(s.URL)
	}
	kept := slices.Concat(slices.Sorted(maps.Keys(s.Env)), slices.Sorted(maps.Keys(s.Headers)))
	switch {
	case len(kept) == 0:
	case withEnv:
		p.Does += "; with the values of " + short(strings.Join(kept, ", "))
	default:
		for _, key := range []string{"env", "headers"} {
			if p.Value, err = object.Set(p.Value, []string{key}, nil); err != nil {
				return Piece{}, fmt.Errorf("agent.bring %q: %w", name, err)
			}
		}
		p.Does += "; without " + short(strings.Join(kept, ", ")) + ", which may be secret (" + Server + server + WithEnv + " brings them too)"
	}
	return p, nil
}

// short is a text of others, on one line.
func short(s string) string {
	s = show.Line(s)
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return s
}

// Left says in one line what a first run left out; empty if nothing.
func Left(h folder.Host, brought []string) string {
	count := map[string]int{}
	for _, p := range Offer(h) {
		top, _, _ := strings.Cut(p.Name, "/")
		if slices.Contains(brought, p.Name) || slices.Contains(brought, top) {
			continue
		}
		switch {
		case strings.HasPrefix(p.Name, Server):
			count["MCP servers"]++
		case strings.HasPrefix(p.Name, Setting):
			count["settings that execute"]++
		default:
			count[top]++
		}
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", kind, count[kind]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "left out of your own configuration, since the agent would execute or follow it: " + strings.Join(parts, ", ") + "; to see and bring it: jailed-claude config bring"
}

// Print writes what there is, with what the agent does by it, and how a policy
// names it.
func Print(w io.Writer, pieces []Piece) error {
	if len(pieces) == 0 {
		_, err := fmt.Fprintln(w, "your own configuration has nothing beside what a first run copies")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "PIECE\tTHE AGENT, IN THE JAIL")
	for _, p := range pieces {
		fmt.Fprintf(t, "%s\t%s\n", show.Line(p.Name), p.Does)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	top, _, _ := strings.Cut(pieces[0].Name, "/")
	_, err := fmt.Fprintf(w, "\nto bring some, in your policy (~/.config/jailed-claude/config.toml); a folder brings all that is in it:\n[agent]\nbring = [%q]\n", top)
	return err
}
