package host

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// claudeTrusted are what the host's claude executes or believes, in its own
// configuration folder.
var claudeTrusted = []guard{
	{"settings.json", "settings", true},
	{"settings.local.json", "settings", true},
	{"remote-settings.json", "settings of the organisation", true},
	{"policy-limits.json", "limits of the organisation", false},
	{"CLAUDE.md", "memory", true},
	{"rules", "memory", true},
	{"hooks", "hooks", true},
	{"plugins", "plugins", true},
	{"skills", "skills", true},
	{"commands", "commands", true},
	{"agents", "agents", true},
	{"workflows", "workflows", true},
	{"routines", "routines", true},
	{"scheduled_tasks.json", "tasks that run by themselves", true},
	{"launch.json", "programs to start", true},
	{"daemon.json", "the background service", true},
	{"daemon", "the background service", false},
	{"jobs", "what background sessions run", false},
	{"seed-admin", "the background service", false},
	{"loop.md", "memory", true},
	{"cowork_plugins", "plugins", true},
	{"output-styles", "output styles", true},
	{"themes", "themes", true},
	{"keybindings.json", "key bindings", true},
	{".config.json", "MCP servers and trust decisions, by an old name", true},
	{"backups", "earlier versions of .claude.json", false},
	{"local", "the program itself", false},
	{"bin", "programs", false},
	{"scripts", "programs", false},
}

// claudePrivate are folders whose files the shells of a running claude source.
var claudePrivate = []string{"shell-snapshots", "session-env", "ide"}

// claudeShared reads the host's own Claude files.
func (s *source) claudeShared(f *Facts) ClaudeFiles {
	var c ClaudeFiles
	dir, own := s.env["CLAUDE_CONFIG_DIR"], true
	if !filepath.IsAbs(dir) {
		dir, own = filepath.Join(f.Home, ".claude"), false
	}
	if !own {
		c.JSON = s.plain(filepath.Join(f.Home, ".claude.json"))
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil || !isDir(dir) {
		return c
	}
	c.Dir = dir
	v := &survey{s: s, f: f, p: &Project{Dir: dir}}
	for _, g := range claudeTrusted {
		if path := filepath.Join(dir, g.path); !v.protect(path, g.why) && g.watch {
			v.watch(path, g.why)
		}
	}
	if own {
		// Otherwise it is beside the folder: JSON.
		const why = "MCP servers and trust decisions"
		if path := filepath.Join(dir, ".claude.json"); !v.protect(path, why) {
			v.watch(path, why)
		}
	}
	for _, name := range []string{"settings.json", "settings.local.json"} {
		v.commands(filepath.Join(dir, name), dir, map[string]string{"CLAUDE_CONFIG_DIR": dir, "HOME": f.Home})
	}
	for _, name := range claudePrivate {
		v.watch(filepath.Join(dir, name), "shells of the host's claude read it")
	}
	v.finish()
	c.Executable, c.Watch = v.p.Protect, v.p.Watch
	for _, l := range v.p.Links {
		if real, err := filepath.EvalSymlinks(l.Path); err == nil {
			c.Links = append(c.Links, Link{Path: l.Path, Target: real, Text: l.Target, Dir: isDir(real)})
		}
	}
	for _, name := range claudePrivate {
		if path := filepath.Join(dir, name); isDir(path) && v.link(path) == "" {
			c.Private = append(c.Private, path)
		}
	}
	return c
}

// plain resolves a path if it is a regular file.
func (s *source) plain(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if fi, err := os.Stat(real); err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	return real
}

// claudeProject protects the programs of the project that its Claude settings
// and MCP servers name.
func (v *survey) claudeProject(dir string) {
	vars := map[string]string{"CLAUDE_PROJECT_DIR": dir, "PWD": dir, "HOME": v.f.Home}
	for _, name := range []string{".claude/settings.json", ".claude/settings.local.json", ".mcp.json"} {
		v.commands(filepath.Join(dir, name), dir, vars)
	}
}

// commands protects the files below the roots that commands in a JSON file
// name: the strings under "command" and "args", and those keys of Claude
// Code's that hold a command themselves.
func (v *survey) commands(file, dir string, vars map[string]string) {
	text, err := readText(file)
	if err != nil {
		return
	}
	var tree any
	if json.Unmarshal([]byte(text), &tree) != nil {
		return
	}
	var visit func(node any, command bool)
	visit = func(node any, command bool) {
		switch n := node.(type) {
		case map[string]any:
			for key, sub := range n {
				switch key {
				case "command", "args", "apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "otelHeadersHelper", "headersHelper":
					visit(sub, true)
				default:
					visit(sub, false)
				}
			}
		case []any:
			for _, sub := range n {
				visit(sub, command)
			}
		case string:
			if command {
				v.commandFiles(n, dir, filepath.Base(file), vars)
			}
		}
	}
	visit(tree, false)
}

func (v *survey) commandFiles(command, dir, file string, vars map[string]string) {
	expanded := os.Expand(command, func(name string) string { return vars[name] })
	for _, word := range words(expanded) {
		path, ok := v.named(dir, word)
		if !ok {
			continue
		}
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
			v.protect(path, "run by "+file)
		}
	}
}
