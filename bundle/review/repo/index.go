package repo

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/gitindex"
)

// entry is what an index says of a path: lines of "MODE OBJECT STAGE".
type entry struct {
	host, jail []string
	held       string
}

const maxIndex = 1 << 30

// intended stands for what an entry of "git add -N" says.
const intended = "intended"

// listIndex has what an index says, by path.
func (u *Unit) listIndex(data []byte) (map[string][]string, error) {
	all := map[string][]string{}
	if len(data) == 0 {
		return all, nil
	}
	if err := u.split(data); err != nil {
		return nil, err
	}
	file := filepath.Join(u.scratch, "index.read")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	out, err := u.g.run([]string{"GIT_INDEX_FILE=" + file}, nil, "ls-files", "--stage", "-z")
	if err != nil {
		return nil, err
	}
	for item := range strings.SplitSeq(out, "\x00") {
		if info, name, ok := strings.Cut(item, "\t"); ok {
			all[name] = append(all[name], info)
		}
	}
	// One of "git add -N" would become an empty file that is staged.
	l, err := gitindex.Parse(data, u.oidSize/2, nil)
	if err == nil {
		for _, name := range l.Intended {
			all[name] = []string{intended}
		}
	}
	return all, nil // git has read it
}

// split brings the rest of a split index to where git looks for it. What git writes
// there is not split.
func (u *Unit) split(data []byte) error {
	l, err := gitindex.Parse(data, u.oidSize/2, nil)
	if err != nil || strings.Trim(l.Shared, "0") == "" {
		return nil //nolint:nilerr // git says what is wrong with it
	}
	name := "sharedindex." + l.Shared
	rest, err := u.v.read(u.o.Place.Path(name), maxIndex)
	if err == nil && rest == nil { // the jail has removed that of the host
		rest, err = content(u.o.Lower, u.o.Place.Path(name), maxIndex)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(u.g.dir, name), rest, 0o600)
}

func (u *Unit) readIndex() error {
	name := u.o.Place.Path("index")
	if u.v.changed[name] == nil {
		return nil
	}
	data, err := content(u.o.Lower, name, maxIndex)
	if err != nil {
		return err
	}
	host, err := u.listIndex(data)
	if err != nil {
		return fmt.Errorf("the host's index: %w", err)
	}
	if data, err = u.v.read(name, maxIndex); err != nil {
		return err
	}
	jail, err := u.listIndex(data)
	if err != nil {
		return fmt.Errorf("the layer's index: %w", err)
	}
	u.entries = map[string]entry{}
	for n := range host {
		u.staged(n, host[n], jail[n])
	}
	for n := range jail {
		if _, ok := host[n]; !ok {
			u.staged(n, nil, jail[n])
		}
	}
	slices.Sort(u.Staged)
	return nil
}

func (u *Unit) staged(name string, host, jail []string) {
	if slices.Equal(host, jail) {
		return
	}
	if slices.Contains(jail, intended) {
		if jail = nil; host == nil {
			return
		}
	}
	e := entry{host: host, jail: jail}
	old := ""
	for _, info := range host {
		old, _, _ = strings.Cut(info, " ")
	}
	e.held = u.o.Judge(name)
	for _, info := range jail {
		if f := strings.Fields(info); len(f) == 3 && e.held == "" {
			e.held = u.entryHeld(name, old, f[0], f[1])
		}
	}
	u.entries[name] = e
	u.Staged = append(u.Staged, name)
}

// Index is the host's index with the entries of the layer, but for those that
// wait for a yes. Flags of entries (assume-unchanged, skip-worktree), by which git
// overlooks changes, stay the host's. It is nil if nothing is another.
func (u *Unit) Index(yes func(path string) bool) ([]byte, error) {
	var b strings.Builder
	for _, n := range u.Staged {
		e := u.entries[n]
		if e.held != "" && !yes(n) {
			continue
		}
		fmt.Fprintf(&b, "0 %s\t%s\x00", strings.Repeat("0", u.oidSize), n)
		for _, info := range e.jail {
			fmt.Fprintf(&b, "%s\t%s\x00", info, n)
		}
	}
	if b.Len() == 0 {
		return nil, nil
	}
	data, err := content(u.o.Lower, u.o.Place.Path("index"), maxIndex)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(u.scratch, "index.new")
	if err := os.RemoveAll(file); err != nil {
		return nil, err
	}
	if data != nil {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, err
		}
	}
	if _, err := u.g.run([]string{"GIT_INDEX_FILE=" + file}, strings.NewReader(b.String()), "update-index", "-z", "--index-info"); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// stagedObjects are those that the index names.
func (u *Unit) stagedObjects(yes func(path string) bool) (oids []string) {
	for _, n := range u.Staged {
		e := u.entries[n]
		if e.held != "" && !yes(n) {
			continue
		}
		for _, info := range e.jail {
			if f := strings.Fields(info); len(f) == 3 && f[0] != "160000" {
				oids = append(oids, f[1])
			}
		}
	}
	return oids
}
