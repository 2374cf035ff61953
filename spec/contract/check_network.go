package contract

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// checkNetwork: what the annotation says can be understood and be kept.
func checkNetwork(j *Jail, bad report) {
	s := j.Spec
	own := slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
	text, ok := s.Annotations[NetworkAnnotation]
	if err := j.parsed(text, ok); err != nil {
		bad("%v", err)
	}
	if ok {
		if !own {
			bad("there are rules, and the jail is in the network namespace of the host")
		}
	}
	for _, m := range s.Mounts {
		if own && (m.Destination == "/etc/resolv.conf" || m.Destination == "/etc/hosts") {
			bad("%q is that of another network", m.Destination)
		}
	}
}

// parsed makes sure that the network of j is what the annotation says, if there
// is one. Parsing what was parsed already is left out.
func (j *Jail) parsed(text string, there bool) (err error) {
	switch {
	case j.Network == nil && there:
		j.Network, err = network.Decode(text)
	case j.Network != nil:
		var says string
		if says, err = j.Network.Encode(); err == nil && (!there || says != text) {
			err = fmt.Errorf("the annotation is %q, and the network that goes with it %q", text, says)
		}
	}
	return err
}

// checkHooks: a hook runs outside of the jail. The only ones are those that
// start and end its network.
func checkHooks(s *specs.Spec, bad report) {
	h := s.Hooks
	if h == nil {
		return
	}
	if _, ok := s.Annotations[NetworkAnnotation]; !ok {
		bad("there are hooks, and no network for them to start")
	}
	if len(h.CreateRuntime) != 1 || len(h.CreateContainer) != 1 || len(h.Poststop) != 1 {
		bad("there is not one hook each of createRuntime, createContainer and poststop")
		return
	}
	start, join, stop := h.CreateRuntime[0], h.CreateContainer[0], h.Poststop[0]
	if !slices.Equal(start.Args, startHook) || !slices.Equal(join.Args, joinHook) || !slices.Equal(stop.Args, stopHook) {
		bad("the arguments %q, %q and %q are not those that start, join and end the network", start.Args, join.Args, stop.Args)
	}
	if start.Path != join.Path || start.Path != stop.Path {
		bad("more than one program are hooks: %q, %q and %q", start.Path, join.Path, stop.Path)
	}
	for _, p := range slices.Compact([]string{start.Path, join.Path, stop.Path}) {
		if !path.IsAbs(p) || path.Clean(p) != p || !printable(p) {
			bad("%q is not an absolute, clean path", p)
		}
		if d := writableBy(s, p); d != "" {
			bad("the jail can change %q by way of %q, and it runs outside: install jailed-claude elsewhere", p, d)
		}
	}
}

// writableBy is the mount by which the jail can change a path of the host; empty
// if there is none.
func writableBy(s *specs.Spec, p string) string {
	for _, m := range s.Mounts {
		if m.Type != "bind" || !paths.Below(p, m.Source) {
			continue
		}
		inside := path.Join(m.Destination, strings.TrimPrefix(p, m.Source))
		if at := ShownAt(s.Mounts, inside); at.Writable && at.Source == p {
			return m.Destination
		}
	}
	return ""
}
