package brief

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Places in a jail, and the variable that says that it is one.
const (
	Dir         = "/etc/jailed-claude"
	TextPath    = Dir + "/brief.md"
	FactsPath   = Dir + "/jail.json"
	RefusedPath = Dir + "/refused.log"
	// Bin is the last folder on PATH, and Why a program in it.
	Bin = Dir + "/bin"
	Why = "jailed-claude-why"
	// Front is the first folder on PATH. These are programs in it, which the real ones
	// come after.
	Front   = Dir + "/front"
	Git     = "git"
	Bwrap   = "bwrap"
	Podman  = "podman"
	Buildah = "buildah"
	// Variable is "1" in every jail.
	Variable = "JAILED_CLAUDE"
)

// Before are the folders that come first on PATH, if anything is in them.
func Before(front bool) []string {
	if front {
		return []string{Front}
	}
	return nil
}

// Failing are the programs that cannot work in a jail: they want namespaces, and some
// want ids and cgroups, too, which nobody gets with nesting either.
func Failing(nesting bool) []string {
	if nesting {
		return []string{Podman, Buildah}
	}
	return []string{Bwrap, Podman, Buildah}
}

// Fronts are the programs in Front, each with what it is for: git, and those that
// cannot work.
func Fronts(git bool, failing []string) iter.Seq2[string, string] {
	return func(yield func(name, why string) bool) {
		if git && !yield(Git, "comes before the jail's own git, and refuses by name what git would leave half done here") {
			return
		}
		for _, name := range failing {
			if !yield(name, "comes before the jail's own "+name+", which cannot work here, and says so") {
				return
			}
		}
	}
}

// Version is that of Facts as JSON.
const Version = 1

// Facts are what a jail is.
type Facts struct {
	Version int `json:"version"`
	// Agent is its name, Project and Home are folders.
	Agent   string `json:"agent"`
	Project string `json:"project"`
	Home    string `json:"home"`
	// Mounts in their order: what comes later lies on top.
	Mounts []Mount `json:"mounts"`
	// Protected paths are read-only although the folder around them is not.
	Protected []Protected `json:"protected"`
	// Hidden paths of the project read as empty. A jail is told how many.
	Hidden      []Protected `json:"-"`
	HiddenCount int         `json:"hidden"`
	Network     Network     `json:"network"`
	// Live: refused destinations are listed in RefusedPath while the jail runs.
	Live bool `json:"live"`
}

// Modes of a Mount.
const (
	ReadOnly  = "ro"
	ReadWrite = "rw"
	// Layer: as ReadWrite, and nothing of it reaches the host before the user
	// applies it.
	Layer = "layer"
	// Own: the jail's own, empty at the start, and gone with it.
	Own = "own"
)

// Mount is a place of which something can be seen.
type Mount struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	Why  string `json:"why,omitempty"`
	// Kept: it is of the jails of this project, and not what the host has there.
	Kept bool `json:"kept,omitempty"`
	// From is the layer of the policy that granted it. No jail is told.
	From string `json:"-"`
}

// ModeOf is the mode of a mount of config.json.
func ModeOf(m specs.Mount) string {
	switch {
	case m.Type != "bind":
		return Own
	case slices.Contains(m.Options, "ro"):
		return ReadOnly
	}
	return ReadWrite
}

// Protected is a path and why.
type Protected struct {
	Path string `json:"path"`
	Why  string `json:"why"`
	From string `json:"-"`
}

// Network is what can be reached.
type Network struct {
	// Mode is one of package network, or network.Host.
	Mode  string   `json:"mode"`
	Via   string   `json:"via,omitempty"`
	TLS   string   `json:"tls,omitempty"`
	Allow []string `json:"allow,omitempty"`
	// Addresses is network.AddressesReal, where allowed names have their own.
	Addresses string `json:"addresses,omitempty"`
	// Fixed: the policy of the machine says what is allowed, and the user adds nothing.
	Fixed bool `json:"fixed,omitempty"`
	// Ask: what no rule is of waits for the user's word.
	Ask bool `json:"ask,omitempty"`
	// Deny is not for a jail.
	Deny  []string `json:"-"`
	Ports []uint16 `json:"ports,omitempty"`
	// HostPorts of the host's loopback are at the jail's own.
	HostPorts []uint16 `json:"hostPorts,omitempty"`
	// Bridges are what the user's desktop does by request.
	Bridges *network.Bridges `json:"bridges,omitempty"`
	// From are the layers that rules and the mode are in. No jail is told.
	From map[string]string `json:"-"`
	// Brokers are services whose key stays outside.
	Brokers []Broker `json:"brokers,omitempty"`
}

// Broker is what a jail may know of a network.Broker.
type Broker struct {
	Name string `json:"name"`
	Host string `json:"host,omitempty"`
	URL  string `json:"url"`
}

// NetworkOf is what of a configuration there is to say; nil stands for no way
// out, unless mode is network.Host.
func NetworkOf(mode string, n *network.Network) Network {
	if n == nil {
		return Network{Mode: mode}
	}
	r := Network{
		Mode: n.Mode, Via: n.Via, TLS: n.TLS, Allow: slices.Clone(n.Allow), Deny: slices.Clone(n.Deny),
		Ports: slices.Clone(n.Ports), HostPorts: slices.Clone(n.HostPorts), Ask: n.Ask, Addresses: n.Addresses, Bridges: n.Bridges,
	}
	for _, b := range n.Brokers {
		r.Brokers = append(r.Brokers, Broker{Name: b.Name, Host: b.Host, URL: b.URL()})
	}
	return r
}

// JSON is the content of FactsPath.
func (f Facts) JSON() ([]byte, error) {
	f.Version, f.HiddenCount = Version, len(f.Hidden)
	if f.Mounts == nil {
		f.Mounts = []Mount{}
	}
	if f.Protected == nil {
		f.Protected = []Protected{}
	}
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

// Read reads the content of FactsPath. Fields that it does not know it leaves
// out: a later version has more.
func Read(text []byte) (f Facts, err error) {
	if err = json.Unmarshal(text, &f); err == nil && f.Version != Version {
		err = fmt.Errorf("version %d of the facts is not known", f.Version)
	}
	return f, err
}
