package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Layer is a mount of overlayfs over a folder of the host: the jail sees the
// folder, and what it writes there lands in another one.
type Layer struct {
	// Lower is the folder of the host that is shown, and where.
	Lower string
	// Upper holds what is written, and Work is overlayfs's own; both lie in one
	// folder.
	Upper, Work string
}

const (
	// LayerFolder is the folder of a layer, in what is kept for the project.
	LayerFolder = "layer"
	// LayersFolder has a folder for each layer with a name, with its LayerFolder.
	LayersFolder = "layers"
)

// LayerDir is the folder of a project's layer, in what is kept for the project. Most
// projects have one, without a name.
func LayerDir(projectState, name string) string {
	if name == "" {
		return path.Join(projectState, LayerFolder)
	}
	return path.Join(projectState, LayersFolder, name, LayerFolder)
}

// LayerName is the name of the layer in dir; empty for one without.
func LayerName(dir string) string {
	if named := path.Dir(dir); path.Base(path.Dir(named)) == LayersFolder {
		return path.Base(named)
	}
	return ""
}

// ReviewCommand is the command that shows what the layer in dir holds. The project
// has to be named where it is not that of the current folder.
func ReviewCommand(dir, project string) string {
	command := "jailed-claude review"
	if project != "" {
		command += " --project " + show.ShellQuote(project)
	}
	if name := LayerName(dir); name != "" {
		command += " --layer " + name
	}
	return command
}

// LayerIn is the layer over a folder, kept in dir.
func LayerIn(dir, lower string) Layer {
	return Layer{Lower: lower, Upper: path.Join(dir, "upper"), Work: path.Join(dir, "work")}
}

// GitLayerDir is where, in the folder of a project's layer, the layer over a git
// directory is kept that lies outside of the project.
func GitLayerDir(dir, gitDir string) string {
	sum := sha256.Sum256([]byte(gitDir))
	return path.Join(dir, "git", hex.EncodeToString(sum[:8]))
}

// layerType is the type of such a mount.
const layerType = "overlay"

// userXattr has overlayfs mark deletions in a way that a user namespace may.
// Without it the kernel mounts too, and fails later.
const userXattr = "userxattr"

var (
	layerOptions = []string{"lowerdir=", "upperdir=", "workdir=", userXattr, "nosuid", "nodev"}
	// Overlayfs has a list of lower folders, and mount(2) one of options.
	layerEscape = strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`)
)

// Mount is the mount of a layer.
func (l Layer) Mount() specs.Mount {
	return specs.Mount{
		Type: layerType, Source: layerType, Destination: l.Lower,
		Options: []string{
			"lowerdir=" + layerEscape.Replace(l.Lower), "upperdir=" + layerEscape.Replace(l.Upper), "workdir=" + layerEscape.Replace(l.Work),
			userXattr, "nosuid", "nodev",
		},
	}
}

// LayerOf reads the mount of a layer; false for any other mount, and for one that
// Mount would not have made.
func LayerOf(m specs.Mount) (l Layer, ok bool) {
	if m.Type != layerType {
		return l, false
	}
	for _, o := range m.Options {
		name, value, _ := strings.Cut(o, "=")
		for _, d := range []struct {
			name string
			to   *string
		}{{"lowerdir", &l.Lower}, {"upperdir", &l.Upper}, {"workdir", &l.Work}} {
			if name == d.name {
				*d.to = unescapeLayer(value)
			}
		}
	}
	want := l.Mount()
	return l, m.Destination == want.Destination && m.Source == want.Source && slices.Equal(m.Options, want.Options)
}

func unescapeLayer(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// checkLayer: a layer shows one folder of the host at its own place, and no jail
// has what is written below it by another way.
func checkLayer(m specs.Mount, all []specs.Mount, bad report) {
	l, ok := LayerOf(m)
	if !ok {
		bad("the layer on %q has not exactly the options of one over that folder", m.Destination)
		return
	}
	for _, p := range []string{l.Lower, l.Upper, l.Work} {
		if !path.IsAbs(p) || path.Clean(p) != p {
			bad("%q of the layer on %q is not an absolute, clean path", p, m.Destination)
		}
	}
	checkSource(l.Lower, bad)
	checkPlace(l.Lower, m.Destination, bad)
	if isSealed(m.Destination) {
		bad("%q is writable", m.Destination)
	}
	dir := path.Dir(l.Upper)
	if dir != path.Dir(l.Work) || l.Upper == l.Work || paths.Below(dir, l.Lower) || paths.Below(l.Lower, dir) {
		bad("what is written over %q would land in %q and %q, which are not two folders side by side elsewhere", l.Lower, l.Upper, l.Work)
	}
	checkSource(dir, bad)
	for _, o := range all {
		if o.Type == "bind" && (paths.Below(o.Source, dir) || paths.Below(dir, o.Source)) {
			bad("%q would show what is written over %q", o.Source, l.Lower)
		}
	}
	for _, o := range all {
		other, ok := LayerOf(o)
		if !ok || o.Destination == m.Destination {
			continue
		}
		if paths.Below(other.Lower, dir) || overlap([]string{l.Upper, l.Work}, []string{other.Upper, other.Work}) {
			bad("the layers over %q and %q share a folder", l.Lower, other.Lower)
		}
	}
}

// overlap: a path of one list is one of the other, or one lies in the other.
func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return paths.Below(x, y) || paths.Below(y, x) })
	})
}
