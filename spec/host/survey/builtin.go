package survey

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/internal/entries"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/host/survey/known"
)

// A guard is a path of the built-in list.
type guard = known.Guard

// guardList has the guards by their first component; globs are those whose first
// component has a "*".
type guardList struct {
	all   []guard
	plain map[string][]guard
	globs []guard
	// affixes are what names of the globs begin and end with, suffixes what those of
	// which nothing is known but the end; first is of all others.
	affixes  [][2]string
	suffixes []string
	first    entries.First
	// spellings are of their first components, and of what git looks for.
	spellings entries.Spellings
}

// builtInGuards are those of tools and of the agents that are known: made when
// they are first asked for, not before main in each process of a start.
var builtInGuards = sync.OnceValue(func() *guardList { return listOf(agent.All()) })

// guardsWith are those with agents of the user's own.
func guardsWith(own []agent.Agent) *guardList {
	if len(own) == 0 {
		return builtInGuards()
	}
	return listOf(append(agent.All(), own...))
}

func listOf(agents []agent.Agent) *guardList {
	l := &guardList{all: slices.Clone(known.Tools), plain: map[string][]guard{}}
	for _, a := range agents {
		for _, f := range a.Project {
			l.all = append(l.all, guard{Path: f.Path, Why: a.Title + "'s " + f.What, Watch: f.Watch})
		}
	}
	for _, git := range []string{".git", "HEAD", "objects", "refs"} {
		l.spellings.Add(git)
	}
	for _, g := range l.all {
		first, _, _ := strings.Cut(g.Path, "/")
		before, after, glob := strings.Cut(first, "*") // it is alone in its name: see known
		l.spellings.Add(first)
		if !glob {
			l.plain[first] = append(l.plain[first], g)
		} else {
			l.globs = append(l.globs, g)
		}
		switch {
		case before == "":
			l.suffixes = append(l.suffixes, after)
			continue
		case glob:
			l.affixes = append(l.affixes, [2]string{before, after})
		}
		l.first.Add(first)
	}
	return l
}

// has tells whether a guard begins with a file or folder of that name.
func (l *guardList) has(name []byte) bool {
	for _, end := range l.suffixes {
		if len(name) >= len(end) && string(name[len(name)-len(end):]) == end {
			return true
		}
	}
	if !l.first.May(name) {
		return false
	}
	if _, ok := l.plain[string(name)]; ok {
		return true
	}
	return slices.ContainsFunc(l.affixes, func(a [2]string) bool {
		return len(name) >= len(a[0])+len(a[1]) && string(name[:len(a[0])]) == a[0] && string(name[len(name)-len(a[1]):]) == a[1]
	})
}

// names are what a jail must not make in any folder that the search reaches,
// each with the reason: relative paths in which a "*" stands for any characters
// of a name.
func (l *guardList) names() map[string]string {
	list := map[string]string{}
	for _, g := range l.all {
		if g.Watch {
			list[g.Path] = g.Why
		}
	}
	return list
}

// builtIn protects and watches what the built-in list names in the project
// itself. What is there in its folders the walk finds.
func (v *survey) builtIn() {
	dir := v.p.Dir
	here, all := v.begun(dir)
	for _, g := range v.guards.all {
		if !g.Watch || strings.Contains(g.Path, "*") {
			continue
		}
		p := filepath.Join(dir, g.Path)
		if first, _, _ := strings.Cut(g.Path, "/"); all && !here[first] {
			v.p.Watch = append(v.p.Watch, Path{Path: p, Why: g.Why})
			continue
		}
		v.watch(p, g.Why)
	}
	v.repository(dir)
	if git.IsDir(dir) {
		v.gitDir(dir, dir, gitDepth)
	} else {
		// With objects and refs it makes the project a bare repository.
		v.watch(filepath.Join(dir, "HEAD"), "makes the folder a git repository")
	}
	v.submodules(dir)
	v.gitlinks(dir)
}

