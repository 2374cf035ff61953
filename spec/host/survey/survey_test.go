package survey

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/hosttest"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

type fake struct{ *hosttest.Fake }

func newFake(t hosttest.TB) *fake { return &fake{hosttest.New(t)} }

var (
	write = hosttest.Write
	files = hosttest.Files
	equal = hosttest.Equal
	has   = hosttest.Has
	rels  = hosttest.Rels
)

// found is what a survey says.
type found struct {
	Project  Project
	Warnings []string
}

// read surveys the project; hide and protect are of o.
func (f *fake) read(ctx context.Context, o Options) (*found, error) {
	o.Home, o.UID = f.Home, f.UID
	if o.Dir == "" {
		o.Dir = f.Project
	}
	o.Settings, o.Refuse = func() []git.Setting { return nil }, func(string) error { return nil }
	p, warnings, err := Of(ctx, o)
	return &found{p, warnings}, err
}

func (f *fake) mustRead(o Options) *found {
	f.T.Helper()
	facts, err := f.read(context.Background(), o)
	if err != nil {
		f.T.Fatal(err)
	}
	for _, list := range [][]Path{facts.Project.Hide, facts.Project.Protect} {
		for _, p := range list {
			real, err := filepath.EvalSymlinks(p.Path)
			if err != nil || real != p.Path || p.Why == "" || p.Dir != source.IsDir(real) {
				f.T.Errorf("entry %+v is not what it should be", p)
			}
		}
	}
	for _, w := range facts.Project.Watch {
		if source.Exists(w.Path) || w.Why == "" {
			f.T.Errorf("watch %+v exists, or has no reason", w)
		}
	}
	return facts
}

// names lists paths below dir.
func names(list []Path, dir string) (out []string) {
	for _, p := range list {
		out = append(out, hosttest.Rel(p.Path, dir))
	}
	return out
}

// warned fails unless a warning has the text.
func warned(t testing.TB, f *found, text string) {
	t.Helper()
	if !slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.Contains(w, text) }) {
		t.Errorf("no warning with %q in %q", text, f.Warnings)
	}
}
