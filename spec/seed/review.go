package seed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/claude"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// Changes are what in the private folders differs from the host's and from what
// a first run was given, among what the host's agent would execute or follow.
// They are for reading: what is taken over, the user copies.
func (o Of) Changes() (pieces []*claude.Piece, err error) {
	kept := o.Agent.Kept(o.State)
	any := false
	for i, f := range o.Agent.Folders {
		d, err := beneath.Dir(kept[i])
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		any = true
		for _, t := range f.Trusted {
			if t.Whole {
				pieces = append(pieces, o.whole(d, f, t.Path)...)
				continue
			}
			for _, name := range below(d, t.Path) {
				apart := slices.ContainsFunc(f.Trusted, func(w agent.File) bool { return w.Whole && paths.Below(name, w.Path) })
				if p := o.piece(d, f, name); p != nil && !apart {
					pieces = append(pieces, p)
				}
			}
		}
		d.Close()
	}
	if !any {
		return nil, claude.ErrNoPrivate
	}
	return pieces, nil
}

// whole is what became of a file or folder of which nothing is shown: programs, or
// secrets.
func (o Of) whole(d *os.File, f agent.Folder, top string) []*claude.Piece {
	others := 0
	for _, name := range below(d, top) {
		if o.piece(d, f, name) != nil {
			others++
		}
	}
	if others == 0 {
		return nil
	}
	return []*claude.Piece{{
		Path: path.Join("~", f.Path, top), Change: claude.Changed, Effect: claude.Executes,
		Why: fmt.Sprintf("%s that the host's %s would use, and are not those of the host: let it make its own", count(others), o.Agent.Title),
	}}
}

func count(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// empty are files that say nothing, as agents make them when they start.
var empty = []string{"", "{}", "[]"}

// piece is what became of a file; nil if nothing.
func (o Of) piece(d *os.File, f agent.Folder, name string) *claude.Piece {
	p := &claude.Piece{Path: path.Join("~", f.Path, name), Change: claude.Changed, Effect: claude.Executes, Why: "settings or programs of the host's " + o.Agent.Title}
	now, err := folder.Read(d, name, folder.MaxFile)
	if err != nil {
		p.Change, p.Effect, p.Problem = claude.Added, claude.Unknown, err.Error()
		return p
	}
	h := folder.Host{Dir: f.On(o.Env, o.Home)}
	was, err := h.Read(name, folder.MaxFile)
	if err != nil {
		p.Change = claude.Added
	}
	if errors.Is(err, fs.ErrNotExist) && slices.Contains(empty, strings.TrimSpace(string(now.Data))) {
		return nil
	}
	if err == nil && bytes.Equal(was.Data, now.Data) && was.Exec == now.Exec {
		return nil
	}
	text := !now.Exec && path.Ext(name) == ".md"
	if i := slices.IndexFunc(f.Seeds, func(s agent.Seed) bool { return s.Path == name }); i >= 0 {
		if given, _, err := read(h, f.Seeds[i]); err == nil && bytes.Equal(given, now.Data) && !now.Exec {
			return nil
		}
	}
	if text {
		p.Effect, p.Why = claude.Instructs, "the host's "+o.Agent.Title+" follows it"
	}
	p.Digest = folder.Digest(now.Data)
	if bytes.IndexByte(now.Data, 0) >= 0 {
		p.Diff = fmt.Sprintf("%s: not a text, %d bytes, %s\n", show.Line(name), len(now.Data), p.Digest)
	} else {
		p.Diff = claude.Unified(name, string(was.Data), string(now.Data), p.Change == claude.Added, false)
	}
	return p
}

// below are the files of a path in a private folder, which is a file or a folder;
// no symlink is followed, and what is too much is named as one.
func below(d *os.File, top string) (names []string) {
	var walk func(name string)
	walk = func(name string) {
		if len(names) > folder.MaxFiles {
			return
		}
		var st unix.Stat_t
		base := path.Base(name)
		parent, err := beneath.Open(d, path.Dir(name), unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			names = append(names, name) // a symlink: reading it says so
			return
		}
		defer parent.Close()
		if err := unix.Fstatat(int(parent.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR || strings.Count(name, "/") > 12 {
			names = append(names, name)
			return
		}
		dir, err := beneath.Open(parent, base, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			names = append(names, name)
			return
		}
		defer dir.Close()
		list, _ := dir.Readdirnames(folder.MaxFiles)
		slices.Sort(list)
		for _, sub := range list {
			walk(name + "/" + sub)
		}
	}
	walk(top)
	return names
}
