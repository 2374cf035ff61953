package plan

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/trust"
)

// Request is a project's policy file and what it asks for.
type Request struct {
	File  *trust.File
	Layer *policy.Layer
	// Changes are the differences to the user's own policy.
	Changes []change.Change
}

// RequestOf reads the policy file of a project, once; nil if it has none. All
// that follows is about the bytes that were read. name is the file as the user
// would write it.
func RequestOf(dir, name string, user []*policy.Layer) (*Request, error) {
	f, err := trust.Read(dir)
	if errors.Is(err, trust.ErrFile) {
		return nil, hint.Add(err, "to ignore it: --policy none")
	}
	if err != nil || f == nil {
		return nil, err
	}
	l, err := policy.ParseProject(show.Visible(name), f.Text)
	if err != nil {
		return nil, err
	}
	base, err := policy.Merge(user...)
	if err != nil {
		return nil, err
	}
	with, err := policy.Merge(append(slices.Clip(user), l)...)
	if err != nil {
		return nil, err
	}
	return &Request{File: f, Layer: l, Changes: policy.Compare(base, with)}, nil
}

// maxNarrowing bounds the lines about what narrows, so that they cannot push
// what widens off the screen.
const maxNarrowing = 20

// projectLayer is the policy of the project, if it has one and it may apply: it
// takes away only, or the user approved exactly these bytes.
func (o *Options) projectLayer(dir string, user []*policy.Layer) (*policy.Layer, Warnings, error) {
	r, err := RequestOf(dir, filepath.Join(o.Project, trust.Name), user)
	if err != nil || r == nil {
		return nil, nil, err
	}
	var warnings Warnings
	if !change.Widens(r.Changes) || TrustStore(&warnings).Lookup(r.File) {
		return r.Layer, warnings, nil
	}
	text := fmt.Sprintf("this project has a policy, %q, that grants more than your own, and nobody has approved it:", r.File.Path)
	lines := change.Lines(r.Changes, change.LineOptions{Other: "narrows", Most: maxNarrowing})
	return nil, warnings, hint.Add(errors.New(strings.Join(append([]string{text}, lines...), "\n")),
		"read the file, then approve it: "+o.trustCommand(),
		"or ignore it: --policy none")
}

// TrustStore is where approvals are kept: beside what jails have of
// jailed-claude's state, never in it. What it ignores is added to warnings,
// unless that is nil.
func TrustStore(warnings *Warnings) trust.Store {
	s := trust.Store{Dir: filepath.Join(host.StateDir(), "trust")}
	if warnings != nil {
		s.Warn = func(err error) { warnings.add("%v", err) }
	}
	return s
}
