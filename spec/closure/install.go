package closure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// install finds what of the host a program outside the store needs beside
// the system's folders. It binds as little as can work:
//
//   - a native program (the vendor's installer): that one file;
//   - a program of a node package: the folders of the package and of the
//     packages that it depends on;
//   - any other script: that one file;
//   - a script's interpreter, where it is not the system's: its installation
//     (~/.nvm/versions/node/vX), or the one file where that would be too much;
//   - a launcher of one line, or one that pnpm wrote: what it launches.
//
// What else a script opens is for the policy to grant. The home folder, its
// parents and the folders directly in it are never bound as a whole.
type install struct {
	*resolver
	// system are the folders that are bound anyway.
	system []string

	// agent is the program's real path.
	agent string
	binds []string
	bins  []string
	// roots are store paths that it needs.
	roots []string
}

func (in *install) program(real string) error {
	for range 4 {
		next := launches(real)
		if next == "" {
			break
		}
		real = next
	}
	in.agent = real
	in.addBin(filepath.Dir(real))
	switch pkg := nodePackage(real); {
	case in.provided(real):
	case inStore(real):
		return in.addRoot(real)
	case pkg != "" && !in.tooMuch(pkg):
		in.nodePackages(pkg)
	default:
		in.binds = append(in.binds, real)
	}
	if name, byEnv := interpreter(real); name != "" {
		return in.interpreter(real, name, byEnv)
	}
	return nil
}

// provided tells whether p is bound anyway.
func (in *install) provided(p string) bool {
	return slices.ContainsFunc(in.system, func(d string) bool { return paths.Below(p, d) })
}

func (in *install) addRoot(p string) error {
	root, _, err := split(p)
	if err == nil {
		in.roots = append(in.roots, root)
	}
	return err
}

func (in *install) addBin(dir string) {
	if !inStore(dir) && !slices.Contains(hostBins, dir) {
		in.bins = append(in.bins, dir)
	}
}

// tooMuch tells whether dir is too wide to be bound as a whole.
func (in *install) tooMuch(dir string) bool {
	parent := filepath.Dir(dir)
	if parent == "/" || filepath.Dir(parent) == "/" && parent != "/opt" {
		// /, /home, /home/x; but /opt/x is the place of one program.
		return true
	}
	if in.Home == "" {
		return false
	}
	homes := []string{filepath.Clean(in.Home)}
	if real, err := filepath.EvalSymlinks(in.Home); err == nil {
		homes = append(homes, real)
	}
	return slices.ContainsFunc(homes, func(home string) bool {
		return paths.Below(home, dir) || parent == home
	})
}

// nodePackage is the folder of the node package that the file is in, the
// innermost: …/node_modules/NAME or …/node_modules/@SCOPE/NAME.
func nodePackage(file string) string {
	const mark = "/node_modules/"
	i := strings.LastIndex(file, mark)
	if i < 0 {
		return ""
	}
	at := file[:i+len(mark)]
	parts := strings.Split(file[len(at):], "/")
	n := 1
	if strings.HasPrefix(parts[0], "@") {
		n = 2
	}
	if len(parts) <= n || strings.HasPrefix(parts[0], ".") {
		return ""
	}
	return at + strings.Join(parts[:n], "/")
}

// maxNodePackages ends the walk in a tree that no sane agent has.
const maxNodePackages = 2000

// nodePackages binds a package and all that it depends on, found as node
// finds them: in node_modules of its own folder and of each folder above.
func (in *install) nodePackages(pkg string) {
	seen := map[string]bool{}
	todo := []string{pkg}
	for len(todo) > 0 && len(seen) < maxNodePackages {
		p := todo[0]
		todo = todo[1:]
		if seen[p] || in.provided(p) || in.tooMuch(p) {
			continue
		}
		seen[p] = true
		in.binds = append(in.binds, nodeFolder(p))
		for _, dep := range dependencies(p) {
			if found := findDependency(p, dep); found != "" {
				todo = append(todo, found)
			}
		}
	}
}

// nodeFolder is what to bind for a package. pnpm keeps each package in a
// folder node_modules of its own, beside links to its dependencies, which are
// needed too.
func nodeFolder(pkg string) string {
	d := pkg[:strings.LastIndex(pkg, "/node_modules/")+len("/node_modules")]
	if filepath.Base(filepath.Dir(filepath.Dir(d))) == ".pnpm" {
		return d
	}
	return pkg
}

