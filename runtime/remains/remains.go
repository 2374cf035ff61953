package remains

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/left"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/runtime/hold"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/watch"
	"github.com/jailed-claude/jailed-claude/runtime/watch/before"
)

// mostFiles bounds the files of one folder that are told apart.
const mostFiles = 1000

// Report says what appeared or changed, and reports whether somebody has to look at
// it. killed: --strict ended the jail.
//
// Preconditions: nothing of the jail runs any more.
func Report(out io.Writer, o launch.Options, w *watch.Watch, h *hold.Hold, killed bool) bool {
	appeared := w.Report(out, killed && !h.Ended())
	replaced := h.Report(out, w.Now)
	if !appeared && !replaced {
		return false
	}
	const advice = "jailed-claude: hint: review them before you run anything else in this folder"
	switch kept, err := keep(o, w, h); {
	case err != nil:
		fmt.Fprintf(out, "%s (they cannot be kept for \"jailed-claude review\": %v)\n", advice, err)
	case kept:
		fmt.Fprintf(out, "%s: jailed-claude review (to drop one: --discard PATH)\n", advice)
	default:
		fmt.Fprintln(out, advice)
	}
	return true
}

// keep writes down what is there to look at.
func keep(o launch.Options, w *watch.Watch, h *hold.Hold) (bool, error) {
	if o.State.Dir == 0 {
		return false, nil
	}
	s := left.Session{ID: o.ID, Project: o.State.Project, Ended: time.Now().UTC().Truncate(time.Millisecond)}
	at := map[string]int{}
	for _, f := range w.Found() {
		for _, i := range items(f) {
			key := i.At() + "\n" + i.Overlooked
			n, have := at[key]
			switch {
			case !have:
				at[key] = len(s.Items)
				s.Items = append(s.Items, i)
			case s.Items[n].Was == left.Nothing && i.Was != left.Nothing:
				// A symlink that was there before, and through which paths appeared.
				s.Items[n] = i
			}
		}
	}
	h.Unsure(w.Now, func(path, why string) {
		if path != "" {
			s.Items = append(s.Items, left.Item{Root: filepath.Dir(path), Path: filepath.Base(path), Why: why, Was: left.Unknown})
		}
	})
	return len(s.Items) > 0, left.Write(o.State.Dir, s)
}

// items are what a review shows of a finding: of a folder that was there, each file
// that is not as it was.
func items(f watch.Finding) []left.Item {
	fd, err := unix.FcntlInt(uintptr(f.Root), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	root := os.NewFile(uintptr(fd), f.In)
	defer root.Close()
	one := left.Item{Root: f.In, Path: f.Below, Why: f.Why, Was: left.Nothing, Overlooked: f.Overlooked}
	if f.Was == nil || f.Was.Absent {
		one.Path = reached(root, f.Below)
		one.After, _ = upper.Lookup(root, one.Path)
		if one.After == nil {
			return nil // gone again: there is nothing to look at
		}
		return []left.Item{one}
	}
	one.Was = left.Unknown
	one.After, _ = upper.Lookup(root, one.Path)
	if f.Overlooked != "" || len(f.Was.Files) == 0 {
		return []left.Item{one}
	}
	return changed(root, one, f)
}

// changed are the files of what was there that are not as they were.
func changed(root *os.File, one left.Item, f watch.Finding) (all []left.Item) {
	was := map[string]before.File{}
	for p, file := range f.Was.Files {
		was[strings.TrimPrefix(p, f.From)] = file
	}
	add := func(p string) {
		if len(all) >= mostFiles {
			return
		}
		i := one
		i.Path, i.Was = p, left.Nothing
		i.After, _ = upper.Lookup(root, p)
		if file, ok := was[p]; ok {
			i.Was = left.Unknown
			if i.After != nil && i.After.Changed == file.Changed {
				return
			}
			if file.Kept() {
				i.Was, i.Content = left.Kept, file.Content
				i.Before = &upper.State{Kind: upper.File, Mode: file.Mode, Size: file.Size, Digest: file.Digest, Target: file.Target}
			}
			if file.Target != "" {
				i.Before.Kind = upper.Symlink
			}
		}
		if i.Was == left.Unknown || !i.After.Same(i.Before) {
			all = append(all, i)
		}
	}
	for p := range was {
		add(p)
	}
	if one.After == nil || one.After.Kind != upper.Folder {
		if _, ok := was[one.Path]; !ok && one.After != nil {
			add(one.Path)
		}
		return all
	}
	_, _, _ = upper.Tree(root, one.Path, func(rel string, s *upper.State) {
		if _, ok := was[one.Path+"/"+rel]; !ok && s.Kind != upper.Folder {
			add(one.Path + "/" + rel)
		}
	})
	return all
}

// reached is the path, or the symlink on the way to it: what lies behind one is
// elsewhere.
func reached(root *os.File, p string) string {
	for i := range p {
		if p[i] != '/' {
			continue
		}
		if s, err := upper.Stat(root, p[:i]); err == nil && s != nil && s.Kind == upper.Symlink {
			return p[:i]
		}
	}
	return p
}
