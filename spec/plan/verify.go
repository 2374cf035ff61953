package plan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Verified is what Verify found.
type Verified struct {
	OK          bool              `json:"ok"`
	Lock        string            `json:"lock"`
	Paths       int               `json:"paths"`
	Bytes       int64             `json:"bytes"`
	Seconds     float64           `json:"seconds"`
	Differences []lock.Difference `json:"differences"`
}

// Verify checks everything against the lock of a project, each byte of the
// closure too. root is where a copy of the store lies; empty is the store.
func Verify(ctx context.Context, o Options, root string, progress func(done, total int64)) (*Verified, error) {
	file, err := lockPath(o.Project)
	if err != nil {
		return nil, err
	}
	l, _, err := lock.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, hint.Add(err, "to write it: "+o.commandLine("lock"))
	case err != nil:
		return nil, o.unreadable(err)
	}
	team, err := o.teamAsRead(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	r := &Verified{Lock: file, Paths: len(l.Paths)}
	for _, p := range l.Paths {
		r.Bytes += p.NarSize
	}
	now, err := wantedOf(team)
	if err != nil {
		return nil, err
	}
	r.Differences = l.Check(now, o.Version)
	if root != "" {
		if root, err = filepath.Abs(root); err != nil {
			return nil, err
		}
	}
	begun := time.Now()
	found, err := lock.Verify(ctx, l, lock.Options{Root: root, Progress: progress})
	if err != nil {
		return nil, err
	}
	r.Seconds = time.Since(begun).Seconds()
	r.Differences = append(r.Differences, found...)
	if len(r.Differences) == 0 && root == "" {
		// It follows from the store paths, the policy and this program: where
		// one of them differs, it does so too.
		cl, err := lockedClosure(l)
		if err != nil {
			return nil, err
		}
		pinned, err := specDigest(team, cl)
		if err != nil {
			return nil, err
		}
		if d := l.CheckSpec(pinned); d != nil {
			r.Differences = append(r.Differences, *d)
		}
	}
	r.OK = len(r.Differences) == 0
	if r.Differences == nil {
		r.Differences = []lock.Difference{}
	}
	return r, nil
}

// Err lists what differs, and what to do about it; nil if nothing does.
func (v *Verified) Err(o Options) error {
	if v.OK {
		return nil
	}
	lines := []string{fmt.Sprintf("%s: %d differences from the lock:", show.Visible(v.Lock), len(v.Differences))}
	var advice []string
	for _, d := range v.Differences {
		lines = append(lines, "  "+show.Visible(d.Error()))
		advice = append(advice, o.advice(d))
	}
	const most = 5
	advice = slices.Compact(advice)
	return hint.Add(errors.New(strings.Join(lines, "\n")), advice[:min(len(advice), most)]...)
}