var nodeName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(@[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9_~-][A-Za-z0-9._~-]*$`)
})

func dependencies(pkg string) []string {
	data, err := readSome(pkg+"/package.json", 1<<20)
	if err != nil {
		return nil
	}
	var m struct {
		Dependencies         map[string]any `json:"dependencies"`
		OptionalDependencies map[string]any `json:"optionalDependencies"`
		PeerDependencies     map[string]any `json:"peerDependencies"`
	}
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	var names []string
	for _, deps := range []map[string]any{m.Dependencies, m.OptionalDependencies, m.PeerDependencies} {
		for n := range deps {
			if nodeName().MatchString(n) {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func findDependency(pkg, dep string) string {
	for d := pkg; d != "/"; d = filepath.Dir(d) {
		if filepath.Base(d) == "node_modules" {
			continue
		}
		real, err := filepath.EvalSymlinks(d + "/node_modules/" + dep)
		if err != nil {
			continue
		}
		// A link out of every node_modules is npm link: someone's sources.
		if nodePackage(real+"/package.json") != real {
			return ""
		}
		return real
	}
	return ""
}

// interpreter reads the first line of a script. ByEnv: name is to be looked
// up on PATH; otherwise it is a path. It is empty for a native program.
func interpreter(file string) (name string, byEnv bool) {
	head, err := readSome(file, 512)
	if err != nil || !bytes.HasPrefix(head, []byte("#!")) {
		return "", false
	}
	line, _, _ := strings.Cut(string(head[2:]), "\n")
	words := strings.Fields(line)
	if len(words) == 0 {
		return "", false
	}
	if filepath.Base(words[0]) != "env" {
		return words[0], false
	}
	for _, w := range words[1:] {
		if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
			return w, true
		}
	}
	return "", false
}

// interpreter adds what the script's interpreter needs.
func (in *install) interpreter(script, name string, byEnv bool) error {
	candidates := []string{name}
	if byEnv {
		candidates = lookAll(in.Path, name)
		if prefix, _, ok := strings.Cut(script, "/lib/node_modules/"); ok {
			// npm installs beside the node that ran it.
			candidates = append(candidates, prefix+"/bin/"+name)
		}
	}
	for _, c := range candidates {
		real, _, err := realPath(c)
		// Version managers put launchers on PATH, which need their whole
		// installation and settings: scripts, or programs of another name.
		if err != nil || !executable(real) || byEnv && !isNamed(real, name) {
			continue
		}
		switch {
		case inStore(real):
			return in.addRoot(real)
		case in.provided(real):
			return nil
		}
		prefix := in.prefix(real)
		in.binds = append(in.binds, prefix...)
		in.addBin(filepath.Dir(real))
		return nil
	}
	name = filepath.Base(name)
	return &Error{
		What: fmt.Sprintf("script %q needs %s, and there is none on PATH (launchers of version managers do not count)", script, name),
		Fix:  fmt.Sprintf("install %s, or put the folder of the program itself first on PATH", name),
		Err:  ErrNoProgram,
	}
}

// isNamed tells whether file is a native program called name, perhaps with a
// version: python3.11 for python3.
func isNamed(file, name string) bool {
	script, _ := interpreter(file)
	return script == "" && strings.HasPrefix(filepath.Base(file), name)
}

// prefix is the installation that the program PREFIX/bin/NAME belongs to.
func (in *install) prefix(real string) []string {
	if brew, _, ok := strings.Cut(real, "/Cellar/"); ok {
		// Homebrew: programs of one package need libraries of others.
		var dirs []string
		for _, d := range []string{"/Cellar", "/lib", "/opt"} {
			if fi, err := os.Lstat(brew + d); err == nil && fi.IsDir() && !in.tooMuch(brew+d) {
				dirs = append(dirs, brew+d)
			}
		}
		return dirs
	}
	bin := filepath.Dir(real)
	if p := filepath.Dir(bin); filepath.Base(bin) == "bin" && !in.tooMuch(p) {
		return []string{p}
	}
	return []string{real}
}

var (
	// execLine is a launcher's only command.
	execLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^exec \"?(/[^\"'$`\\\\\\s]+)\"? \"\\$@\"$") })
	// shimLine is the command of a launcher written by cmd-shim (pnpm).
	shimLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s*exec .*"\$basedir/([^"$]+)"\s+"\$@"$`) })
)

// launches is the real path of the program that a launcher script starts;
// empty if file is not one that is understood.
func launches(file string) string {
	if name, _ := interpreter(file); name == "" {
		return ""
	}
	data, err := readSome(file, 8<<10)
	if err != nil {
		return ""
	}
	var target string
	if m := shimLine().FindStringSubmatch(string(data)); m != nil && bytes.Contains(data, []byte("basedir=$(dirname ")) {
		target = filepath.Join(filepath.Dir(file), m[1])
	} else {
		var commands []string
		for l := range strings.Lines(string(data)) {
			if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
				commands = append(commands, l)
			}
		}
		if len(commands) != 1 {
			return ""
		}
		if m := execLine().FindStringSubmatch(commands[0]); m != nil {
			target = m[1]
		}
	}
	if target == "" {
		return ""
	}
	real, _, err := realPath(target)
	if err != nil || !executable(real) || real == file {
		return ""
	}
	return real
}

// readSome reads at most n bytes of a file.
func readSome(file string, n int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}
