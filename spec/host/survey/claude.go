package survey

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// Claude reads the host's own Claude files, for a configuration that a jail
// shares with it.
func Claude(env map[string]string, home string) (ClaudeFiles, []string) {
	var c ClaudeFiles
	row := agent.Claude()
	config := row.Config()
	dir, own := env[config.Variable], true
	if !filepath.IsAbs(dir) {
		dir, own = filepath.Join(home, config.Path), false
	}
	if !own {
		c.JSON = plain(filepath.Join(home, config.Beside))
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil || !source.IsDir(dir) {
		return c, nil
	}
	c.Dir = dir
	v := newSurvey(Options{Dir: dir, Home: home})
	for _, t := range config.Trusted {
		if path := filepath.Join(dir, t.Path); !v.protect(path, t.What) && t.Watch {
			v.watch(path, t.What)
		}
	}
	if own {
		// Otherwise it is beside the folder: JSON.
		const why = "MCP servers and trust decisions"
		if path := filepath.Join(dir, config.Beside); !v.protect(path, why) {
			v.watch(path, why)
		}
	}
	for _, name := range []string{"settings.json", "settings.local.json"} {
		v.commands(filepath.Join(dir, name), dir, row.CommandKeys(), map[string]string{config.Variable: dir, "HOME": home})
	}
	for _, name := range config.Sourced {
		v.watch(filepath.Join(dir, name), "the host's claude and its shells read it")
	}
	v.finish()
	c.Executable, c.Watch = v.p.Protect, v.p.Watch
	for _, l := range v.p.Links {
		if real, err := filepath.EvalSymlinks(l.Path); err == nil {
			c.Links = append(c.Links, Link{Path: l.Path, Target: real, Text: l.Target, Dir: source.IsDir(real)})
		}
	}
	for _, name := range config.Sourced {
		if path := filepath.Join(dir, name); source.IsDir(path) && v.link(path) == "" {
			c.Private = append(c.Private, path)
		}
	}
	return c, v.warnings
}

// plain resolves a path if it is a regular file.
func plain(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if fi, err := os.Stat(real); err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	return real
}

// commandFile is a file whose settings name programs, and of which agent.
type commandFile struct {
	name string
	of   agent.Agent
}

// commandFileNames are those of agents by their first component.
var commandFileNames = sync.OnceValue(func() map[string][]commandFile {
	list := map[string][]commandFile{}
	for _, a := range agent.All() {
		for _, name := range a.ProjectCommands {
			first, _, _ := strings.Cut(name, "/")
			list[first] = append(list[first], commandFile{name, a})
		}
	}
	return list
})

// agentPrograms protects the programs of the project that the settings and MCP
// servers of agents in a folder name, given the names that are there.
func (v *survey) agentPrograms(dir string, found []string) {
	for _, name := range found {
		for _, f := range commandFileNames()[name] {
			vars := map[string]string{f.of.ProjectVariable: dir, "PWD": dir, "HOME": v.o.Home}
			v.commands(filepath.Join(dir, f.name), dir, f.of.CommandKeys(), vars)
		}
	}
}

// commands protects the files below the roots that commands in a JSON file
// name: the strings under keys.
func (v *survey) commands(file, dir string, keys []string, vars map[string]string) {
	text, err := source.ReadText(file)
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
				visit(sub, slices.Contains(keys, key))
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
