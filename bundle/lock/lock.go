package lock

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// Name is the file's name in a project.
const Name = ".jailed-claude.lock"

// Version of the format that this package reads and writes.
const Version = 1

// ToolRange is what New writes as Lock.Tool: the releases that understand the
// format. Before 1.0.0 it does not change.
const ToolRange = ">=0.1.0 <1.0.0"

// Lock is the content of a lock file.
type Lock struct {
	// Tool is the range of jailed-claude versions that understand this,
	// such as ToolRange.
	Tool string
	// System is what the closure was built for, as Nix calls it.
	System string
	// Policy is the digest of the default policy and the project's own, Spec
	// that of their portable specification.
	Policy, Spec string
	Agent        Agent
	// Packages are those that the policy asks for, in its order.
	Packages []Package
	// Paths is the whole closure in the order of ComparePaths.
	Paths []Path
	// Layers are those of an image that hold the closure, in the image's order; none
	// where nobody asked for them.
	Layers []Layer
}

// Layer is one of an image, before compression.
type Layer struct {
	// What it holds: a store path, or several by a name.
	What string
	// DiffID is its digest, as "sha256:HEX" (image-spec, config.md).
	DiffID string
}

// Agent is the program that is jailed.
type Agent struct {
	// Package is what was asked for; empty where nothing was, and the agent
	// came out of a closure file or from PATH.
	Package string
	// Program is the agent's program inside the jail; empty for a jail
	// without one.
	Program string
	// Paths are the store paths of the package.
	Paths []string
}

// Package is one more package: what was asked for, and what it became.
type Package struct {
	Package string
	Paths   []string
}

// Path is one store path.
type Path struct {
	Path string `json:"path"`
	// NarHash is the SHA-256 of the path's NAR as "sha256-BASE64", which is
	// how nix path-info --json has it since Nix 2.19.
	NarHash string `json:"narHash"`
	NarSize int64  `json:"narSize"`
}

// ComparePaths orders store paths by what they are called and then by their
// hash, so that an update of a package changes lines and does not move them.
func ComparePaths(a, b string) int {
	return cmp.Or(cmp.Compare(nameOf(a), nameOf(b)), cmp.Compare(a, b))
}

// nameOf is NAME of /nix/store/HASH-NAME.
func nameOf(p string) string {
	base := strings.TrimPrefix(p, storepath.Dir+"/")
	if _, name, ok := strings.Cut(base, "-"); ok {
		return name
	}
	return base
}

// Roots are the store paths of the agent and of the packages, in their order.
func (l *Lock) Roots() []string {
	roots := slices.Clone(l.Agent.Paths)
	for _, p := range l.Packages {
		roots = append(roots, p.Paths...)
	}
	return roots
}

// StorePaths are all of the closure.
func (l *Lock) StorePaths() []string {
	paths := make([]string, len(l.Paths))
	for i, p := range l.Paths {
		paths[i] = p.Path
	}
	return paths
}

// Render writes what Parse reads: JSON, one line for each thing that changes by
// itself. Equal locks give equal bytes.
func (l *Lock) Render() []byte {
	var b bytes.Buffer
	b.WriteString("{\n")
	line := func(name, value string) { b.WriteString("  " + quote(name) + ": " + value + ",\n") }
	line("version", strconv.Itoa(Version))
	line("tool", quote(l.Tool))
	line("system", quote(l.System))
	line("policy", quote(l.Policy))
	line("spec", quote(l.Spec))
	line("agent", "{"+quote("package")+": "+quote(l.Agent.Package)+", "+quote("program")+": "+quote(l.Agent.Program)+
		", "+quote("paths")+": "+quoteList(l.Agent.Paths)+"}")
	packages := make([]string, len(l.Packages))
	for i, p := range l.Packages {
		packages[i] = "{" + quote("package") + ": " + quote(p.Package) + ", " + quote("paths") + ": " + quoteList(p.Paths) + "}"
	}
	line("packages", lines(packages))
	paths := make([]string, len(l.Paths))
	for i, p := range l.Paths {
		paths[i] = "{" + quote("path") + ": " + quote(p.Path) + ", " + quote("narHash") + ": " + quote(p.NarHash) + ", " +
			quote("narSize") + ": " + strconv.FormatInt(p.NarSize, 10) + "}"
	}
	b.WriteString("  " + quote("closure") + ": " + lines(paths))
	if len(l.Layers) > 0 {
		layers := make([]string, len(l.Layers))
		for i, y := range l.Layers {
			layers[i] = "{" + quote("layer") + ": " + quote(y.What) + ", " + quote("diffId") + ": " + quote(y.DiffID) + "}"
		}
		b.WriteString(",\n  " + quote("layers") + ": " + lines(layers))
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

// lines is a list with a line for each element.
func lines(elements []string) string {
	if len(elements) == 0 {
		return "[]"
	}
	return "[\n    " + strings.Join(elements, ",\n    ") + "\n  ]"
}

func quoteList(l []string) string {
	quoted := make([]string, len(l))
	for i, s := range l {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote is a JSON string without HTML escapes.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
