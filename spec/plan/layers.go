package plan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/regular"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/organisation"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// policies are the layers of the policy for a project, merged in two ways.
type policies struct {
	// all is what applies: the user's own, the project's, the flags.
	all policy.Policy
	// team is what the repository decides: the defaults and the project's.
	team policy.Policy
}

// merged reads the layers of the policy for a project.
func (o *Options) merged(dir string) (p policies, warnings Warnings, err error) {
	user, err := UserLayers()
	if err != nil {
		return p, nil, err
	}
	own, warnings, err := o.ownLayer(dir, user)
	if err != nil {
		return p, warnings, err
	}
	flags, err := o.layer()
	if err != nil {
		return p, warnings, err
	}
	if p.team, err = policy.Merge(o.chosen([]*policy.Layer{own})...); err != nil {
		return p, warnings, err
	}
	if p.all, err = policy.Merge(o.chosen(slices.Concat([]*policy.Layer{o.guess(policy.Defined(append(slices.Clip(user), own, flags)))}, user, []*policy.Layer{own, flags}))...); err != nil {
		return p, warnings, err
	}
	if err := organisation.Check(organisation.Of(user), p.all); err != nil {
		return p, warnings, err
	}
	return p, warnings, errors.Join(o.checkAllow(p.all.Network), o.checkHostPorts(p.all.Network))
}

// Merged is the policy of a jail.
func (o *Options) Merged() (policy.Policy, Warnings, error) {
	ps, warnings, err := o.merged(o.Dir())
	return ps.all, warnings, err
}

// Variables by which a wrapper (the flake's) names what it was built with: the
// agent's package and its closure, as closureInfo writes it, and a policy that
// is weaker than the user's own.
const (
	bakedClosure = "JAILED_CLAUDE_CLOSURE"
	bakedPackage = "JAILED_CLAUDE_PACKAGE"
	bakedPolicy  = "JAILED_CLAUDE_POLICY"
)

// wrapper is what those variables say.
type wrapper struct{ closure, pkg, policy string }

func baked() wrapper {
	return wrapper{closure: os.Getenv(bakedClosure), pkg: os.Getenv(bakedPackage), policy: os.Getenv(bakedPolicy)}
}

// UserFile is the user's own policy; it need not exist.
func UserFile() string { return filepath.Join(host.ConfigDir(), "config.toml") }

// UserLayers are the policies that the user has on every project, the weaker
// first: that of the machine, what the installation came with, and the user's
// own file. All are the user's word: what a project asks beyond them needs
// approval.
func UserLayers() ([]*policy.Layer, error) {
	machine, err := organisation.Read()
	if err != nil {
		return nil, err
	}
	layers := []*policy.Layer{machine}
	if file := baked().policy; file != "" {
		l, err := readLayer(file)
		if err == nil && l == nil {
			err = fmt.Errorf("read policy: %q: %w", file, fs.ErrNotExist)
		}
		if err != nil {
			return nil, hint.Add(err, "the variable "+bakedPolicy+" names this file: fix the wrapper that sets it, or unset it")
		}
		if name := agentOf(baked().pkg, nil); l.Agent.Name == nil && name != "" && name != agent.Default().Name {
			l.Agent.Name = &name
		}
		layers = append(layers, l)
	}
	own, err := parseLayer(regular.Open(UserFile()))
	return append(layers, own), err
}

// ownLayer is the project's policy, or what Options.Policy puts in its place;
// nil if there is none.
func (o *Options) ownLayer(dir string, user []*policy.Layer) (*policy.Layer, Warnings, error) {
	if o.Policy == "" {
		return o.projectLayer(dir, user)
	}
	l, err := o.namedLayer()
	return l, nil, err
}

// namedLayer is the policy that Options.Policy names; nil if that is none.
func (o *Options) namedLayer() (*policy.Layer, error) {
	if o.Policy == noPolicy {
		return nil, nil
	}
	l, err := readLayer(o.Policy)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, hint.Add(fmt.Errorf("--policy %q: %w", o.Policy, fs.ErrNotExist), "name a policy file, or use none: --policy none")
	}
	return l, nil
}

// readLayer reads the policy in a file that the user named, be it a pipe; nil if
// there is none.
func readLayer(file string) (*policy.Layer, error) { return parseLayer(os.Open(file)) }

// parseLayer reads a policy, and closes its file.
func parseLayer(f *os.File, err error) (*policy.Layer, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return policy.Parse(f.Name(), text)
}
