package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "canary:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "make":
		return makeProject(args[1], args[2])
	case len(args) >= 4 && args[0] == "tell":
		return tell(args[1], args[2], args[3:], out)
	}
	return fmt.Errorf("usage: canary make AGENT DIR | canary tell AGENT DIR TRACE…")
}

// makeProject makes what an agent's row names, and that of the agent whose files
// several others read: files that mean nothing, and folders that have something
// in them to be read. More would be listed, and its names would tell nothing.
func makeProject(name, dir string) error {
	files := map[string]string{"README.md": "a canary\n"}
	a, err := row(name)
	if err != nil {
		return err
	}
	for _, f := range slices.Concat(projectFiles(a), a.Follows, projectFiles(agent.Default()), agent.Default().Follows) {
		switch {
		case path.Ext(f) == ".json" || path.Ext(f) == ".jsonc":
			files[f] = "{}\n"
		case path.Ext(f) != "" && path.Ext(f) != path.Base(f) || path.Base(f) == ".env" || strings.HasSuffix(f, "ignore"):
			files[f] = "\n"
		default:
			files[f+"/canary.md"], files[f+"/canary/SKILL.md"] = "a canary\n", "---\nname: canary\ndescription: a canary\n---\n"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(files[name]), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func row(name string) (agent.Agent, error) {
	a := agent.Named(name)
	if a.Name != name {
		return a, fmt.Errorf("%s is no agent of spec/agent", name)
	}
	return a, nil
}

func projectFiles(a agent.Agent) (list []string) {
	for _, f := range a.Project {
		list = append(list, f.Path)
	}
	return list
}

// tell prints a line for each path that not every version looked for, or that no
// row has, with the versions that did: those of the files' names. It is an error
// if the last one looked for what is not known, or if one looked for nothing of its
// own row: then it did not come to its work, and nothing is proven.
func tell(name, dir string, traces []string, out io.Writer) error {
	a, err := row(name)
	if err != nil {
		return err
	}
	var versions, counts []string
	seen, kind := map[string][]string{}, map[string]string{}
	for _, file := range traces {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		all, err := looked(f, dir)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		version := strings.TrimSuffix(filepath.Base(file), ".trace")
		versions = append(versions, version)
		own := map[string]bool{}
		for p := range all {
			what, p := known(a, p)
			if slices.Contains(projectFiles(a), p) || slices.Contains(a.Follows, p) {
				own[p] = true
			}
			if kind[p] = what; what != "" && !slices.Contains(seen[p], version) {
				seen[p] = append(seen[p], version)
			}
		}
		if len(own) == 0 {
			return fmt.Errorf("%s %s is not proven: it looked for nothing of its row", name, version)
		}
		counts = append(counts, fmt.Sprintf("%d of its row in %s", len(own), version))
	}
	last := versions[len(versions)-1]
	unknown := 0
	for _, p := range slices.Sorted(maps.Keys(seen)) {
		if kind[p] == notKnown && slices.Contains(seen[p], last) {
			unknown++
		}
		in := "both"
		if len(seen[p]) < len(versions) {
			in = "only " + strings.Join(seen[p], ", ")
		}
		if in != "both" || kind[p] == notKnown {
			fmt.Fprintf(out, "%-9s %-10s %-40s %s\n", name, kind[p], p, in)
		}
	}
	fmt.Fprintf(out, "%-9s %d paths, %s; the last has %d that its row does not know\n", name, len(seen), strings.Join(counts, ", "), unknown)
	if unknown > 0 {
		return fmt.Errorf("%s %s looks for %d paths that no row in spec/agent has: find out what it does with them, and add them to Project or Follows", name, last, unknown)
	}
	return nil
}

const notKnown = "NOT KNOWN"

// harmless are paths of an agent's that its program, as its package has it, neither
// executes nor follows on the host.
var harmless = map[string][]string{
	"qwen": {
		// It writes settings.json by these, removes the first one before, and takes the
		// other one back only where the same write fails.
		".qwen/settings.json.tmp", ".qwen/settings.json.orig",
		// Folders that it lists when it starts, for those of its own that are old. In
		// these it asks git for changes: what git would execute there is named as in any
		// other repository in a project (runtime/watch).
		".qwen/worktrees",
		// What /review left: a lease counts only with the number of the session that
		// asks, and only paths below .qwen/tmp are removed by it.
		".qwen/review-leases", ".qwen/tmp",
		// Written, if its settings say so, and never read.
		"logs/openai",
	},
}

// known says how a row has a path of a project, and by which path of its own.
// What several agents read may be in the row of one. Empty is what matters to no
// agent: what lies above a path of a row, and what is there without agents.
func known(a agent.Agent, p string) (what, by string) {
	for part := range strings.SplitSeq(p, "/") {
		if slices.Contains(ordinary, part) {
			return "", p
		}
	}
	for _, f := range harmless[a.Name] {
		if paths.Below(p, f) {
			return "harmless", f
		}
	}
	above := false
	for _, of := range append([]agent.Agent{a}, agent.All()...) {
		for _, list := range []struct {
			what  string
			paths []string
		}{{"executes", projectFiles(of)}, {"follows", of.Follows}} {
			for _, f := range list.paths {
				// Where case does not matter it is asked for in both.
				if paths.Below(strings.ToLower(p), strings.ToLower(f)) {
					return list.what, f
				}
				above = above || paths.Below(f, p)
			}
		}
	}
	if above {
		return "", p
	}
	return notKnown, p
}

// ordinary are names in a project that are no agent's.
var ordinary = []string{
	".git", "HEAD", "commondir", "config", "objects", "refs", ".gitignore", ".ignore", ".rgignore", ".hg", ".jj", ".svn", "README.md", "node_modules", "package.json",
	"tsconfig.json", "jsconfig.json", "bunfig.toml", ".npmrc", ".env", ".env.local", ".env.development", ".env.production", ".env.development.local", ".env.production.local",
}

var call = regexp.MustCompile(`(?:(?:AT_FDCWD|[0-9]+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"`)

// looked are the paths below a folder that a trace of strace -f -y has, relative
// to it. Only what began in it, or names it, is known to be there.
func looked(trace io.Reader, dir string) (map[string]bool, error) {
	found := map[string]bool{}
	s := bufio.NewScanner(trace)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		for _, m := range call.FindAllStringSubmatch(s.Text(), -1) {
			p, err := strconv.Unquote(`"` + m[2] + `"`)
			if err != nil {
				continue
			}
			if !path.IsAbs(p) && m[1] != "" {
				p = path.Join(m[1], p)
			}
			if p = path.Clean(p); p != dir && paths.Below(p, dir) {
				found[strings.TrimPrefix(p, dir+"/")] = true
			}
		}
	}
	return found, s.Err()
}
