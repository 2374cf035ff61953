package organisation

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/preset"
)

// File is where the policy is.
const File = policy.MachineName

// Read reads the policy; nil if there is none. One that somebody else than root
// could have written is an error: it is there for a reason.
func Read() (*policy.Layer, error) { return read(File) }

func read(file string) (*policy.Layer, error) {
	f, err := regular.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 || fi.Mode().Perm()&0o022 != 0 {
		return nil, hint.Add(fmt.Errorf("%s, the policy of this machine, can be written by others than root", file), "sudo chown root:root "+file+" && sudo chmod 644 "+file)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return policy.Parse(file, text)
}

// Of is the organisation's among layers; nil if it is not there.
func Of(layers []*policy.Layer) *policy.Layer {
	i := slices.IndexFunc(layers, func(l *policy.Layer) bool { return l != nil && l.Name == File })
	if i < 0 {
		return nil
	}
	return layers[i]
}

// Check reports what a merged policy widens of what the organisation's sets. A
// nil layer sets nothing.
func Check(org *policy.Layer, p policy.Policy) error {
	if org == nil {
		return nil
	}
	bound, err := policy.Merge(org)
	if err != nil {
		return err
	}
	// What a preset of its list allows may be named by itself.
	for _, s := range slices.Clone(bound.Network.Allow) {
		if more, err := preset.Expand([]string{s}); err == nil {
			bound.Network.Allow = append(bound.Network.Allow, more...)
		}
	}
	var lines []string
	for _, c := range policy.Compare(bound, p) {
		if !c.Widens || !bound.SetBy(org.Name, c.Key) {
			continue
		}
		from := p.Origins[c.Key]
		if c.Element != "" {
			from = p.Origins[c.Key+"="+c.Element]
		}
		for _, line := range change.Lines([]change.Change{c}, change.LineOptions{Values: true}) {
			if from != "" {
				line += " (" + from + ")"
			}
			lines = append(lines, strings.TrimPrefix(strings.Join(strings.Fields(line), " "), "widens "))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return hint.Add(fmt.Errorf("the policy of this machine, %s, does not leave that to you: %s", org.Name, strings.Join(lines, "; ")),
		"take it away where it is written, or ask who looks after this machine")
}

// Allows reports whether rules of network.allow and ports of network.ports may be
// added to a jail that runs.
func Allows(rules []string, ports []uint16) error {
	org, err := Read()
	if err != nil || org == nil {
		return err
	}
	p, err := policy.Merge(org)
	if err != nil {
		return err
	}
	p.Network.Allow = slices.Concat(p.Network.Allow, rules)
	for _, port := range ports {
		p.Network.Ports = append(p.Network.Ports, int64(port))
	}
	return Check(org, p)
}
