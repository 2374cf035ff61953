package define

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/fault"
	"github.com/jailed-claude/jailed-claude/spec/policy/position"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
	"github.com/jailed-claude/jailed-claude/spec/preset"
)

// Check reports what is wrong with the rows of a layer, however they were made.
func Check(rows []agent.Defined, report Report) {
	names, programs := map[string]bool{}, map[string]bool{}
	for i, d := range rows {
		at := position.Element(Section, i)
		for _, f := range fields() {
			checkField(f, &d, at, report)
		}
		if d.Name == "" {
			report(position.Join(Section, "name"), "there is none: write name = \"NAME\"", at, Section)
		} else if names[d.Name] {
			report(Section, fmt.Sprintf("%q: there are two of this name: take one of them out", d.Name), at, Section)
		}
		names[d.Name] = true
		if len(d.Programs) == 0 {
			report(position.Join(Section, "programs"), "there is none: write programs = [\"NAME\"], what is typed to start it", at, Section)
		}
		for j, p := range d.Programs {
			if programs[p] {
				report(position.Join(Section, "programs"), fmt.Sprintf("%q is there twice: take one of them out", p), position.Element(position.Join(at, "programs"), j), at)
			}
			programs[p] = true
		}
	}
}

func checkField(f field, d *agent.Defined, at string, report Report) {
	full, at := position.Join(Section, f.Name), position.Join(at, f.Name)
	switch v := f.of(d).(type) {
	case *string:
		if *v != "" {
			if problem := f.check(*v); problem != "" {
				report(full, problem, position.Value(at), at)
			}
		}
	case *[]string:
		for i, s := range *v {
			if problem := f.check(s); problem != "" {
				report(full, problem, position.Element(at, i), at)
			}
		}
	case *map[string]string:
		for _, name := range slices.Sorted(maps.Keys(*v)) {
			problem := scalar.EnvName(name)
			if problem == "" {
				problem = f.check((*v)[name])
			}
			if problem != "" {
				if !scalar.IsEnvName(name) {
					name = "a key"
				}
				report(full, name+" "+problem, position.Join(at, name), at)
			}
		}
	}
}

func text(s string) string { return scalar.Text(s) }

// value is of a variable: it is in no error.
func value(s string) string {
	if strings.Contains(s, "\x00") {
		return "has a NUL in its value, where the variable would end: write it without"
	}
	return ""
}

var nameForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`) })

func name(s string) string {
	switch {
	case !nameForm().MatchString(s) || len(s) > 32:
		return fmt.Sprintf("%q is no name of an agent: write small letters, digits and dashes, 32 at most", s)
	case slices.ContainsFunc(agent.All(), func(a agent.Agent) bool { return a.Name == s }):
		return fmt.Sprintf("%q is an agent that is known: write another name", s)
	case slices.Contains(preset.Names(), "@"+s):
		return fmt.Sprintf("%q has the name of the preset @%s: write another name", s, s)
	}
	return ""
}

// common are programs that others in a jail start by their names.
var common = []string{"bash", "cat", "dash", "doas", "env", "fish", "git", "ls", "nix", "node", "npm", "npx", "perl", "python", "python3", "sh", "ssh", "su", "sudo", "zsh"}

func program(s string) string {
	if problem := scalar.Text(s); problem != "" {
		return problem
	}
	known, isKnown := agent.Running(s)
	switch {
	case strings.Contains(s, "/"):
		return fmt.Sprintf("%q is a path: write the name of the program, and its path as agent.package", s)
	case s == "." || s == ".." || strings.HasPrefix(s, "-") || strings.ContainsAny(s, ": \t"):
		return fmt.Sprintf("%q is no name of a program: write what is typed to start it", s)
	case isKnown:
		return fmt.Sprintf("%q starts %s, which is known: write another program", s, known.Title)
	case slices.Contains(common, s) || strings.HasPrefix(s, "jailed-"):
		return fmt.Sprintf("%q would stand before the program of that name in its jails: write another program", s)
	}
	return ""
}

// Folders below the home: parents hold those of many programs, and taken are
// others' own.
var (
	parents = []string{".config", ".local", ".local/share", ".local/state", ".cache", "Documents"}
	taken   = []string{
		".config/git", ".config/jailed-claude", ".local/share/jailed-claude", ".local/state/jailed-claude", ".cache/jailed-claude", ".local/bin",
		".ssh", ".gnupg", ".gitconfig", ".nix-profile",
	}
)

func folder(s string) string {
	if problem := scalar.Text(s); problem != "" {
		return problem
	}
	rel, ok := strings.CutPrefix(s, "~/")
	switch {
	case !ok:
		return fmt.Sprintf(`%q is not below your home: write "~/" and the folder's name`, s)
	case rel == "" || path.Clean(rel) != rel || path.IsAbs(rel) || rel == "." || rel == ".." || strings.HasPrefix(rel, "../"):
		return fmt.Sprintf(`%q is no folder below your home: write "~/" and its path, without "." and ".." and without a "/" at its end`, s)
	}
	if slices.ContainsFunc(parents, func(p string) bool { return paths.Below(p, rel) }) ||
		slices.ContainsFunc(taken, func(p string) bool { return paths.Below(p, rel) || paths.Below(rel, p) }) {
		return fmt.Sprintf("%q has what others keep there: write the folder that is the agent's alone", s)
	}
	for _, a := range agent.All() {
		for _, f := range a.Folders {
			if paths.Below(rel, f.Path) || paths.Below(f.Path, rel) {
				return fmt.Sprintf("%q is of %s, which has ~/%s: write another folder", s, a.Title, f.Path)
			}
		}
	}
	return ""
}

func exec(s string) string {
	if problem := scalar.Text(s); problem != "" {
		return problem
	}
	switch {
	case path.IsAbs(s) || strings.HasPrefix(s, "~"):
		return fmt.Sprintf("%q is not relative: write the path as it is below a project", s)
	case path.Clean(s) != s || s == "." || s == ".." || strings.HasPrefix(s, "../"):
		return fmt.Sprintf(`%q: write the path as it is below a project, without "." and ".." and without a "/" at its end`, s)
	case strings.ContainsAny(s, "*?["):
		return fmt.Sprintf("%q: patterns are for files.protect: write one file or folder", s)
	case s == ".git" || strings.HasPrefix(s, ".git/"):
		return fmt.Sprintf("%q is git's, which is protected as it needs: leave it out", s)
	}
	return ""
}

func host(s string) string {
	_, err := network.ParseRule(s)
	return scalar.Rule(err)
}

func keyVariable(s string) string {
	if known := agent.KeyVariables(); !slices.Contains(known, s) {
		// It may be the key itself.
		return "is not the variable of a service that is known: write " + fault.Or(known) + ", or a [[broker]] for another service"
	}
	return ""
}