// fewEntries is how many names of a folder are read to save asking for each guard.
const fewEntries = 4096

// begun are the names in a folder with which a guard begins; not all of one that
// cannot be read or holds too much.
func (v *survey) begun(dir string) (here map[string]bool, all bool) {
	here = map[string]bool{}
	n := 0
	l := lister{}
	err := l.list(dir, func(e entry) {
		if n++; v.guards.has(e.name) {
			here[string(e.name)] = true
		}
	})
	return here, err == nil && n <= fewEntries
}

// guard protects what the built-in list names in dir, given the names there
// that are of interest.
func (v *survey) guard(dir string, found []string) {
	all := v.guards
	for _, name := range found {
		for _, g := range all.plain[name] {
			v.link(filepath.Join(dir, g.Path)) // one that leads to nothing yet, too
			v.guarded(dir, g)
		}
		for _, g := range all.globs {
			if ok, _ := path.Match(g.Path, name); ok {
				v.protect(filepath.Join(dir, name), g.Why)
			}
		}
		for _, file := range known.Callers(name) {
			v.called(filepath.Join(dir, name, file), dir)
		}
		switch {
		case name == ".envrc":
			v.direnv(dir)
		case name == ".husky" || name == ".githooks":
			v.hooks(filepath.Join(dir, name), dir)
		case strings.Contains(name, "lefthook") || name == ".pre-commit-config.yaml" || name == ".overcommit.yml" || name == ".simple-git-hooks.json":
			v.called(filepath.Join(dir, name), dir)
		}
	}
	v.agentPrograms(dir, found)
}

// guarded protects what a guard names in dir.
func (v *survey) guarded(dir string, g guard) {
	if !strings.Contains(g.Path, "*") {
		v.protect(filepath.Join(dir, g.Path), g.Why)
		return
	}
	below, pattern := path.Split(g.Path)
	entries, err := os.ReadDir(filepath.Join(dir, below))
	if err != nil {
		return
	}
	for _, e := range entries {
		if ok, _ := path.Match(pattern, e.Name()); ok {
			v.protect(filepath.Join(dir, below, e.Name()), g.Why)
		}
	}
}

// submodules protects the submodules that .gitmodules names, however deep.
func (v *survey) submodules(dir string) {
	text, err := source.ReadText(filepath.Join(dir, ".gitmodules"))
	if err != nil {
		return
	}
	for _, s := range git.ParseConfig(text) {
		if !strings.HasPrefix(s.Key, "submodule.") || !strings.HasSuffix(s.Key, ".path") {
			continue
		}
		if sub, ok := v.named(dir, s.Value); ok && source.Exists(filepath.Join(sub, ".git")) {
			v.nested(sub)
		}
	}
}

// direnv protects the files of the project that .envrc loads. That file itself
// is approved by its content, these are not.
func (v *survey) direnv(dir string) {
	text, err := source.ReadText(filepath.Join(dir, ".envrc"))
	if err != nil {
		return
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		arg := ""
		if len(words) > 1 {
			arg = strings.Trim(words[1], `"'`)
		}
		switch words[0] {
		case "use":
			if arg == "flake" || arg == "nix" || arg == "devenv" || arg == "devbox" {
				v.warn(".envrc says %q: what the agent changes in those files, direnv runs on the host at the next prompt; protect them (protect = [\"flake.nix\", …]) if that is not wanted", strings.Join(words[:2], " "))
			}
			continue
		case "dotenv", "dotenv_if_exists":
			if arg == "" {
				arg = ".env"
			}
		case "source", ".", "source_env", "source_env_if_exists":
		default:
			continue
		}
		if path, ok := v.named(dir, strings.TrimPrefix(arg, "$PWD/")); ok && !v.protect(path, "loaded by .envrc") {
			v.watch(path, "loaded by .envrc")
		}
	}
}
