package repo

import (
	"fmt"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

func short(oid string) string {
	if oid == "" {
		return "(none)"
	}
	return fmt.Sprintf("%.12s", oid)
}

// Lines say what became of a repository.
func (u *Unit) Lines() (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, f := range u.Refs {
		rewritten := ""
		if f.Rewritten {
			rewritten = ", history rewritten"
		}
		add("\n%s %s -> %s (%d new commits%s)", show.Line(f.Name), short(f.Old), short(f.New), f.Count, rewritten)
		if f.Conflict != "" {
			add("  conflict: %s", show.Line(f.Conflict))
		}
		for _, h := range f.Held {
			add("  waits for a yes: it has %s: %s", show.Line(h.Path), show.Line(h.Why))
		}
		for _, c := range f.Commits {
			add("  %s %s %s: %s", short(c.ID), c.Time.Format(time.DateOnly), show.Line(c.Author), show.Line(c.Subject))
		}
		if more := f.Count - len(f.Commits); more > 0 && len(f.Commits) > 0 {
			add("  and %d more", more)
		}
	}
	if u.Head != "" {
		add("\nHEAD: %s", show.Line(u.Head))
		if u.HeadConflict != "" {
			add("  conflict: %s", u.HeadConflict)
		}
	}
	if n := len(u.Staged); n > 0 {
		add("\nstaged differently: %d paths", n)
	}
	for _, s := range u.Settings {
		why := ""
		if s.Held != "" {
			why = ", waits for a yes: " + s.Held
		}
		add("\n.git/config %s: %s -> %s%s", show.Line(s.Key), values(s.Old), values(s.New), why)
	}
	return lines
}

func values(list []string) string {
	if len(list) == 0 {
		return "(unset)"
	}
	var quoted []string
	for _, v := range list {
		quoted = append(quoted, show.Line(fmt.Sprintf("%q", v)))
	}
	return strings.Join(quoted, ", ")
}
